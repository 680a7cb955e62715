"""Waiting in line for a file, with an end to the waiting.

SQLite's own busy handler polls with growing pauses, which is unfair: of 64 writers one waited 5.8 s. Whoever blocks
in `flock` is served in turn, and woken as soon as the lock is free.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy handler orders the writers
    fcntl = None  # type: ignore[assignment]


_POLL_S = 0.01


class FileLock:
    """An exclusive lock on a file, between threads and processes. It is not reentrant."""

    is_between_processes = fcntl is not None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.RLock()
        self._fd: int | None = None
        self._waiter: _Waiter | None = None

    def acquire(self, timeout_s: float) -> bool:
        """Wait for the lock, and say whether it came in time. Raises `OSError` when the file cannot be opened.

        An exception while waiting, such as `KeyboardInterrupt`, leaves no lock behind.
        """
        deadline = time.monotonic() + timeout_s
        acquired = False
        try:
            if self._threads.acquire(timeout=max(0.0, timeout_s)):
                acquired = fcntl is None or self._acquire_file(deadline)
            return acquired
        finally:
            if not acquired:
                self.release()

    def release(self) -> None:
        """Let the next writer in. Does nothing where this thread does not hold the lock.

        The lock itself knows that: an interrupt may come when it is acquired, and nothing else knows it yet.
        """
        if self._threads._is_owned():  # type: ignore[attr-defined]
            self._release_file()
            self._threads.release()

    def has_name(self) -> bool:
        """Whether the locked file still has its name. Another file may have been put in its place since."""
        try:
            return self._fd is None or os.path.samestat(os.stat(self._path), os.fstat(self._fd))  # noqa: PTH116
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go of the file, once the lock is free. The next use opens it again."""
        with self._threads:
            # Forgotten first: an interrupt that came between would have the number, another file's by then, used again.
            fd, waiter = self._fd, self._waiter
            self._fd = self._waiter = None
            if waiter is not None:
                waiter.close()
            elif fd is not None:
                os.close(fd)

    def begin_process(self) -> None:
        """Start anew in a forked child: the open file, and a lock on it, belong to the parent too."""
        if self._fd is not None:
            os.close(self._fd)
        self._threads = threading.RLock()
        self._fd = self._waiter = None

    def __del__(self, is_exiting: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close the file of a lock that nobody closed. At exit the system does, and this module's names are gone."""
        if not is_exiting():
            self.close()

    def _acquire_file(self, deadline: float) -> bool:
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self._waiter is None or not self._waiter.rejoin():
            self._waiter = None
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
            else:
                return True
            if not _has_threads():
                return _poll(self._fd, deadline)
            self._waiter = _Waiter(self._fd)
            self._waiter.start()
        if not self._waiter.wait(deadline - time.monotonic()):
            return False
        self._waiter = None
        return True

    def _release_file(self) -> None:
        if self._waiter is not None:
            self._waiter.give_up()
        elif self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)


class _Waiter:
    """A thread that blocks in `flock`, which itself knows no timeout.

    When its owner gives up, the thread stays in line, and the owner finds it there at the next try: an owner who tries
    again and again has one thread, not many. A lock that the thread gets while nobody waits is passed on.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._state = threading.Condition()
        self._is_wanted = True
        self._is_granted = False
        self._owns_file = False
        self._thread = threading.Thread(target=self._stand_in_line, name="budgetctl-lock", daemon=True)

    def start(self) -> None:
        """Go to the end of the line."""
        self._thread.start()

    def rejoin(self) -> bool:
        """Wait for the owner again, if it is still in line."""
        with self._state:
            self._is_wanted = self._is_in_line()
            return self._is_wanted

    def wait(self, timeout_s: float) -> bool:
        """Whether the owner has the lock within this time."""
        with self._state:
            return self._state.wait_for(lambda: self._is_granted, timeout_s)

    def give_up(self) -> None:
        """Do without the lock, for now."""
        with self._state:
            self._is_wanted = False
            if self._is_granted:
                self._pass_on()

    def close(self) -> None:
        """Close the file, as soon as nobody blocks on it."""
        with self._state:
            self._owns_file = True
            if not self._is_in_line():
                os.close(self._fd)

    def _is_in_line(self) -> bool:
        return self._thread.is_alive() and not self._is_granted

    def _stand_in_line(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        with self._state:
            self._is_granted = True
            self._state.notify()
            if not self._is_wanted:
                self._pass_on()

    def _pass_on(self) -> None:
        # Not by closing alone: a process forked meanwhile may have the same open file.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        if self._owns_file:
            os.close(self._fd)


def _has_threads() -> bool:
    """Whether threads are real, so that one may block alone. gevent makes greenlets of them: then the program would."""
    return isinstance(_thread.start_new_thread, BuiltinFunctionType)


def _poll(fd: int, deadline: float) -> bool:
    """Try the lock again and again. That is not fair, but lets greenlets run meanwhile."""
    while time.monotonic() < deadline:
        time.sleep(_POLL_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False
