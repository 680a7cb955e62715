"""The log: a JSON object a line on stderr, with no user, no token and no body in it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from typing import Any, TextIO

from budgetctl.periods import rfc3339
from budgetctl.server.http import Scope


class Log:
    """Where a server writes what it does. `is_quiet` leaves out requests that went well."""

    def __init__(self, stream: TextIO | None = None, *, is_quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._is_quiet = is_quiet

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

    def _write(self, document: dict[str, Any]) -> None:
        line = json.dumps({"at": rfc3339(time.time_ns() // 1000), **document})
        with contextlib.suppress(OSError):  # nobody reads it any more; what is served goes on
            self._stream.write(line + "\n")
            self._stream.flush()
