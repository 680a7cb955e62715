"""HTTP on a connection, within bounds: uvicorn's own waits for a request's head as long as it may take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_TIMEOUT_S = 10.0
"""How long a client may take for the head of a request, from connecting or from its first byte on."""

MAX_HEAD = 32_768
"""In bytes: the request line and the headers."""


class TimedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not come to the end of its head in time, or in size."""

    _deadline: asyncio.TimerHandle | None = None
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
        if self._deadline is not None:
            self._head_size += len(data)
        super().data_received(data)
        if self._deadline is not None and self._head_size > MAX_HEAD:
            self._end()

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of the head."""
        if self._deadline is None:
            self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; the body has bounds of its own."""
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
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
