"""The command line as its users meet it, and what it finds."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.periods import from_datetime
from budgetctl.stores import SqliteStore
from support.commands import PAST_YEAR, Cli, Result


@pytest.fixture
def terminal(home: Path) -> Cli:
    """Run `budgetctl` on a terminal of 80 columns, and type `keys` into it. What it shows is its stdout."""

    def run_on_terminal(*arguments: object, keys: str = "", columns: int = 80, **env: str) -> Result:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.write(master, keys.encode())
        settings = {"TERM": "xterm-256color", "PAGER": "cat", "PYTHONIOENCODING": "utf-8", **env}
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        with subprocess.Popen(
            [sys.executable, "-m", "budgetctl", *map(str, arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, **settings},
        ) as process:
            os.close(slave)
            shown = b""
            with contextlib.suppress(OSError):  # Linux reports the other end's close so
                while chunk := os.read(master, 65_536):
                    shown += chunk
        os.close(master)
        return Result(process.returncode, shown.decode(errors="replace").replace("\r\n", "\n"), "")

    return run_on_terminal


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
