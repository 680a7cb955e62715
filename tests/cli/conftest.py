"""The command line as its users meet it, and what it finds."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.periods import from_datetime
from budgetctl.stores import SqliteStore
from support.commands import PAST_YEAR, Cli, Result


class OnTerminal:
    """A command that runs on a terminal. One of stdout and stderr may go elsewhere: to a file, read at its end."""

    def __init__(self, *arguments: object, columns: int = 80, elsewhere: str | None = None, **env: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        settings = {"TERM": "xterm-256color", "PAGER": "cat", "PYTHONIOENCODING": "utf-8", **env}
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # `result` closes it
        streams = {name: self._file if name == elsewhere else slave for name in ("stdout", "stderr")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "budgetctl", *map(str, arguments)],
            stdin=slave,
            env={**inherited, **settings},
            **streams,
        )
        os.close(slave)
        self._shown = b""

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def shows(self, text: str) -> bool:
        """Read what it shows until the text is there, or until it has ended; says whether the text is there."""
        while text.encode() not in self._shown:
            try:
                chunk = os.read(self._master, 65_536)
            except OSError:  # Linux reports the other end's close so
                return False
            self._shown += chunk
        return True

    def result(self) -> Result:
        """Wait for its end. What it has shown is the result's stdout, and what went elsewhere its stderr."""
        self.shows("\0")  # which nothing shows
        self.process.wait()
        os.close(self._master)
        with self._file as file:
            file.seek(0)
            texts = (self._shown, file.read())
        return Result(self.process.returncode, *(text.decode(errors="replace").replace("\r\n", "\n") for text in texts))


@pytest.fixture
def terminal(home: Path) -> Cli:
    """Run `budgetctl` on a terminal of 80 columns, and type `keys` into it. What it shows is its stdout."""

    def run_on_terminal(*arguments: object, keys: str = "", **settings: Any) -> Result:
        running = OnTerminal(*arguments, **settings)
        running.type(keys)
        return running.result()

    return run_on_terminal


@pytest.fixture
def start_on_terminal(home: Path) -> Iterator[Callable[..., OnTerminal]]:
    """Start `budgetctl` on such a terminal, to look at what it shows while it works."""
    started: list[OnTerminal] = []

    def start(*arguments: object, **settings: Any) -> OnTerminal:
        started.append(OnTerminal(*arguments, **settings))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


@pytest.fixture
def store_path(home: Path) -> Path:
    """Where the project `default` is kept."""
    return home / "data" / "budgetctl" / "default.db"


@pytest.fixture
def budgets(home: Path) -> Iterator[BudgetManager]:
    """The project `default`, to prepare what a command shall find."""
    manager = BudgetManager("default")
    yield manager
    manager.close()


@pytest.fixture
def past_store(store_path: Path, clock: Any) -> Iterator[SqliteStore]:
    """The project `default` as somebody has left it long ago: in `PAST_YEAR`, until the test moves its clock."""
    clock.now_us = from_datetime(datetime(PAST_YEAR, 3, 9, 16, tzinfo=UTC))
    store_path.parent.mkdir(parents=True)
    store = SqliteStore(store_path, "default", clock=clock)
    yield store
    store.close()
