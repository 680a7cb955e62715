"""The log: a JSON object a line on stderr, with no user, no token and no body in it.

A thread writes it, so that whoever reads it, or does not, keeps no request waiting. Lines that are not taken in time
are dropped, and counted.
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
"""Lines that may wait to be written, some hundred bytes each."""

_AT_ONCE = 1_000
_GATHER_S = 0.02
"""So many lines are written together; so long it is waited for more of them, as each write wakes a thread."""

_CLOSE_S = 1.0
_RETRY_S = 0.05
_MAX_MESSAGE = 500


class Log:
    """Where a server writes what it does. `is_quiet` leaves out requests that went well."""

    def __init__(self, stream: TextIO | None = None, *, is_quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._is_quiet = is_quiet
        self._waiting: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._dropped = 0
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def event(self, name: str, **more: Any) -> None:
        """That something has happened."""
        self._write({"event": name, **more})

    def request(self, scope: Scope, route: str, status: int, took_s: float, noted: dict[str, Any]) -> None:
        """That a request was answered: its route, not its path, which anybody may have made up."""
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
        """Write down a mistake of the server's own, with where it was made; returns its kind."""
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        self._write({"event": "fault", "error": type(error).__name__, "where": where})
        return type(error).__name__

    def flush(self, wait_s: float = _CLOSE_S) -> bool:
        """Wait so long until what was said before is written; returns whether it is."""
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
            if self._writer is None:  # a daemon: who does not read the log keeps no server from ending
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
        """Write them, and how many others could not be."""
        dropped = self._dropped
        told = [_line({"event": "dropped", "lines": dropped})] if dropped else []
        try:
            self._send("".join([*lines, *told]))
        except (OSError, ValueError):  # nobody reads it any more; what is served goes on
            self._drop(len(lines))
        else:
            with self._lock:
                self._dropped -= dropped

    def _send(self, text: str) -> None:
        try:
            descriptor = self._stream.fileno()
        except OSError:  # what tests read has none
            self._stream.write(text)
            return
        # Not by the stream, whose lock would be held, and wanted when Python ends.
        rest = memoryview(text.encode())
        while rest:
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:  # somebody else who has the same pipe does not like to wait
                time.sleep(_RETRY_S)


class LogHandler(logging.Handler):
    """Takes what libraries warn of into the log: written to stderr by themselves, it would have the server wait."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down, with the kind of the error that there was, if any."""
        error = record.exc_info[0] if record.exc_info else None
        kind = {"error": error.__name__} if error else {}
        self._log.event("warning", of=record.name, said=record.getMessage()[:_MAX_MESSAGE], **kind)


def _line(document: dict[str, Any]) -> str:
    return json.dumps({"at": rfc3339(time.time_ns() // 1000), **document}) + "\n"
