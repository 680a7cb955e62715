"""HTTP on a connection, within bounds of size and time: uvicorn's own protocol waits for a client for ever."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, cast

from budgetctl.server.connections import Connections
from budgetctl.server.http import CONNECTION, JSON, WHOLE, encoded
from budgetctl.server.metrics import LET_GO
from budgetctl.server.problems import RefusedError, document_of
from budgetctl.server.uvicorn_internals import HttpProtocol

HEAD_TIMEOUT_S = 10.0
"""The time for the head of a request, in seconds from the connection or from the first byte of the head on."""

MESSAGE_TIMEOUT_S = 60.0
"""The time for the body after it, in seconds, also for one that is not read any more."""

IDLE_TIMEOUT_S = 60.0
"""The time that a connection may be silent after an answer, in seconds."""

ANSWER_TIMEOUT_S = 10.0
SLOWEST = 1 << 20
"""The bytes that a client has to take of its answers in each `ANSWER_TIMEOUT_S` seconds, unless fewer are left."""

LINGER_S = 5.0
MAX_DISCARDED = 16 << 20
DISCARD_PAUSE_S = 0.02
"""The rest of a request that is answered already is thrown away: for how many seconds, up to how many bytes, and with
pauses of how many seconds. A client that still sends, and finds the connection closed, would not read the answer."""

MAX_HEAD = 32_768
MAX_TARGET = 16_384
"""The most bytes of the request line with all headers, and of the address in it."""

MAX_HEADERS = 100
MAX_PIPELINED = 16
"""The most headers of a request, and the most requests that wait on a connection behind the one being answered."""


class _Phase(Enum):
    """The part of a request that a connection is in: before it, in its head or its body, or behind it (whole).

    A connection that is deaf answers the requests that it has, and reads no more. One that has ended sends no more.
    """

    BEFORE = auto()
    HEAD = auto()
    BODY = auto()
    WHOLE = auto()
    DEAF = auto()
    ENDED = auto()


class _StoppedError(Exception):
    """An error that stops the parser; it has no other meaning."""


class _Joining:
    """A transport that joins all writes of one step of the loop: a head and a body apart would wake a client twice.

    `close` leaves it to the protocol how the connection ends.
    """

    def __init__(self, transport: asyncio.Transport, protocol: BoundedProtocol) -> None:
        self._transport = transport
        self._protocol = protocol
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, joined with all others that are written until the loop goes on."""
        if not self._held:
            self._protocol.loop.call_soon(self.flush)
        self._held.append(data)

    def is_closing(self) -> bool:
        """Whether the connection sends no more."""
        return self._protocol.is_ended or self._transport.is_closing()

    def close(self) -> None:
        """Send the bytes that are held, and close the connection."""
        self.flush()
        self._protocol.end()

    def flush(self) -> None:
        """Send the bytes that are held."""
        if self._held and not self._transport.is_closing():
            self._transport.write(b"".join(self._held))
        self._held.clear()


