"""`budgetctl upgrade`: a PostgreSQL database is brought up to date by its owner."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from budgetctl.stores.postgres.functions import functions_schema
from support.commands import Cli
from support.postgres import new_database


@pytest.fixture
def database() -> Iterator[str]:
    """A database with nothing in it."""
    with new_database() as url:
        yield url


def schemas(database: str) -> list[str]:
    """The schemas of functions that the database has, and what looks like them."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'budgetctl_') ORDER BY nspname"
        )
        return [name for (name,) in rows]


def test_an_empty_database_gets_tables_and_functions(cli: Cli, database: str) -> None:
    result = cli("upgrade", "--store", database, "--json")
    assert (result.returncode, result.document["pruned"]) == (0, [])
    assert schemas(database) == [functions_schema()]
    assert cli("create", "alice", "10", "--store", database).returncode == 0


def test_pruning_drops_the_functions_of_other_versions_and_nothing_else(cli: Cli, database: str) -> None:
    other = "budgetctl_fn_0123456789ab"
    cli("create", "alice", "10", "--store", database)
    with psycopg.connect(database) as connection:
        for name in (other, "budgetctl_fn_somebodys", "budgetctl_else"):
            connection.execute(f"CREATE SCHEMA {name}".encode())
            connection.execute(f"CREATE FUNCTION {name}.charge() RETURNS int LANGUAGE sql AS 'SELECT 1'".encode())
    assert cli("upgrade", "--store", database) == (0, "the database is up to date\n", "")
    assert other in schemas(database)
    pruned = cli("upgrade", "--prune", "--store", database)
    assert pruned == (0, f"the database is up to date\ndropped {other}\n", "")
    assert schemas(database) == sorted([functions_schema(), "budgetctl_fn_somebodys", "budgetctl_else"])
    assert cli("show", "alice", "--store", database).returncode == 0


@pytest.mark.parametrize("store", ["./a.db", "http://127.0.0.1:1"])
def test_what_is_no_postgresql_is_refused(cli: Cli, store: str) -> None:
    result = cli("upgrade", "--prune", "--store", store)
    assert (result.returncode, result.stdout) == (2, "")
    assert "upgrade is for PostgreSQL databases" in result.stderr
