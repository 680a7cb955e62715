"""Running a program in budgetctl's place: its streams are those of budgetctl, and signals are passed on to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FROM_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)


class Relay:
    """While it is entered, signals end the program that is run, if any, and not budgetctl, which has books to keep."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Relay:
        """Take over the signals, but those that the caller has budgetctl and its children ignore, as nohup does."""
        for number in _PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run the program to its end. Its exit code, or 128 and the signal that has killed it, as shells say it.

        Raises `OSError` when it cannot be started.
        """
        # What the caller opened beside the three streams is the program's too: `3<file`, `<(command)`.
        self._process = subprocess.Popen(command, env=environment, close_fds=False)
        for number in self._early:
            self._process.send_signal(number)
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._process is None:
            self._early.append(number)
        elif not (number in _FROM_KEYBOARD and _is_foreground()):
            self._process.send_signal(number)


def _is_foreground() -> bool:
    """Whether what is typed on the terminal reaches budgetctl.

    Then Ctrl-C has reached the program as well, and many take a second one as the order to drop everything.
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
