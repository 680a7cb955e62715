"""Answers of servers that may be broken or hostile, within bounds of time and size.

A timeout of a socket starts anew with each byte that comes, and `http.client` reads all heads, interim answers and
bodies that a server sends. Here the bounds are for all bytes, from the first to the last. To be imported inside
functions, as `http.client` takes long.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

_PIECE = 1 << 16


class TooSlowError(TimeoutError):
    """The answer was not whole in time."""


class TooLargeError(OSError):
    """The answer is larger than any should be."""


class Bounds:
    """How long an answer may take and how large it may be, with all that comes before it."""

    def __init__(self, seconds: float, most_bytes: int) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._most_bytes = self._left_bytes = most_bytes

    def left_s(self) -> float:
        """The seconds that are left. Raises `TooSlowError` when there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.too_slow()
        return left

    def count(self, size: int) -> None:
        """Count bytes that have come. Raises `TooLargeError`."""
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise TooLargeError(f"it sent more than {self._most_bytes >> 20} MiB")

    def too_slow(self) -> TooSlowError:
        """The error that says how many seconds the answer has had."""
        return TooSlowError(f"no whole answer within {self._seconds:g} s")


class _Incoming(io.RawIOBase):
    """The bytes that come from a socket, as long as they are within bounds."""

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._sock, self._bounds = sock, bounds
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open when the connection lets go of it

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._bounds.left_s())
        try:
            size: int = self._raw.readinto(buffer) or 0
        except TimeoutError as error:
            raise self._bounds.too_slow() from error
        self._bounds.count(size)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Bounded:
    """A socket as http.client reads from it."""

    def __init__(self, sock: socket.socket, bounds: Bounds) -> None:
        self._sock, self._bounds = sock, bounds

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002
        return io.BufferedReader(_Incoming(self._sock, self._bounds))


def bound(connection: http.client.HTTPConnection, bounds: Bounds) -> None:
    """Put bounds on the next request of a connection, and on opening it."""

    def answer(sock: socket.socket, *arguments: Any, **more: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Bounded(sock, bounds), *arguments, **more)  # type: ignore[arg-type]

    connection.response_class = answer  # type: ignore[assignment]  # which is called, and nothing else
    connection.timeout = bounds.left_s()
    if connection.sock is not None:
        connection.sock.settimeout(connection.timeout)


def read_body(answer: http.client.HTTPResponse) -> bytearray:
    """The body of an answer. Raises `OSError`, `HTTPException` or `ValueError` for one that does not come whole.

    In pieces: http.client makes room at once for as much as a server announces.
    """
    body = bytearray()
    while piece := answer.read(_PIECE):
        body += piece
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
    return body
