"""The schema of a PostgreSQL store, as numbered steps that are never edited once released."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from budgetctl.errors import NewerStoreError
from budgetctl.stores.postgres_connections import SCHEMA

MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "budgets, ledger, holds, top-ups, tokens, shadows",
        ("postgres_schema.sql",),
    ),
    ("what the planner takes the tables for", ("postgres_planning.sql",)),
    ("patterns mean models by all of their names", ("postgres_matching.sql",)),
    ("when the clock was said to be right", ("postgres_clock.sql",)),
    ("sets of so many limits that no ordered index takes their names", ("postgres_posting_sets.sql",)),
)
"""What each step is for, and the files beside this one that it runs."""

_FUNCTIONS = ("postgres_functions.sql", "postgres_lists.sql")
"""These are as they are now: the last step puts them in the place of those that were there."""

VERSION = len(MIGRATIONS)
"""The schema version that this budgetctl writes. A store with a higher one is refused."""

_LOCK = 0x62646774
"""Under this advisory lock ("bdgt") a schema is changed."""


def migrate(connection: psycopg.Connection[Any]) -> None:
    """Bring the schema up to date, each step all or nothing. Two at once take each step once."""
    while _version(connection) < VERSION:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            found = _version(connection)
            if found < VERSION:
                _take_step(connection, found)


def _take_step(connection: psycopg.Connection[Any], found: int) -> None:
    if found == 0:
        connection.execute(
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};"
            f" CREATE TABLE {SCHEMA}.migrations (version bigint PRIMARY KEY, step text NOT NULL)".encode(),
            prepare=False,
        )
    step, files = MIGRATIONS[found]
    for file in (*files, *(_FUNCTIONS if found + 1 == VERSION else ())):
        connection.execute(Path(__file__).with_name(file).read_bytes(), prepare=False)
    connection.execute("INSERT INTO migrations VALUES (%s, %s)", [found + 1, step])


def _version(connection: psycopg.Connection[Any]) -> int:
    """The version that is there, 0 for none. Raises `NewerStoreError`."""
    # By the tables of the catalogue, which show what others have just committed: `to_regclass` may remember less.
    there = connection.execute(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'migrations'",
        [SCHEMA],
    ).fetchone()
    if there is None:
        return 0
    (found,) = connection.execute("SELECT COALESCE(MAX(version), 0) FROM migrations").fetchone() or (0,)
    if found > VERSION:
        raise NewerStoreError(
            f"the database was written by a newer budgetctl (schema {found}, this one knows {VERSION});"
            " it was left as it is",
            hint="upgrade: pip install --upgrade budgetctl",
        )
    return int(found)
