"""HTTP on a connection, within bounds: uvicorn's own waits for a request's head as long as it may take."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from budgetctl.server.http import WHOLE

HEAD_TIMEOUT_S = 10.0
"""How long a client may take for the head of a request, from connecting or from its first byte on."""

MESSAGE_TIMEOUT_S = 60.0
"""How long the body may then take, also one that nobody reads any more."""

MAX_HEAD = 32_768
"""In bytes: the request line and the headers."""


class _Joining:
    """A transport that sends as one what is written in one step: a head and its body apart wake a client twice."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send it with what else is written until the loop goes on."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Send the rest, and close the connection."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            self._transport.write(b"".join(self._held))
        self._held.clear()


class TimedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not come to its end in time, or whose head is too large."""

    _is_in_head = True
    _head_size = 0
    _limit_s: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(cast(asyncio.Transport, _Joining(transport, self.loop)))
        self._await(HEAD_TIMEOUT_S)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._await(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came. Most requests come whole, which takes no timer."""
        if self._is_in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_size > MAX_HEAD:
            self._end()
        else:
            self._watch()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        if not self._is_in_head:
            self._is_in_head, self._head_size = True, 0
            self._await(HEAD_TIMEOUT_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._is_in_head = False
        self._await(MESSAGE_TIMEOUT_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing: how long a connection may be silent, uvicorn knows."""
        self._await(None)
        self.scope["extensions"] = {WHOLE: {}}
        super().on_message_complete()

    def _await(self, limit_s: float | None) -> None:
        """Give what has to come next so long, from now on."""
        self._limit_s = limit_s
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch(self) -> None:
        if self._limit_s is not None and self._deadline is None:
            self._deadline = self.loop.call_later(self._limit_s, self._end)

    def _end(self, *_: Any) -> None:
        self._await(None)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
