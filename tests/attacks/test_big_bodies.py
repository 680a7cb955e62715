"""Bodies that are large, or that become large, and requests without an end."""

from __future__ import annotations

import json
import random
import resource
import socket
import threading
from collections import deque
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from budgetctl.server import bodies, protocol
from budgetctl.server.bodies import AT_ONCE, decode_slowly
from budgetctl.server.http import MAX_BULK_BODY, MAX_SMALL_BODY
from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import SqliteStore
from support.outages import free_port, start_server
from support.serving import Running
from support.waiting import eventually

NOBODY = "POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer none\r\n"


@pytest.fixture
def guarded(serve, home) -> Running:
    """A server that wants tokens."""
    return serve(lambda name: SqliteStore(home / f"{name}.db", name), tokens=FileTokens(home / "tokens.json"))


def answer_to(running: Running, *sent: bytes) -> bytes:
    """What is answered to that, which may be more than the server takes."""
    received = b""
    with closing(socket.create_connection(("127.0.0.1", running.port), timeout=30)) as connection:
        try:
            for each in sent:
                connection.sendall(each)
        except OSError:
            return received
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
    return received


def test_whoever_loads_budgets_may_not_send_a_whole_project(guarded):
    token = guarded.new_token("p", read_only=True)
    body = b'{"project_name": "p", "more": "' + b"x" * MAX_SMALL_BODY + b'"}'
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    answer = guarded.ask("POST", "/get_budget", body, **headers)
    assert (answer.status, answer.document["error"]["code"]) == (413, "too_large")


def test_a_body_that_becomes_large_in_memory_is_not_taken(guarded):
    token = guarded.new_token("p")
    body = b'{"project_name": "p", "user_dict": {"alice": [' + b"[]," * (MAX_BULK_BODY // 12) + b"[]]}}"
    headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
    answer = guarded.ask("POST", "/set_budget", body, **headers)
    assert (answer.status, answer.document["error"]["code"]) == (413, "too_large")


def test_a_record_that_is_large_by_itself_is_not_taken(guarded):
    token = guarded.new_token("p")
    body = {"project_name": "p", "user_dict": {"alice": {"total_budget": 1, "more": "x" * 3 * AT_ONCE}}}
    answer = guarded.ask("POST", "/set_budget", body, Authorization=f"Bearer {token}")
    assert (answer.status, answer.document["error"]["code"]) == (413, "too_large")


def test_big_bodies_take_little_memory_and_keep_nobody_waiting(home):
    port = free_port()
    server = start_server(f"{home}/", port, "--no-auth", "--quiet")
    try:
        body = b'{"project_name": "p", "user_dict": {"alice": [' + b"[]," * (8 << 20) + b"[]]}}"

        def post() -> None:
            with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("POST", "/set_budget", body, {"Content-Type": "application/json"})
                connection.getresponse().read()

        attackers = [threading.Thread(target=_whatever_comes, args=[post]) for _ in range(4)]
        for attacker in attackers:
            attacker.start()
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            while any(attacker.is_alive() for attacker in attackers):
                connection.request("GET", "/v1/projects")
                assert connection.getresponse().read() == b'{"items":[]}'
        for attacker in attackers:
            attacker.join()
        assert memory_mib(server.pid) < 400
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _whatever_comes(act) -> None:
    try:
        act()
    except OSError:  # let go while it sends
        return


def memory_mib(pid: int) -> float:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1_024


def test_there_are_few_big_bodies_at_a_time(guarded, monkeypatch):
    monkeypatch.setattr(bodies, "PLACE_TIMEOUT_S", 0.2)
    token = guarded.new_token("p")
    head = f"POST /v1/create-budgets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {MAX_BULK_BODY}\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", guarded.port)) for _ in range(bodies.BIG_AT_A_TIME)]
    for connection in held:
        connection.sendall(head.encode())
    eventually(lambda: guarded.server.config.app._bodies.reading == len(held))
    assert answer_to(guarded, head.encode()).startswith(b"HTTP/1.1 503 ")
    small = guarded.ask("GET", "/v1/exists", Authorization=f"Bearer {token}")
    assert small.status == 200
    for connection in held:
        connection.close()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (NOBODY + "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-A: b\r\n"),
        (NOBODY + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        (NOBODY + "Transfer-Encoding: chunked\r\n\r\n", "1;" + "x" * 100 + "\r\nx\r\n"),
        (NOBODY, "X-A: b\r\n"),
        (NOBODY + "X-A: ", "x"),
        ("GET /", "x"),
        ("", "\r\n"),
        ("", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ],
    ids=["trailers", "tiny chunks", "extensions", "headers", "a header", "an address", "empty lines", "requests"],
)
def test_a_request_without_an_end_is_ended_and_keeps_no_memory(guarded, monkeypatch, begin, more):
    monkeypatch.setattr(protocol, "DISCARD_PAUSE_S", 0)  # or each takes a second
    everything = more.encode() * ((32 << 20) // len(more))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with closing(socket.create_connection(("127.0.0.1", guarded.port), timeout=30)) as connection:
        connection.sendall(begin.encode())
        with pytest.raises(OSError, match=r"reset|Broken pipe"):
            connection.sendall(everything)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KiB
    assert guarded.ask("GET", "/healthz").status == 200


def document_of(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth else 6)
    if kind == 6:
        return {f"{chance.choice(['a', 'ü', '😀', chr(34), chr(92)])}{n}": document_of(chance, depth - 1)
                for n in range(chance.randrange(5))}  # fmt: skip
    if kind == 7:
        return [document_of(chance, depth - 1) for _ in range(chance.randrange(5))]
    return [None, True, chance.randrange(10**30), chance.uniform(-1, 1), 'ü😀"\\\n', ""][kind]


def cut(chance: random.Random, content: bytes) -> deque[bytes]:
    places = sorted(chance.randrange(len(content) + 1) for _ in range(chance.randrange(8)))
    return deque(content[a:b] for a, b in zip([0, *places], [*places, len(content)], strict=True))


def test_what_is_read_piece_by_piece_is_what_is_read_at_once(chance, monkeypatch):
    monkeypatch.setattr(bodies, "_PAUSE_S", 0)
    for _ in range(300):
        document = document_of(chance, 5)
        content = json.dumps(document, indent=chance.choice([None, 1]), ensure_ascii=chance.random() < 0.5).encode()
        assert decode_slowly(cut(chance, content)) == document


@pytest.mark.parametrize("content", [b' ""e', b" 1e", b" true-", b'[1] "a"9', b' {"a": 1}9'])
def test_what_follows_a_value_is_not_lost(content):
    with pytest.raises(ValueError, match=r".*"):
        decode_slowly(deque([content]))


def test_what_is_no_json_at_once_is_none_piece_by_piece(chance, monkeypatch):
    monkeypatch.setattr(bodies, "_PAUSE_S", 0)
    refused = 0
    for _ in range(1_000):
        content = bytearray(json.dumps(document_of(chance, 4), ensure_ascii=False).encode())
        for _ in range(chance.randrange(1, 3)):
            content[chance.randrange(len(content))] = chance.choice(b'{}[],:"\\ \x00\xff019eaNt-')
        try:
            expected = bodies._DECODER.decode(content.decode())
        except ValueError:
            refused += 1
            with pytest.raises(ValueError, match=r".*"):
                decode_slowly(cut(chance, bytes(content)))
        else:
            assert decode_slowly(cut(chance, bytes(content))) == expected
    assert refused > 100
