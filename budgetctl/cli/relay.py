"""Running a program in budgetctl's place: it has budgetctl's streams, and signals are passed on to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any


def _named(*names: str) -> frozenset[signal.Signals]:
    """The signals of these names that this system has."""
    return frozenset(getattr(signal, name) for name in names if hasattr(signal, name))


_LEFT_ALONE = (
    _named("SIGKILL", "SIGSTOP")  # nobody can catch them
    # Faults of budgetctl itself, which would come again: a handler in Python cannot mend anything.
    | _named("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGEMT")
    # These come from budgetctl's own writing and from its children. Python has made errors of the first two, and the
    # last three are ignored, or stop a job in the background, which goes on later.
    | _named("SIGPIPE", "SIGXFSZ", "SIGCHLD", "SIGTTIN", "SIGTTOU")
)
_FROM_KEYBOARD = _named("SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH", "SIGINFO")
"""The signals that a terminal sends to all processes in its foreground."""

_ENDING = _named("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")

_GRACE_S = 2.0
"""The time for the work behind the end of the program, in seconds from a signal that is to end budgetctl."""


class Relay:
    """A context in which signals go to the program that is run, and not to budgetctl, which has books to keep.

    Once the program has ended, signals that would have ended it end budgetctl, by `SystemExit`: at the second one, or
    `_GRACE_S` after the first, which may be the one that the program has ended by. Others have no effect then.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._has_ended = False
        self._ending: int | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Relay:
        """Take over all signals but those that the caller has budgetctl and its children ignore, as nohup does."""
        for number in signal.valid_signals() - _LEFT_ALONE:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the signals back."""
        if self._ending is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run the program to its end. Returns its exit code, or 128 + the number of the signal that has killed it.

        Raises `OSError` when it cannot be started.
        """
        try:
            # Files that the caller opened beside the three streams are for the program too: `3<file`, `<(command)`.
            self._process = subprocess.Popen(command, env=environment, close_fds=False)
            for number in self._early:
                self._process.send_signal(number)
            if signal.SIGTSTP in self._early:
                self._stop()
            code = self._process.wait()
        finally:
            self._has_ended = True
        return code if code >= 0 else 128 - code

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._has_ended:
            self._end(number)
        elif self._process is None:
            self._early.append(number)  # of any kind: the program may run already, and would go on alone
            return
        elif not (number in _FROM_KEYBOARD and _is_foreground()):
            self._process.send_signal(number)
        if number == signal.SIGTSTP:
            self._stop()

    def _stop(self) -> None:
        """Stop budgetctl by the signal itself: a shell shows the job as stopped, and continues all of it by SIGCONT."""
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._receive)

    def _end(self, number: int) -> None:
        if self._ending is not None and number in {*_ENDING, signal.SIGALRM}:
            raise SystemExit(128 + self._ending)
        if number in _ENDING:
            self._ending = number
            self._before.setdefault(signal.SIGALRM, signal.signal(signal.SIGALRM, self._receive))
            signal.setitimer(signal.ITIMER_REAL, _GRACE_S)


def _is_foreground() -> bool:
    """Whether budgetctl is in the foreground of its terminal, so that keys like Ctrl-C reach it.

    Then they have reached the program as well, and many programs take a second Ctrl-C as the order to drop all work.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
