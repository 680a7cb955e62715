"""Whether others have committed anything: told by how many transactions the server has finished, less one's own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

FINISHED = (
    "SELECT pg_snapshot_xmax(s)::text::bigint - (SELECT COUNT(*) FROM pg_snapshot_xip(s)) FROM pg_current_snapshot() s"
)
"""How many transactions that write have ended, since the server exists."""


class Own:
    """One transaction of a store's own, and with how many it adds to those that have finished; None: nobody knows."""

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
        """A transaction, which says in the end what it adds."""
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
        """What must be the same before and after `FINISHED` is asked for, and whether none of one's own is running."""
        with self._lock:
            return (self._epoch, self._finished, not self._running)
