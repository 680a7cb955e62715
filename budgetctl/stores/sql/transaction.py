"""A transaction on a SQL database, and the statements that are run in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from budgetctl.money import Picodollars

Row = tuple[Any, ...]


class Cursor(Protocol):
    """The methods that the cursors of both database modules have."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""


class Connection(Protocol):
    """The methods that the connections of both database modules have. Parameters are named, as in `:user`."""

    def execute(self, sql: str, parameters: Mapping[str, Any], /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Mapping[str, Any]], /) -> Cursor:
        """Run one statement once for each of the parameters."""


class WholeProjectNeededError(Exception):
    """A transaction that has locked one user's budget has come upon another one. Nothing was changed."""


class Transaction:
    """Statements of one transaction, with the store's time at its start.

    `:project` and `:now` are bound in every statement. `project` is None while nothing is stored for the project:
    then no row matches. `most` is the largest amount of a counter, None for any. `has_whole_project` is false where
    only one user's budget, and those above it, are locked.
    """

    def __init__(
        self, connection: Connection, project: int | None, now_us: int, *, most: Picodollars | None = None
    ) -> None:
        self._connection = connection
        self.project = project
        self.now_us = now_us
        self.most = most
        self.has_whole_project = True
        self.keys: dict[tuple[str, str], int] = {}
        """Keys of rows that are never changed, by kind and name, so that many operations look them up once."""

    def require_whole_project(self) -> None:
        """Raise `WholeProjectNeededError` where others may change the project meanwhile."""
        if not self.has_whole_project:
            raise WholeProjectNeededError

    def one(self, sql: str, **parameters: Any) -> Row | None:
        """The first row, or None."""
        row: Row | None = self._execute(sql, parameters).fetchone()
        return row

    def all(self, sql: str, **parameters: Any) -> list[Row]:
        """All rows."""
        return self._execute(sql, parameters).fetchall()

    def insert(self, sql: str, **parameters: Any) -> int:
        """Run an INSERT that ends in RETURNING of one integer, and return that."""
        (key,) = self._execute(sql, parameters).fetchone()
        return int(key)

    def run(self, sql: str, **parameters: Any) -> None:
        """Run a statement that returns no rows."""
        self._execute(sql, parameters)

    def run_many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run a statement for each row of parameters. `:project` and `:now` must be among them."""
        self._connection.executemany(sql, rows)

    def _execute(self, sql: str, parameters: dict[str, Any]) -> Cursor:
        parameters["project"] = self.project
        parameters["now"] = self.now_us
        return self._connection.execute(sql, parameters)
