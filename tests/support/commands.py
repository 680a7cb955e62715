"""Results of commands, for the tests of the command line."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

PAST_YEAR = datetime.now(UTC).year - 2
"""A year that is long ago, but not so long that the ledger does not believe the clock of now."""


class Result(NamedTuple):
    """The output of a command, and its exit code."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout, with amounts as the text that they are written in."""
        return json.loads(self.stdout, parse_float=str, parse_int=str)


Cli = Callable[..., Result]


def dump(path: Path) -> list[str]:
    """All rows of a store, as SQL; none for a store that is not there."""
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())
