"""The installed version of uvicorn has all undocumented parts that the server uses."""

from __future__ import annotations

import re
import signal
import socket

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

PARTS = {
    "protocol": {"cycle", "flow", "headers", "loop", "parser", "pipeline", "scope", "server_state", "transport", "url"},
    "protocol.cycle": {"disconnected", "keep_alive", "message_event", "response_complete", "response_started"},
    "protocol.flow": {"resume_reading", "write_paused"},
    "protocol.parser": {"get_method"},
    "protocol.server_state": {"default_headers"},
    "server": {"handle_exit", "capture_signals", "should_exit"},
    "server.config": {"get_loop_factory"},
}
"""The attributes that the server uses of each object, once a request was answered."""

CALLBACKS = {
    "connection_made", "connection_lost", "data_received", "pause_writing", "resume_writing", "on_message_begin",
    "on_header", "on_headers_complete", "on_message_complete", "on_response_complete", "send_400_response", "shutdown",
}  # fmt: skip
"""The methods that the transport, the parser, a finished answer and an ending server call."""


@pytest.fixture
def objects(server):
    """A server, the connection of the client that has filled it, and their parts, by the names in `PARTS`."""
    (protocol,) = server.server.server_state.connections
    objects = {"protocol": protocol, "server": server.server}
    return {name: _found(objects, name) for name in PARTS}


def _found(objects, name):
    root, *path = name.split(".")
    found = objects[root]
    for each in path:
        found = getattr(found, each)
    return found


def test_a_connection_and_a_server_have_all_that_is_used_of_them(objects):
    missing = {
        f"{name}.{attribute}"
        for name, attributes in PARTS.items()
        for attribute in attributes
        if not hasattr(objects[name], attribute)
    }
    assert not missing


def test_every_callback_that_is_overridden_is_uvicorns_too():
    assert vars(HttpToolsProtocol).keys() >= CALLBACKS
    assert "capture_signals" in vars(uvicorn.Server)


def test_every_status_has_a_line():
    assert STATUS_LINE[408] == b"HTTP/1.1 408 Request Timeout\r\n"


def test_the_handler_of_signals_ends_the_server(objects):
    server = objects["server"]
    assert not server.should_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit


def test_requests_that_come_together_are_answered_in_their_order(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        asked = (("/healthz", "keep-alive"), ("/nothing", "keep-alive"), ("/healthz", "close"))
        request = "GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: {}\r\n\r\n"
        client.sendall("".join(request.format(*each) for each in asked).encode())
        answers = b"".join(iter(lambda: client.recv(65_536), b""))
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"]


def test_what_the_parser_cannot_go_on_with_is_refused_in_json(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"code":"invalid"' in answer
