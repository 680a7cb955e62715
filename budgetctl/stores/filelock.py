"""Waiting in line for a file, with an end to the waiting.

SQLite's own busy handler polls with growing pauses, which is unfair: of 64 writers one waited 5.8 s. Whoever blocks
in `flock` is woken as soon as the lock is free.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy handler orders the writers
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """An exclusive lock on a file between processes. Threads of one process must exclude each other before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    @contextlib.contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Hold the lock for the block. Raises `TimeoutError`, or `OSError` when the file cannot be opened."""
        if fcntl is None:
            yield
            return
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fd = self._fd
        if not _taken_at_once(fd):
            self._wait(fd, timeout_s)
        try:
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file. After a fork the child calls this: a lock belongs to parent and child together."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _wait(self, fd: int, timeout_s: float) -> None:
        """Block in a thread, since `flock` itself knows no timeout. A wait given up closes its descriptor."""
        decided = threading.Lock()
        results: list[OSError | None] = []
        given_up = False

        def block() -> None:
            result = None
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as error:
                result = error
            with decided:
                results.append(result)
                if given_up:
                    os.close(fd)

        def give_up() -> None:
            nonlocal given_up
            with decided:
                self._fd, given_up = None, True
                if results:
                    os.close(fd)

        waiter = threading.Thread(target=block, name="budgetctl-lock", daemon=True)
        waiter.start()
        try:
            waiter.join(timeout_s)
        except BaseException:
            give_up()
            raise
        if waiter.is_alive():
            give_up()
            raise TimeoutError
        if results[0] is not None:
            raise results[0]


def _taken_at_once(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
