"""What the server does not take: too much, too slowly, of the wrong kind, or meant for somebody else."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest

from budgetctl.server import app, bodies, protocol
from budgetctl.server.http import MAX_BODY
from budgetctl.wire.calls import CALLS
from support.requests import REQUESTS, ask
from support.waiting import eventually

WRITES = [call.path for call in CALLS.values() if call.writes and not call.is_bulk]


PING = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def everything_from(running, *sent):
    """What a server sends on a connection until it closes it."""
    received = b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        for each in sent:
            connection.sendall(each)
        while part := connection.recv(65_536):
            received += part
    return received


def code(answer):
    return answer.status, answer.document["error"]["code"]


def test_a_body_that_is_too_large_is_not_taken(server):
    for path in WRITES:
        answer = server.ask("POST", path, b" " * (MAX_BODY + 1), Content_Type="application/json")
        assert code(answer) == (413, "too_large")


def test_a_body_of_unstated_length_is_not_taken_beyond_the_bound(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n")  # fmt: skip
        for _ in range(MAX_BODY // 65_536 + 1):
            connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413")


def test_whoever_takes_over_a_project_may_send_more(server):
    changes = [[f"user-{number}", {"amount_picodollars": 1}] for number in range(20_000)]
    answer = server.ask("POST", "/v1/create-budgets", {"project": "big", "changes": changes})
    assert len(answer.document["items"]) == 20_000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
def test_a_body_of_another_type_is_not_taken(server, kind):
    for path in WRITES:
        assert code(server.ask("POST", path, b"{}", Content_Type=kind)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b"\xff", b'{"user": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_a_body_that_is_no_json_is_not_taken(server, body):
    answer = server.ask("POST", "/v1/charge", body, Content_Type="application/json")
    assert code(answer) == (400, "invalid")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"user": 7}, "the body.user is 7: text is needed"),
        ({"user": ""}, "the body.user: the user is empty"),
        ({"user": "a\u0000"}, "control character"),
        ({"user": "a" * 257}, "has 257 characters"),
        ({"user": None}, "the body.user is null"),
        ({"amount_picodollars": 0.5}, "a whole number is needed"),
        ({"amount_picodollars": True}, "a whole number is needed"),
        ({"amount_picodollars": "1"}, "a whole number is needed"),
        ({"amount_picodollars": -1}, "must be from 0"),
        ({"amount_picodollars": 10**27}, "must be from 0"),
        ({"usage": []}, "an object is needed"),
        ({"usage": {"x": "y" * 65_536}}, "the body.usage has 65,545 bytes as JSON: at most 65,536"),
        ({"pricing": {"x": json.loads("[" * 64 + "]" * 64)}}, "the body.pricing is nested too deeply: at most 64"),
        ({"model": "\u6a21" * 334}, "has 1002 bytes in UTF-8: at most 1000"),
        ({"usage": {"x": "\ud800"}, "note": "\ud800"}, "lone surrogate"),
        ({"key": {"kind": "caller", "digest": "no", "request": "no"}}, "32 hexadecimal digits"),
        ({"project": 7}, "project must be text"),
        ({"unknown": 1}, "an unknown field 'unknown'"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_nothing_is_changed(server, change, said):
    body = {"project": "p", **REQUESTS["charge"], **change}
    answer = server.ask("POST", "/v1/charge", body)
    assert code(answer) == (422, "invalid")
    assert said in answer.document["error"]["message"]
    assert ask(server, "budget").document["limit"]["spent_picodollars"] == 5


def test_a_number_that_is_none_once_it_is_read_is_not_stored(server):
    body = b'{"project": "p", "user": "alice", "amount_picodollars": 1, "usage": {"x": 1e999}}'
    answer = server.ask("POST", "/v1/charge", body, Content_Type="application/json")
    assert code(answer) == (422, "invalid")


@pytest.mark.parametrize("name", [name for name, request in REQUESTS.items() if request and CALLS[name].writes])
def test_a_field_that_is_missing_is_named(server, name):
    required = [field.name for field in CALLS[name].parameters.all_fields() if field.is_required]
    for missing in required:
        body = {key: value for key, value in REQUESTS[name].items() if key != missing}
        answer = server.ask("POST", CALLS[name].path, {"project": "p", **body})
        assert code(answer) == (422, "invalid")
        assert f"lacks the field {missing!r}" in answer.document["error"]["message"]


@pytest.mark.parametrize(
    "query", ["user=alice&user=bob", "user", "user=%ff", "nobody=1", "user=alice&limit=1", "%", "user=alice&project="]
)
def test_a_query_that_cannot_be_read_is_an_error(server, query):
    assert code(server.ask("GET", f"/v1/budget?{query}")) == (422, "invalid")


@pytest.mark.parametrize("size", ["0", "-1", "x", "1" * 30, ""])
def test_a_page_has_a_size(server, size):
    assert code(server.ask("GET", f"/v1/budgets?limit={size}")) == (422, "invalid")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8484", "localhost.evil.example", "", "127.0.0.1.evil"])
def test_a_request_that_is_meant_for_another_host_is_not_answered(server, host):
    assert code(server.ask("GET", "/v1/budget?user=alice&project=p", Host=host)) == (421, "misdirected")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8484", "budgets.example:443"])
def test_a_server_answers_to_its_names(serve, open_file, clock, host):
    server = serve(open_file, clock=clock, allowed_hosts=["budgets.example"])
    assert server.ask("GET", "/v1/exists", Host=host).status == 200


def test_what_there_is_no_route_for_is_an_error(server):
    assert code(server.ask("GET", "/nothing")) == (404, "no_such_route")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("GET", "/v1/charge", "POST"), ("DELETE", "/v1/budget", "GET, HEAD"), ("OPTIONS", "/get_budget", "POST")],
)
def test_what_a_route_is_not_asked_by_is_an_error_that_says_by_what(server, method, path, allowed):
    answer = server.ask(method, path)
    assert code(answer) == (405, "no_such_route")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/healthz", "/v1/exists"])
@pytest.mark.parametrize("hosts", ["", "Host: localhost\r\nHost: localhost\r\n", "Host: a\r\nHost: localhost\r\n"])
def test_a_request_names_one_host(server, path, hosts):
    answer = everything_from(server, f"GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize("sent", [b"\x00\r\n\r\n", b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n",
                                  b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n",
                                  PING[:-2] + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"])  # fmt: skip
def test_what_is_no_request_is_told_so_in_the_form_of_all_errors(server, sent):
    head, _, body = everything_from(server, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == "invalid"


@pytest.mark.parametrize("size", [32_769, 40_000, 65_000])
def test_a_head_that_is_too_large_is_not_taken_even_if_it_comes_at_once(server, size):
    head = PING[:-2] + b"X-More: "
    answer = everything_from(server, head + b"x" * (size - len(head) - 4) + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


def test_a_head_of_just_the_size_that_is_taken_is_taken(server):
    head = PING[:-2] + b"Connection: close\r\nX-More: "
    answer = everything_from(server, head + b"x" * (protocol.MAX_HEAD - len(head) - 4) + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_more_headers_than_are_taken_are_too_large(server):
    answer = everything_from(server, PING[:-2] + b"X: y\r\n" * protocol.MAX_HEADERS + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_an_address_that_is_too_long_is_not_taken(server):
    answer = everything_from(server, b"GET /" + b"x" * protocol.MAX_TARGET + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert re.match(rb"HTTP/1.1 414 \S+", answer)


def test_requests_that_come_one_after_another_are_answered_in_their_order(server):
    lost = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = everything_from(server, (PING + lost) * 5 + PING + b"nonsense\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", received)[:11] == [b"200", b"404"] * 5 + [b"200"]


def test_an_answer_before_the_end_of_a_request_says_that_the_connection_ends(guarded):
    sent = b"POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    answer = everything_from(guarded, sent)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_head_is_answered_where_get_is_without_a_body(server):
    answer = server.ask("HEAD", "/healthz")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("sent", [b"GET ", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
def test_a_client_that_does_not_finish_the_head_is_told_so_and_let_go(serve, open_file, monkeypatch, sent):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.2)
    answer = everything_from(serve(open_file), sent)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nconnection: close\r\n" in answer


def test_a_client_that_begins_with_nothing_is_let_go(serve, open_file, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.2)
    assert everything_from(serve(open_file), b"") == b""


def test_a_client_that_does_not_finish_a_second_head_is_let_go(serve, open_file, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.2)
    received = everything_from(serve(open_file), PING + b"GET /")
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"408"]


def test_a_connection_on_which_nothing_is_asked_any_more_is_let_go(serve, open_file, monkeypatch):
    monkeypatch.setattr(protocol, "IDLE_TIMEOUT_S", 0.2)
    assert everything_from(serve(open_file), PING).endswith(b'{"status":"ok"}')


def test_an_empty_line_is_no_reason_to_wait_longer(serve, open_file, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT_S", 0.2)
    monkeypatch.setattr(protocol, "IDLE_TIMEOUT_S", 0.2)
    server = serve(open_file)
    for lines in (b"\r\n", PING + b"\r\n", PING + b"\r\n\r\n"):
        assert everything_from(server, lines).endswith(b'{"status":"ok"}' if b"GET" in lines else b"")


def test_a_head_without_end_is_not_read(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall((b"X-More: " + b"x" * 8_000 + b"\r\n") * 10_000)


def test_a_client_that_does_not_finish_the_body_is_let_go(serve, open_file, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.2)
    sent = b"POST /v1/charge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    received = everything_from(serve(open_file), sent)
    assert received.startswith(b"HTTP/1.1 408")
    assert b"\r\nconnection: close\r\n" in received


def test_slow_clients_keep_nobody_else_waiting(server):
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"POST /v1/charge HTTP/1.1\r\nHost: localhost\r\n")
    assert ask(server, "charge").status == 200
    for connection in slow:
        connection.close()


def test_more_requests_than_may_wait_are_told_to_come_again(server, open_file, monkeypatch):
    monkeypatch.setattr(app, "MAX_UNDER_WAY", 1)
    entered, leave = threading.Event(), threading.Event()
    store = open_file("p")

    def hold() -> None:
        with store.write():
            entered.set()
            leave.wait(30)

    writer = threading.Thread(target=hold)
    writer.start()
    entered.wait(30)
    waiting = threading.Thread(target=ask, args=[server, "charge"])
    waiting.start()
    project = next(iter(server.server.projects))
    eventually(lambda: project.users, "the first request has not arrived")
    answer = ask(server, "budget")
    leave.set()
    writer.join()
    waiting.join()
    store.close()
    assert code(answer) == (503, "busy")
    assert answer.headers["retry-after"] == "1"
