"""The parts of uvicorn that the server uses although uvicorn does not document them: its next version may change them.

No other module uses such a part. `tests/server/test_uvicorn_internals.py` looks for each in the installed version, and
the gate runs it with the oldest and the newest one that are admitted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol


def silence() -> None:
    """Keep uvicorn's loggers from writing: the server has a log of its own."""
    logging.getLogger("uvicorn").disabled = logging.getLogger("uvicorn.error").disabled = True


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP on a connection, with names for its state.

    A subclass may override the callbacks of asyncio's protocols and of httptools' parser, and three of uvicorn's own:
    `on_response_complete`, `send_400_response` and `shutdown`. Of the attributes it may use `headers`, `loop`,
    `transport` and `url`.
    """

    url = b""
    """The address in the request that the parser reads, in bytes as they came."""

    @property
    def is_answering(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def has_begun_to_answer(self) -> bool:
        """Whether the head of the answer is sent, while a request is being answered."""
        return self.cycle.response_started

    @property
    def waiting_requests(self) -> int:
        """The number of requests that wait behind the one that is being answered."""
        return len(self.pipeline)

    @property
    def is_client_slow(self) -> bool:
        """Whether the client has more bytes to take than the transport likes to hold."""
        return self.flow.write_paused

    def head_size(self) -> int:
        """The size of the head that the parser has just read, in bytes."""
        size = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1\r\n\r\n")
        return size + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def note(self, name: str, value: Any) -> None:
        """Put a value into the scope of the request that the parser reads."""
        self.scope[name] = value  # type: ignore[literal-required]

    def hear_again(self) -> None:
        """Read from the connection again, if reading is paused."""
        self.flow.resume_reading()

    def end_body(self) -> None:
        """Tell the application, which may wait for the rest of a body, that the client has gone."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def answer_last(self) -> None:
        """Close the connection once the request that is being answered has its answer."""
        self.cycle.keep_alive = False

    def head(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The head of an answer, as bytes to send."""
        lines = [name + b": " + value + b"\r\n" for name, value in (*self.server_state.default_headers, *headers)]
        return b"".join([STATUS_LINE[status], *lines, b"\r\n"])


class SignalledServer(uvicorn.Server):
    """uvicorn's server, for which the signal that ends it is no failure.

    `on_ready` is called once such a signal would end it.
    """

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    def run_to_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in an event loop of the kind that uvicorn would choose."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(work)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End the server by SIGTERM and SIGINT. They are the ordinary ways to stop it, and no failure."""
        try:
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not in the main thread: whoever started it stops it otherwise
            before = {}
        try:
            self._on_ready()
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
