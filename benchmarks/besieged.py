"""How long other clients wait while somebody attacks the server, and what it takes of memory.

    python benchmarks/besieged.py [SECONDS] [ATTACK ...]

For each attack a server is started anew, with 1,024 open files as systems allow by default. Clients charge at a steady
pace, half of them over a new connection each time: first by themselves, then under the attack. Printed are their 99th
percentiles without and with it, where no good answer is an endless wait, and the most memory that the server had.
"""

from __future__ import annotations

import json
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

CLIENTS = 8
PAUSE_S = 0.02
PARKED = 1_000
REOPEN_S = 0.05
HEAD = "{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n"
WAITING_FOR_BODY = HEAD.format("POST /v1/charge", "{}") + "Content-Length: 1000\r\n\r\n{{"
PING = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
BIG = b'{"project_name": "p", "user_dict": {"x": [' + b"[]," * ((64 << 20) // 3 - 40) + b"0]}}"
TO_NOBODY = HEAD.format("POST /v1/charge", "none") + "Transfer-Encoding: chunked\r\n\r\n"


class Tokens(NamedTuple):
    """Those of an attacker; what he has none for is tried without."""

    writing: str
    reading: str


def parked(tokens: Tokens, name: str) -> bytes:
    """What each of a thousand connections sends before it falls silent."""
    sent = {
        "silent": b"",
        "mid-head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        "after a line": PING + b"\r\n",
        "idle": PING,
        "idle with a token": HEAD.format("GET /v1/exists", tokens.reading).encode() + b"\r\n",
        "mid-body": WAITING_FOR_BODY.format(tokens.writing).encode(),
        "mid-body without a token": WAITING_FOR_BODY.format("none").encode(),
        "answers unread": PING * 16,
        "answers unread with a token": (HEAD.format("GET /openapi.json", tokens.reading).encode() + b"\r\n") * 16,
    }
    return sent[name]


PARKING = ("silent", "mid-head", "after a line", "idle", "idle with a token", "mid-body", "mid-body without a token",
           "answers unread", "answers unread with a token")  # fmt: skip
POSTING = {"big bodies of a reader": "/get_budget", "big bodies of a writer": "/set_budget"}
STREAMING = {
    "trailers without end": TO_NOBODY.encode() + b"0\r\n",
    "tiny chunks": TO_NOBODY.encode(),
    "head without end": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
}
MORE = {"trailers without end": b"X-A: b\r\n" * 8_000, "tiny chunks": b"1\r\nx\r\n" * 8_000,
        "head without end": b"X-A: b\r\n" * 8_000}  # fmt: skip
ATTACKS = (*PARKING, "a log that nobody reads", *POSTING, *STREAMING)


def attack(name: str, port: int, tokens: Tokens) -> None:
    """Go on with it until somebody ends this process."""
    if name in PARKING:
        park(port, parked(tokens, name))
    token = tokens.reading if name.endswith("reader") else tokens.writing
    act: Callable[[], None]
    if name in POSTING:
        act = lambda: post(port, POSTING[name], token)  # noqa: E731
    else:
        act = lambda: stream(port, STREAMING[name], MORE[name])  # noqa: E731
    for _ in range(4):
        threading.Thread(target=repeat, args=[act], daemon=True).start()
    print("begun", flush=True)
    threading.Event().wait()


def park(port: int, sent: bytes) -> None:
    """Keep so many connections, and open those again by and by that the server has closed."""
    there = select.poll()
    connections: dict[int, socket.socket] = {}

    def enter() -> None:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(0.1)
        with suppress(OSError):
            connection.connect(("127.0.0.1", port))
            connection.sendall(sent)
        connections[connection.fileno()] = connection
        there.register(connection, select.POLLRDHUP | select.POLLHUP)

    while len(connections) < PARKED:
        enter()
    print("parked", flush=True)
    while True:
        time.sleep(REOPEN_S)
        for descriptor, _ in there.poll(0)[:1]:
            there.unregister(descriptor)
            connections.pop(descriptor).close()
            enter()


def post(port: int, path: str, token: str) -> None:
    """A body as large as is taken anywhere, which is small on the wire against what becomes of it."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", path, BIG, headers)
        connection.getresponse().read()


def stream(port: int, head: bytes, more: bytes) -> None:
    """A request without an end."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection:
        connection.sendall(head)
        while True:
            connection.sendall(more)


def repeat(act: Callable[[], None]) -> None:
    """Do it again and again, whatever becomes of it."""
    while True:
        with suppress(OSError, HTTPException):
            act()
        time.sleep(0.05)


@contextmanager
def serving(directory: Path, *, is_read: bool) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server in a process of its own; its log goes into a pipe that somebody reads, or nobody."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "budgetctl", "--store", f"{directory}/", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=allow_few_files)  # noqa: PLW1509
    try:
        line = b""
        while b"serving" not in line:
            line = server.stderr.readline()
        if is_read:
            threading.Thread(target=server.stderr.read, daemon=True).start()
        yield server, port
    finally:
        began = time.perf_counter()
        server.terminate()
        try:
            server.wait(40)
        except subprocess.TimeoutExpired:
            print(f"    SIGTERM did not end it in {time.perf_counter() - began:.0f} s")
            server.kill()
            server.wait()


def allow_few_files() -> None:
    """What most systems allow."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def token(directory: Path, *options: str) -> str:
    """A new token for the project."""
    command = [sys.executable, "-m", "budgetctl", "--store", f"{directory}/", "token", "create", *options, "--json"]
    done = subprocess.run([*command, "--project", "p"], capture_output=True, check=True)
    return str(json.loads(done.stdout)["token"])


def settle(port: int) -> None:
    """Wait until what comes with the first thousand connections is answered, or for half a minute."""
    until = time.perf_counter() + 30
    with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        took_s = 1.0
        while took_s > 0.1 and time.perf_counter() < until:
            time.sleep(0.5)
            began = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            took_s = time.perf_counter() - began


class Load:
    """Clients at a steady pace: `took_s` has how long each answer took, for ever if it was none or no good one."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.took_s: list[float] = []

    def run(self, seconds: float) -> Load:
        """Have them ask for so long."""
        until = time.perf_counter() + seconds
        clients = [threading.Thread(target=self._ask, args=[until, n % 2 == 0]) for n in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return self

    def _ask(self, until: float, is_kept: bool) -> None:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = json.dumps({"user": "alice", "amount_picodollars": 1})
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        while (began := time.perf_counter()) < until:
            try:
                connection.request("POST", "/v1/charge", body, headers)
                answer = connection.getresponse()
                answer.read()
                is_good = answer.status == 200
            except (OSError, HTTPException):
                is_good = False
            self.took_s.append(time.perf_counter() - began if is_good else float("inf"))
            if not (is_kept and is_good):
                connection.close()
            time.sleep(PAUSE_S)
        connection.close()

    def p99_ms(self) -> float:
        """The 99th percentile."""
        return sorted(self.took_s)[len(self.took_s) * 99 // 100] * 1_000

    def failed(self) -> int:
        """How many got no good answer."""
        return self.took_s.count(float("inf"))


def besiege(name: str, seconds: float) -> None:
    """A line of the table."""
    with tempfile.TemporaryDirectory() as there:
        directory = Path(there)
        own, tokens = token(directory), Tokens(token(directory), token(directory, "--read-only"))
        is_log = name == "a log that nobody reads"
        with serving(directory, is_read=not is_log) as (server, port):
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                create: dict[str, Any] = {"user": "alice", "amount_picodollars": 10**15, "if_exists": "error"}
                headers = {"Authorization": f"Bearer {own}", "Content-Type": "application/json"}
                connection.request("POST", "/v1/create-budget", json.dumps(create), headers)
                assert connection.getresponse().status == 200
            without = Load(port, own).run(1 if is_log else seconds)
            if is_log:
                under = Load(port, own).run(seconds)
            else:
                command = [sys.executable, __file__, "attack", name, str(port), *tokens]
                attacker = subprocess.Popen(command, stdout=subprocess.PIPE)
                attacker.stdout.readline()
                settle(port)
                under = Load(port, own).run(seconds)
                attacker.send_signal(signal.SIGKILL)
                attacker.communicate()
            print(
                f"{name:<28} {without.p99_ms():>8.1f} {under.p99_ms():>8.1f} {under.p99_ms() / without.p99_ms():>7.1f}"
                f" {len(under.took_s):>8,} {under.failed():>8,} {peak_mib(server.pid):>8,.0f}",
                flush=True,
            )


def peak_mib(pid: int) -> float:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1_024


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["attack"]:
        attack(sys.argv[2], int(sys.argv[3]), Tokens(*sys.argv[4:]))
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(f"{'attack':<28} {'p99 ms':>8} {'under it':>8} {'ratio':>7} {'asked':>8} {'failed':>8} {'peak MiB':>8}")
    for name in sys.argv[2:] or ATTACKS:
        besiege(name, seconds)


if __name__ == "__main__":
    main()
