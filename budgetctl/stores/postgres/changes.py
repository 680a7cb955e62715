"""Whether others have committed anything: the number of transactions that the server has finished, less one's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

FINISHED = (
    "SELECT pg_snapshot_xmax(s)::text::bigint - (SELECT COUNT(*) FROM pg_snapshot_xip(s)) FROM pg_current_snapshot() s"
)
"""The number of writing transactions that have ended since the server exists."""


class Own:
    """A transaction of the store: the number by which it raises `FINISHED`, or None where nobody knows."""

    finished: int | None = None


class OwnTransactions:
    """The transactions of one store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._finished = 0
        self._epoch = 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Own]:
        """Count a transaction of the block, which sets `finished` before its end."""
        with self._lock:
            self._running += 1
        own = Own()
        try:
            yield own
        finally:
            with self._lock:
                self._running -= 1
                if own.finished is None:
                    self._epoch += 1
                else:
                    self._finished += own.finished

    def state(self) -> tuple[Any, ...]:
        """A state that has to be the same before and after `FINISHED` is read. Its last item: no own one is running."""
        with self._lock:
            return (self._epoch, self._finished, not self._running)
