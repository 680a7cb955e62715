"""The log: a JSON object a line on stderr, with no user, no token and no body in it.

A thread writes it, so that a slow reader of the log keeps no request waiting. Lines that are not taken in time are
dropped, and counted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
from queue import SimpleQueue
from typing import Any, TextIO

from budgetctl.periods import rfc3339
from budgetctl.server.http import Scope
from budgetctl.server.metrics import LOG_DROPPED

MAX_WAITING = 10_000
"""The number of lines that may wait to be written, some hundred bytes each."""

_AT_ONCE = 1_000
_GATHER_S = 0.02
"""The most lines of one write, and the seconds in which they gather, as each write wakes a thread."""

_CLOSE_S = 1.0
_RETRY_S = 0.05
_MAX_MESSAGE = 500


class Log:
    """The log of a server. `is_quiet` leaves out requests whose status is below 500."""

    def __init__(self, stream: TextIO | None = None, *, is_quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._is_quiet = is_quiet
        self._waiting: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._dropped = 0
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def event(self, name: str, **more: Any) -> None:
        """Log an event, with more fields."""
        self._write({"event": name, **more})

    def request(self, scope: Scope, route: str, status: int, took_s: float, noted: dict[str, Any]) -> None:
        """Log a request that was answered: by its route, and not by its path, which a client may have invented."""
        if self._is_quiet and status < 500:
            return
        client = scope.get("client")
        self._write(
            {
                "event": "request",
                "client": client[0] if client else None,
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": round(took_s * 1000, 2),
                **noted,
            }
        )

    def fault(self, error: Exception) -> str:
        """Log a mistake of the server itself, with the last lines of its traceback; returns the name of its class."""
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        self._write({"event": "fault", "error": type(error).__name__, "where": where})
        return type(error).__name__

    def flush(self, wait_s: float = _CLOSE_S) -> bool:
        """Wait at most so many seconds until the lines so far are written; returns whether they are."""
        if self._writer is None:
            return True
        written = threading.Event()
        self._waiting.put(written)
        return written.wait(wait_s)

    def _write(self, document: dict[str, Any]) -> None:
        if self._writer is None:
            self._start()
        if self._waiting.qsize() >= MAX_WAITING:
            self._drop(1)
        else:
            self._waiting.put(_line(document))

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:  # a daemon: a reader that has stopped reading does not keep the server from ending
                self._writer = threading.Thread(target=self._write_all, name="budgetctl-log", daemon=True)
                self._writer.start()

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count
        LOG_DROPPED.inc(count)

    def _write_all(self) -> None:
        while True:
            found = [self._waiting.get()]
            time.sleep(_GATHER_S)
            while len(found) < _AT_ONCE and not self._waiting.empty():
                found.append(self._waiting.get())
            self._take([each for each in found if isinstance(each, str)])
            for each in found:
                if isinstance(each, threading.Event):
                    each.set()

    def _take(self, lines: list[str]) -> None:
        """Write lines, and the number of those that were dropped before."""
        dropped = self._dropped
        told = [_line({"event": "dropped", "lines": dropped})] if dropped else []
        try:
            self._send("".join([*lines, *told]))
        except (OSError, ValueError):  # nobody reads the log any more; the server goes on
            self._drop(len(lines))
        else:
            with self._lock:
                self._dropped -= dropped

    def _send(self, text: str) -> None:
        try:
            descriptor = self._stream.fileno()
        except OSError:  # the streams of tests have none
            self._stream.write(text)
            return
        # Not by the stream: a thread that is stuck here would hold its lock, which Python wants when it ends.
        rest = memoryview(text.encode())
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # another program has made the pipe that it shares with this one non-blocking
                time.sleep(_RETRY_S)


class LogHandler(logging.Handler):
    """A handler that logs the warnings of libraries, which would have the server wait if they went to stderr."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Log a warning, with the class of the error that led to it, if any."""
        error = record.exc_info[0] if record.exc_info else None
        kind = {"error": error.__name__} if error else {}
        self._log.event("warning", of=record.name, said=record.getMessage()[:_MAX_MESSAGE], **kind)


def _line(document: dict[str, Any]) -> str:
    return json.dumps({"at": rfc3339(time.time_ns() // 1000), **document}) + "\n"
