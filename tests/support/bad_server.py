"""Servers that answer as no server should: each connection is handed to a function, on a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Act = Callable[[socket.socket, threading.Event], None]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def body(content: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A correct answer with that content, as bytes."""
    more = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(content), more, content)


def says(answer: bytes) -> Act:
    """A function that sends an answer, and closes the connection."""
    return lambda connection, _: connection.sendall(answer)


def drips(first: bytes, then: bytes) -> Act:
    """A function that sends a beginning, and then a few bytes ten times a second."""

    def act(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(first)
        while not stopped.wait(0.1):
            connection.sendall(then)

    return act


def floods(first: bytes, then: bytes) -> Act:
    """A function that sends a beginning, and then bytes without end, as fast as the client reads."""

    def act(connection: socket.socket, stopped: threading.Event) -> None:
        connection.sendall(first)
        while not stopped.is_set():
            connection.sendall(then * (65_536 // len(then) + 1))

    return act


def is_silent(connection: socket.socket, stopped: threading.Event) -> None:
    """Keep the connection open, and never answer."""
    stopped.wait()


@contextlib.contextmanager
def bad_server(act: Act) -> Iterator[str]:
    """The address of a server that hands every connection to the function."""
    stopped = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.recv(65_536)
            act(connection, stopped)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)  # until the client has read the answer

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=[connection], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