class BoundedProtocol(HttpProtocol):
    """HTTP that closes the connection of a client that is too slow to send or to take, or that sends too much.

    The tick of the server looks at the deadlines, as timers would cost every request two of them.
    """

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self.admitted = False
        self._connections = connections
        self._phase = _Phase.BEFORE
        self._is_new = self._is_first_byte_due = False
        self._head_size = self._read_size = self._trailer_size = 0
        self._to_discard = 0
        self._unsent = 0
        self._fault: RefusedError | None = None
        self._socket: asyncio.Transport

    @property
    def is_ended(self) -> bool:
        """Whether the connection sends no more."""
        return self._phase is _Phase.ENDED

    def admit(self) -> None:
        """Note that a request had a token that can be used."""
        self._connections.admit(self)

    # Callbacks of the transport.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        self._socket = transport
        super().connection_made(cast(asyncio.Transport, _Joining(transport, self)))
        self._connections.add(self)
        self._wait(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes. Most requests come whole in one piece, and then their client is not waited for."""
        if self._phase in {_Phase.DEAF, _Phase.ENDED}:
            self._discard(len(data))
            return
        before, self._read_size = self._phase, len(data)
        self._head_size += len(data)
        self._is_new = False
        super().data_received(data)
        if self._phase is not _Phase.WHOLE:
            self._await_more(before)
        elif not self.is_client_slow:
            self._connections.stop_waiting(self)

    def pause_writing(self) -> None:
        """Begin to wait for the client to take its answers."""
        super().pause_writing()
        self._await_taking()
        self._connections.begin_taking(self)

    def resume_writing(self) -> None:
        """Stop waiting for the client to take its answers, unless the connection ends with them."""
        super().resume_writing()
        self._connections.stop_taking(self)
        if self._phase is _Phase.WHOLE:
            self._connections.stop_waiting(self)

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        self._is_new = True
        self._phase, self._head_size = _Phase.HEAD, self._read_size
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the head. Those that follow a body are only counted."""
        if self._phase is _Phase.HEAD and len(self.headers) < MAX_HEADERS:
            super().on_header(name, value)
            return
        self._trailer_size += len(name) + len(value)
        if self._phase is _Phase.HEAD or self._trailer_size > MAX_HEAD:
            self._stop(self._head_fault())

    def on_headers_complete(self) -> None:
        """Have the request answered, unless its head is too large or too many requests wait."""
        if self._head_size > MAX_HEAD:  # the bytes may be of several requests
            if self.head_size() > MAX_HEAD or len(self.url) > MAX_TARGET:
                self._stop(self._head_fault())
        elif len(self.url) > MAX_TARGET:
            self._stop(self._head_fault())
        if self.waiting_requests >= MAX_PIPELINED:
            self._stop(RefusedError(HTTPStatus.BAD_REQUEST, "invalid", "too many requests wait on one connection"))
        self._phase, self._trailer_size = _Phase.BODY, 0
        self.note(CONNECTION, self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the request has come whole."""
        self._phase = _Phase.WHOLE
        self.note("extensions", {WHOLE: {}})
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it is here already."""
        is_last = not self.waiting_requests
        super().on_response_complete()
        if is_last and self._phase is _Phase.WHOLE:
            self._phase, self._is_first_byte_due, self._head_size = _Phase.BEFORE, True, 0
            self._wait(IDLE_TIMEOUT_S)

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that has stopped the parser."""
        self._refuse(self._fault or RefusedError(HTTPStatus.BAD_REQUEST, "invalid", msg))

    def _stop(self, fault: RefusedError) -> None:
        """Stop the parser, which then calls `send_400_response`."""
        self._fault = fault
        raise _StoppedError

    def _head_fault(self) -> RefusedError:
        if len(self.url) > MAX_TARGET:
            told = f"the address is too long: at most {MAX_TARGET:,} bytes are taken"
            return RefusedError(HTTPStatus.REQUEST_URI_TOO_LONG, "too_large", told)
        told = f"the head is too large: at most {MAX_HEAD:,} bytes and {MAX_HEADERS} headers are taken"
        return RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large", told)

    # Ends of a connection.

    def expire(self) -> None:
        """Close the connection of a client that was too slow, unless it takes a long answer fast enough."""
        if self._unsent and self._socket.get_write_buffer_size() <= self._unsent - SLOWEST:
            self._await_taking()
            return
        LET_GO.labels("late").inc()
        if self._phase is _Phase.HEAD:
            self._refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, "timeout", "the head did not come in time"))
        elif self._phase is _Phase.BEFORE:
            self.transport.close()
        else:
            self.let_go()

    def shutdown(self) -> None:
        """End with the server: after the answer of a request that is under way, else at once."""
        if self._phase is _Phase.HEAD and not self.is_answering:
            self.let_go()
        else:
            super().shutdown()

    def let_go(self) -> None:
        """Close the connection at once, without regard to its client."""
        self._phase = _Phase.ENDED
        self._socket.abort()

    def end(self) -> None:
        """Close the connection once all answers are sent. The rest of a request is thrown away for a while."""
        if self._phase is _Phase.ENDED:
            return
        is_more_due = self._phase not in {_Phase.BEFORE, _Phase.WHOLE} and not self._socket.is_closing()
        self._phase = _Phase.ENDED
        if is_more_due:
            self._to_discard = MAX_DISCARDED
            self.hear_again()
            self._socket.write_eof()
            self._wait(LINGER_S)
        else:
            self._socket.close()
            self._await_taking()

    def _refuse(self, fault: RefusedError) -> None:
        """Refuse the request behind the answers of those before it, and end the connection."""
        if not self.is_answering:
            self._answer(fault)
        elif self._phase is _Phase.BODY and not self.waiting_requests and not self.has_begun_to_answer:
            self.end_body()
            self._answer(fault)
        else:
            self.answer_last()
            self._phase, self._to_discard = _Phase.DEAF, MAX_DISCARDED
            self._wait(MESSAGE_TIMEOUT_S)

    def _answer(self, fault: RefusedError) -> None:
        body = encoded(document_of(fault))
        headers = [(b"content-type", JSON.encode()), (b"connection", b"close"),
                   (b"content-length", str(len(body)).encode())]  # fmt: skip
        self.transport.write(self.head(fault.status, headers) + body)
        self.transport.close()

    def _discard(self, size: int) -> None:
        self._to_discard -= size
        if self._to_discard < 0:
            self.let_go()
        elif not self._socket.is_closing():  # with pauses, so that other connections get their turn
            self._socket.pause_reading()
            self.loop.call_later(DISCARD_PAUSE_S, self._discard_more)

    def _discard_more(self) -> None:
        if not self._socket.is_closing():
            self._socket.resume_reading()

    def _await_more(self, before: _Phase) -> None:
        """Begin to wait for the rest of a request. A part that was waited for already gets no more time."""
        if self._phase is _Phase.BODY:
            if self._is_new or before is _Phase.HEAD:
                self._wait(MESSAGE_TIMEOUT_S)
        elif self._phase not in {_Phase.BEFORE, _Phase.HEAD}:
            return
        elif self._head_size > MAX_HEAD:
            self._refuse(self._head_fault())
        elif self._is_new or self._is_first_byte_due:  # an empty line may stand before a head
            self._is_first_byte_due = False
            self._wait(HEAD_TIMEOUT_S)

    def _wait(self, limit_s: float) -> None:
        """Give the client so many seconds from now on."""
        self._unsent = 0
        self._connections.wait(self, self.loop.time() + limit_s)

    def _await_taking(self) -> None:
        self._wait(ANSWER_TIMEOUT_S)
        self._unsent = self._socket.get_write_buffer_size()
