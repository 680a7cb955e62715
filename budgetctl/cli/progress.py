"""Progress of long work: a line on the terminal while it lasts, and what is said when Ctrl-C ends it.

    with session.progress("resetting", keeps=True) as progress:
        count = session.manager.reset_due()

Within the block the session's store tells how far it has come. Work that no store tells of calls `progress` itself,
with how much is done, of how much, and of what (`progress(200, 5000, "records")`), or goes through `progress.count`.
Results that come while the work goes on are given to the output through `progress.results`.

The line goes to stderr, if that is a terminal that can erase it, and not with `--quiet`. It appears when the work has
lasted for half a second and has told something, and is erased in the end, before results, and for warnings. It is made
by a thread that wakes up five times a second: nothing is imported for it, and a statement that takes long does not
make it stand still.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from budgetctl.errors import BudgetctlError

Item = TypeVar("Item")

DELAY_S = 0.5
"""How long the work has to last before it is shown."""

_REFRESH_S = 0.2
_BAR = 20
_MIN_BAR = 5
_MIN_RATE = 10
"""How much has to be done in a second for the rate to be of interest: of a few large steps it is not."""

_ERASE = "\r\x1b[K"
_PAGE = 1_000
"""How many results are waited for before the line goes, where the results go to a terminal too: a page of a table."""

_shown: Progress | None = None


class InterruptedWorkError(BudgetctlError):
    """Ctrl-C has ended the work at a point where all is sound."""

    code = "interrupted"
    exit_code = 130


class Progress:
    """The progress of one piece of work, which is the block of its `with`.

    `doing` says what is done, as in "resetting". `keeps` says that what is done when Ctrl-C comes stays done, so that
    running the same again does the rest; else nothing is changed then.
    """

    def __init__(self, doing: str, *, keeps: bool = False, is_quiet: bool = False) -> None:
        self._doing = doing
        self._keeps = keeps
        self._is_shown = not is_quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._told: tuple[int, int | None, str] | None = None
        self._began: tuple[int, float] = 0, time.monotonic()
        self._is_over = threading.Event()
        self._line = threading.Lock()
        self._has_line = False

    def __call__(self, done: int, total: int | None, what: str) -> None:
        """Tell how much is done, of how much, and of what. Another noun is another part of the work."""
        if self._told is None or self._told[2] != what or done < self._told[0]:
            self._began = done, time.monotonic()
        self._told = done, total, what

    def __enter__(self) -> Progress:
        """Begin the work."""
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it. Raises `InterruptedWorkError` in place of an interrupt."""
        had_line = self.hide()
        if isinstance(error, KeyboardInterrupt):
            if sys.stderr.isatty() and not had_line:
                print(file=sys.stderr)  # noqa: T201  # behind the `^C` that the terminal shows
            raise self._interrupted() from error

    def begin(self) -> None:
        """Show the work from now on, until `hide`."""
        if self._is_shown:
            threading.Thread(target=self._show, name="budgetctl-progress", daemon=True).start()

    def count(self, items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
        """The items of the work, counted as each is done."""
        self(0, total, what)
        for done, item in enumerate(items, start=1):
            yield item
            self(done, total, what)

    def results(self, items: Iterable[Item]) -> Iterator[Item]:
        """Results that come while the work goes on. On a terminal, the line goes before the first of them is shown."""
        results = iter(items)
        if sys.stdout.isatty():
            page = list(itertools.islice(results, _PAGE))
            self.hide()
            yield from page
        yield from results

    def hide(self) -> bool:
        """Take the line away for good, and say whether it was there."""
        self._is_over.set()
        return self.make_way()

    def make_way(self) -> bool:
        """Erase the line, and say whether it was there. It comes again below what is written meanwhile."""
        with self._line:
            had_line = self._has_line
            if had_line:
                self._write(_ERASE)
            self._has_line = False
        return had_line

    def _show(self) -> None:
        global _shown  # noqa: PLW0603  # of which there is one, as there is one terminal
        if self._is_over.wait(DELAY_S):
            return
        _shown = self
        while True:
            with self._line:
                if self._is_over.is_set():
                    return
                if self._told is not None:
                    self._has_line = True
                    self._write(_ERASE + _text(self._doing, self._told, self._began))
            self._is_over.wait(_REFRESH_S)

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # the terminal is gone
            self._is_over.set()

    def _interrupted(self) -> InterruptedWorkError:
        place = "" if self._told is None else f" at {_amount(*self._told)}"
        if self._keeps:
            return InterruptedWorkError(f"interrupted{place}; what is done stays", hint="run it again for the rest")
        return InterruptedWorkError(f"interrupted{place}; nothing was changed", hint="run it again")


def make_way() -> None:
    """Erase the line of progress that is shown, if there is one, as something is about to be written on stderr."""
    if _shown is not None:
        _shown.make_way()


def _text(doing: str, told: tuple[int, int | None, str], began: tuple[int, float]) -> str:
    """The line: what is done, as a bar and in figures, how fast, and the time that is left (or has passed)."""
    done, total, what = told
    begun, at = began
    passed = max(time.monotonic() - at, 0.001)
    rate = (done - begun) / passed
    parts = [_amount(done, total, what)]
    if rate >= _MIN_RATE:
        parts.append(f"{rate:,.0f}/s")
    if total is None:
        parts.append(_duration(passed))
    elif rate:
        parts.append(f"{_duration(max(total - done, 0) / rate)} left")
    figures = " · ".join(parts)
    columns = os.get_terminal_size(sys.stderr.fileno()).columns - 1
    width = min(columns - len(doing) - len(figures) - 3, _BAR)
    line = f"{doing} {_bar(done, total, width)}  {figures}" if total and width >= _MIN_BAR else f"{doing} {figures}"
    return line.encode(sys.stderr.encoding, "replace").decode(sys.stderr.encoding)[:columns]


def _amount(done: int, total: int | None, what: str) -> str:
    return f"{done:,} {what}" if total is None else f"{done:,} of {total:,} {what}"


def _bar(done: int, total: int, width: int) -> str:
    full, empty = ("█", "░") if sys.stderr.encoding.lower().startswith("utf") else ("#", ".")
    filled = min(done * width // total, width)
    return full * filled + empty * (width - filled)


def _duration(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
