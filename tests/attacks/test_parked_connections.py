"""Connections that are opened and then left alone, more than a server has room for."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection

import pytest

from budgetctl.server import app, connections, protocol
from budgetctl.server import running as serving
from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import SqliteStore
from support.outages import free_port
from support.serving import Running
from support.waiting import eventually

ROOM = 40
PING = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PARKED = {
    "before a head": b"",
    "in a head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "after an empty line": PING + b"\r\n",
    "after an answer": PING,
    "in a body that nobody wants": b"POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
    "behind a hundred requests": PING * 100,
}
WITH_A_TOKEN = {
    "after an answer": "GET /v1/exists HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n\r\n",
    "in a body": "POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
    "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    "behind answers that are not read": "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n"
    "Authorization: Bearer TOKEN\r\n\r\n" * 16,
}


@pytest.fixture
def small(serve, home, monkeypatch) -> Running:
    """A server that wants tokens, and has room for few connections."""
    monkeypatch.setattr(serving, "room_for_connections", lambda: ROOM)
    monkeypatch.setattr(app, "MAX_UNDER_WAY", 5)
    monkeypatch.setattr(connections, "MAX_TAKING", 20)
    tokens = FileTokens(home / "tokens.json")
    running = serve(lambda name: SqliteStore(home / f"{name}.db", name), tokens=tokens)
    running._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)  # the system takes little for the client
    running.token = running.new_token("p")
    return running


def park(parked: ExitStack, running: Running, sent: bytes, count: int = 3 * ROOM) -> list[socket.socket]:
    """Open so many connections, send that on each, and leave them."""
    found = []
    for _ in range(count):
        connection = parked.enter_context(socket.socket())
        connection.settimeout(30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", running.port))
        found.append(connection)
        try:
            connection.sendall(sent)
        except OSError:  # let go already
            continue
    return found


def wait_for_answers(connections: list[socket.socket]) -> None:
    """Until each has an answer or is let go: requests that are under way are work, and keep others out for a moment."""
    for connection in connections:
        with suppress(OSError):
            connection.recv(1, socket.MSG_PEEK)


def charge(running: Running) -> int:
    """Charge over a new connection."""
    body = {"user": "alice", "amount_picodollars": 1}
    return running.ask("POST", "/v1/charge", body, Authorization=f"Bearer {running.token}").status


def create(running: Running) -> None:
    body = {"user": "alice", "amount_picodollars": 10, "if_exists": "error"}
    answer = running.ask("POST", "/v1/create-budget", body, Authorization=f"Bearer {running.token}")
    assert answer.status == 200


@pytest.mark.parametrize("where", PARKED)
def test_strangers_who_do_nothing_keep_nobody_out(small, where):
    create(small)
    with ExitStack() as parked:
        park(parked, small, PARKED[where])
        assert [charge(small) for _ in range(5)] == [200] * 5
        assert len(small.server.connections) <= ROOM


@pytest.mark.parametrize("where", WITH_A_TOKEN)
def test_whoever_has_a_token_and_does_nothing_keeps_nobody_out(small, where):
    create(small)
    with ExitStack() as parked:
        opened = park(parked, small, WITH_A_TOKEN[where].replace("TOKEN", small.new_token("other")).encode())
        if where == "after an answer":
            wait_for_answers(opened)
        assert [charge(small) for _ in range(5)] == [200] * 5
        assert len(small.server.connections) <= ROOM


def test_strangers_do_not_close_the_connection_of_whoever_has_a_token(small):
    asked = f"GET /v1/exists HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {small.token}\r\n\r\n".encode()
    with ExitStack() as parked:
        kept = park(parked, small, asked, 1)[0]
        assert kept.recv(65_536).startswith(b"HTTP/1.1 200")
        park(parked, small, b"")
        kept.sendall(asked)
        assert kept.recv(65_536).startswith(b"HTTP/1.1 200")


def test_how_many_were_let_go_can_be_asked(small):
    def let_go() -> float:
        text = small.ask("GET", "/metrics", Authorization=f"Bearer {small.token}").body.decode()
        found = re.search(r'budgetctl_connections_let_go_total{why="room"} (\S+)', text)
        return float(found[1]) if found else 0

    before = let_go()
    with ExitStack() as parked:
        park(parked, small, b"")
        assert let_go() - before >= 2 * ROOM


def test_a_client_that_takes_no_answers_is_let_go(small, monkeypatch):
    monkeypatch.setattr(protocol, "ANSWER_TIMEOUT_S", 0.2)
    asked = WITH_A_TOKEN["behind answers that are not read"].replace("TOKEN", small.token).encode()
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", small.port))
        connection.sendall(asked)
        eventually(lambda: len(small.server.connections._taking))
        eventually(lambda: not len(small.server.connections))


def test_few_answers_that_are_not_read_are_kept(small):
    asked = WITH_A_TOKEN["behind answers that are not read"].replace("TOKEN", small.token).encode()
    with ExitStack() as parked:
        park(parked, small, asked, 35)
        eventually(lambda: len(small.server.connections) <= connections.MAX_TAKING)
        assert len(small.server.connections._taking) <= connections.MAX_TAKING


def test_few_open_files_leave_the_stores_theirs(home):
    """A server that may open 256 files: 300 connections, and still a store is opened for a project."""
    port = free_port()
    command = [sys.executable, "-m", "budgetctl", "--store", f"{home}/", "--quiet", "serve", "--no-auth", "--port"]
    limit = (256, 256)
    server = subprocess.Popen(
        [*command, str(port)], stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit),  # noqa: PLW1509
    )  # fmt: skip
    try:
        while b"serving" not in server.stderr.readline():
            pass
        with ExitStack() as parked:
            for _ in range(300):
                parked.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                body = json.dumps({"project": "new", "user": "alice", "amount_picodollars": 1, "if_exists": "error"})
                connection.request("POST", "/v1/create-budget", body, {"Content-Type": "application/json"})
                assert connection.getresponse().status == 200
    finally:
        server.terminate()
        server.communicate(timeout=60)
