"""How much a server does, against what the disk and the library do in the same run.

    python benchmarks/serving.py [SECONDS] [CONNECTIONS] [STORE] [SERVERS]

STORE is a new SQLite store, or the URL of a PostgreSQL database, which is compared with `pgbench -N`. There is
one server, or as many that share a port.

Single requests are sent by wrk (https://github.com/wg/wrk), which has to be installed.
"""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from budgetctl import BudgetManager
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore, Store, open_store

USERS = 100
BATCH = 2_000

CHARGE = """
local n = 0
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
request = function()
    n = n + 1
    local body = string.format('{"project":"p","user":"user-%d","amount_picodollars":1000000,"model":"m"}', n % 100)
    return wrk.format(nil, "/v1/charge", nil, body)
end
"""
PAIR = """
local n = 0
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
request = function()
    n = n + 1
    local hold, path, body = math.floor(n / 2), "/v1/reserve", nil
    if n % 2 == 0 then
        body = string.format('{"project":"p","user":"user-%d","hold_id":"RUN-%d","amount_picodollars":1000000,'
            .. '"ttl_us":600000000}', hold % 100, hold)
    else
        -- One that was reserved so long ago that it has been answered.
        path = "/v1/commit"
        body = string.format('{"project":"p","hold_id":"RUN-%d","amount_picodollars":900000}', hold - LAG)
    end
    return wrk.format(nil, path, nil, body)
end
"""
MANY = """
wrk.method, wrk.path, wrk.headers["Content-Type"] = "POST", "/v1/apply", "application/json"
local charges = {}
for n = 1, BATCH do
    charges[n] = string.format('{"charge":{"user":"user-%d","amount_picodollars":1000000,"model":"m"}}', n % 100)
end
wrk.body = '{"project":"p","requests":[' .. table.concat(charges, ",") .. "]}"
"""
CHECK = """
local n = 0
request = function()
    n = n + 1
    return wrk.format("GET", string.format("/v1/check?project=p&user=user-%d&cost_picodollars=5", n % 100))
end
"""


def main() -> None:
    """Print each rate, and its ratio to raw commits."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    url = sys.argv[3] if len(sys.argv) > 3 else None
    servers = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        raw = pgbench(url, seconds) if url else rate(raw_commits(directory / "raw.db"), seconds)
        show("pgbench -N, 16 clients" if url else "raw SQLite: one row a commit", raw, raw)
        with closing(open_store(url, "library") if url else SqliteStore(directory / "library.db", "p")) as store:
            fill(store)
            show("library: charges one by one", rate(single(store), seconds), raw)
            show(f"library: charges, {BATCH:,} a commit", rate(batch(store), seconds) * BATCH, raw)
        with closing(socket.socket()) as found:
            found.bind(("127.0.0.1", 0))
            port = found.getsockname()[1]
        command = [sys.executable, "-m", "budgetctl", "--store", url or f"{directory}/", "--quiet", "serve"]
        command += ["--no-auth", "--reuse-port", "--port", str(port)]
        running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(servers)]
        try:
            for server in running:
                server.stderr.readline()
                threading.Thread(target=server.stderr.read, daemon=True).start()  # its log: a full pipe would stop it
            measure(f"http://127.0.0.1:{port}", seconds, connections, raw, directory)
        finally:
            for server in running:
                server.terminate()
                server.wait()


def measure(address: str, seconds: int, connections: int, raw: float, directory: Path) -> None:
    """What goes through the server."""
    with closing(open_store(address, "p")) as store:
        fill(store)
        show("server: charges one by one, one client", rate(single(store), seconds), raw)
        show(f"server: charges, {BATCH:,} a request", rate(batch(store), seconds) * BATCH, raw)
    if shutil.which("wrk") is None:
        print("wrk is not installed: no single requests")
        return
    lag, run = 4 * connections, f"{time.time_ns():x}"
    with closing(open_store(address, "p")) as store:
        holds = [HoldRequest(f"{run}-{n}", "user-1", Picodollars(1_000_000), 600_000_000) for n in range(-lag, 1)]
        assert all(isinstance(hold, Hold) for hold in store.apply(holds))
    rows = (
        (f"charges, {BATCH:,} a request", MANY, 1 / BATCH, 4),
        ("charges", CHARGE, 1, connections),
        ("reserve, then commit", PAIR, 2, connections),
        ("checks", CHECK, 1, connections),
    )
    for what, script, each, open_at_once in rows:
        file = directory / "script.lua"
        file.write_text(script.replace("LAG", str(lag)).replace("RUN", run).replace("BATCH", str(BATCH)))
        time.sleep(1)  # for what the clients of the last run did not wait for
        command = ["wrk", "-t1", f"-c{open_at_once}", f"-d{seconds}", "--timeout", "30s", "-s", str(file), address]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        show(f"server: {what}, {open_at_once} connections", float(found[1]) / each, raw)
        refused = re.search(r"Non-2xx.*", done.stdout)
        if refused:
            print(refused[0])
    manager = BudgetManager("p", store=address)
    assert not list(manager.verify())
    manager.close()


def fill(store: Store) -> None:
    """Users to charge."""
    change = BudgetChange(amount=Picodollars(10**18))
    store.create_budgets([(f"user-{number}", change) for number in range(USERS)])


def pgbench(url: str, seconds: int) -> float:
    """Transactions a second of PostgreSQL's own benchmark, on the same server."""
    subprocess.run(["pgbench", "-i", "-q", "-s", "20", url], capture_output=True, check=True)
    command = ["pgbench", "-n", "-N", "-c", "16", "-j", "2", "-T", str(seconds), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])


def raw_commits(path: Path) -> Callable[[], None]:
    """A statement and a commit, as durable as the store's."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (amount INTEGER)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO entries VALUES (1)")
        connection.execute("COMMIT")

    return commit


def single(store: Store) -> Callable[[], object]:
    """One charge."""
    return lambda: store.charge(ChargeRequest("user-1", Picodollars(1_000_000), model="m"))


def batch(store: Store) -> Callable[[], object]:
    """Many of them."""
    requests = [ChargeRequest(f"user-{n % USERS}", Picodollars(1_000_000), model="m") for n in range(BATCH)]
    return lambda: store.apply(requests)


def rate(act: Callable[[], object], seconds: float) -> float:
    """How often a second it is done."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        act()
        count += 1
    return count / (time.perf_counter() - began)


def show(what: str, found: float, raw: float) -> None:
    """A line of the table."""
    print(f"{what:<52} {found:>10,.0f} a second {found / raw:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
