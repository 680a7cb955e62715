"""HTTP on a connection, within bounds: uvicorn's own waits for a request's head as long as it may take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_TIMEOUT_S = 10.0
"""How long a client may take for the head of a request, from connecting or from its first byte on."""

MESSAGE_TIMEOUT_S = 60.0
"""How long the body may then take, also one that nobody reads any more."""

MAX_HEAD = 32_768
"""In bytes: the request line and the headers."""


class TimedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not come to its end in time, or whose head is too large."""

    _deadline: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._is_in_head:
            self._head_size += len(data)
        super().data_received(data)
        if self._is_in_head and self._head_size > MAX_HEAD:
            self._end()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        if self._deadline is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._stop_waiting()
        self._is_in_head = False
        self._deadline = self.loop.call_later(MESSAGE_TIMEOUT_S, self._end)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for nothing: how long a connection may be silent, uvicorn knows."""
        self._stop_waiting()
        super().on_message_complete()

    def _await_head(self) -> None:
        self._is_in_head = True
        self._head_size = 0
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._end)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, *_: Any) -> None:
        self._stop_waiting()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
