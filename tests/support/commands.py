"""Commands and their answers, as tests of the command line name them."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

PAST_YEAR = datetime.now(UTC).year - 2
"""Long ago, and not so long that the clock of now is not believed."""


class Result(NamedTuple):
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document that is on stdout. Amounts are read as they are written: as text."""
        return json.loads(self.stdout, parse_float=str, parse_int=str)


Cli = Callable[..., Result]


def dump(path: Path) -> list[str]:
    """Everything that a store holds, as SQL; nothing for one that is not there."""
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
