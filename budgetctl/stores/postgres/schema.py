"""The tables of a PostgreSQL store, as numbered steps that are never edited once released; then its functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from budgetctl.errors import NewerStoreError
from budgetctl.stores.postgres import functions as postgres_functions
from budgetctl.stores.postgres.functions import SCHEMA

MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "budgets, ledger, holds, top-ups, tokens, shadows",
        ("schema.sql",),
    ),
    ("what the planner takes the tables for", ("planning.sql",)),
    ("patterns mean models by all of their names", ("matching.sql",)),
    ("when the clock was said to be right", ("clock.sql",)),
    ("sets of so many limits that no ordered index takes their names", ("posting_sets.sql",)),
    ("one word for one thing: accounts, and money that is topped up", ("nouns.sql",)),
    ("what tokens are called, and when they were used last", ("tokens.sql",)),
    ("when entries happened, what made them, whose calls they are, and their tokens", ("times.sql",)),
    ("which hold an entry has resolved", ("holds.sql",)),
    ("holds of as much as is there", ("portions.sql",)),
)
"""The purpose of each step, and its files in `sql/steps`."""

_STEPS = Path(__file__).parent / "sql" / "steps"

VERSION = len(MIGRATIONS)
"""The schema version that this budgetctl writes. A store with a higher one is refused."""


def migrate(connection: psycopg.Connection[Any]) -> None:
    """Bring tables and functions up to date, each step all or nothing. Two at once take each step once."""
    while not _is_current(*_found(connection)):
        with postgres_functions.changing(connection):
            version, functions = _found(connection)
            if version < VERSION:
                _take_step(connection, version)
            elif not _is_current(version, functions):
                postgres_functions.create(connection)


def _is_current(version: int, functions: str) -> bool:
    return version == VERSION and postgres_functions.are_there(functions)


def _take_step(connection: psycopg.Connection[Any], found: int) -> None:
    if found == 0:
        connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};"
            f" CREATE TABLE {SCHEMA}.migrations (version bigint PRIMARY KEY, step text NOT NULL)".encode(),
            prepare=False,
        )
    step, files = MIGRATIONS[found]
    connection.execute(f"SET LOCAL search_path = {SCHEMA}".encode())  # functions may be there before a step
    for file in files:
        connection.execute(_STEPS.joinpath(file).read_bytes(), prepare=False)
    connection.execute("INSERT INTO migrations VALUES (%s, %s)", [found + 1, step])


def _found(connection: psycopg.Connection[Any]) -> tuple[int, str]:
    """The schema's version, 0 for none, and the state of the functions. Raises `NewerStoreError`."""
    # By the tables of the catalogue, which show what others have just committed: `to_regclass` may remember less.
    there = connection.execute(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'migrations'",
        [SCHEMA],
    ).fetchone()
    if there is None:
        return 0, "missing"
    version, functions = connection.execute(
        f"SELECT COALESCE(MAX(version), 0), ({postgres_functions.state()}) FROM {SCHEMA}.migrations".encode()
    ).fetchone() or (0, "missing")
    if version > VERSION:
        raise NewerStoreError(
            f"the database was written by a newer budgetctl (schema {version}, this one knows {VERSION});"
            " it was left as it is",
            hint="upgrade: pip install --upgrade budgetctl",
        )
    return int(version), str(functions)
