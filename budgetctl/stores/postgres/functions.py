"""The functions in the database: those of this version, in a schema of their own that is named by their text.

So several versions of budgetctl on one database each use their own functions, and a changed function needs no numbered
step. The functions have to belong to the owner of the tables, which is checked: a role that runs a function lends it
its rights.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from budgetctl.errors import StoreUnavailableError
from budgetctl.ledger.values import Limit

SCHEMA = "budgetctl"
"""The schema that the tables are in, beside whatever else the database holds."""

_LOCK = 0x62646774
"""Under this advisory lock ("bdgt") tables and functions are made and dropped."""

_FILES = ("functions.sql", "lists.sql")
_PREFIX = f"{SCHEMA}_fn_"


@cache
def functions_schema() -> str:
    """The schema of this version's functions and types."""
    return f"{_PREFIX}{hashlib.sha256(_text()).hexdigest()[:12]}"


def qualified(function: str) -> str:
    """The name of a function of this version, with its schema."""
    return f"{functions_schema()}.{function}"


def _text() -> bytes:
    files = "\n".join(Path(__file__).with_name("sql").joinpath(file).read_text("utf-8") for file in _FILES)
    told = {"spent": "spent", "held": "l.held - let_go"}  # not as it is stored
    return files.replace("{limit}", ", ".join(told.get(column, f"l.{column}") for column in Limit._fields)).encode()


def state() -> str:
    """SQL that asks for the schema of the functions. Its answer is for `are_there`."""
    return (
        "SELECT COALESCE((SELECT CASE WHEN f.nspowner <> t.nspowner THEN 'foreign'"
        " WHEN has_schema_privilege(f.oid, 'USAGE') THEN 'there' ELSE 'forbidden' END"
        f" FROM pg_namespace f, pg_namespace t WHERE f.nspname = '{functions_schema()}' AND t.nspname = '{SCHEMA}'),"
        " 'missing')"
    )


def are_there(found: str) -> bool:
    """Whether there are functions. Raises `StoreUnavailableError` if they are not for this role."""
    if found == "foreign":
        raise StoreUnavailableError(
            f"the schema {functions_schema()} belongs to another role than {SCHEMA}, which has the tables:"
            " its functions are not trusted",
            hint=f"look who made it; DROP SCHEMA {functions_schema()} CASCADE, and they are made anew",
        )
    if found == "forbidden":
        raise StoreUnavailableError(
            f"this role may not use the schema {functions_schema()}, which has this version's functions",
            hint=f"run `budgetctl upgrade` as the owner of the schema {SCHEMA}: whoever may use that, may use both",
        )
    return found == "there"


@contextlib.contextmanager
def changing(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A transaction that makes or drops tables or functions, one at a time.

    Raises `StoreUnavailableError` for a role that may not do so, which says who may.
    """
    try:
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            yield
    except psycopg.errors.InsufficientPrivilege as error:
        reason = str(error).strip().split("\n")[0]
        raise StoreUnavailableError(
            f"the role {connection.info.user} may not bring the database up to date: {reason}; nothing was changed",
            hint=f"run `budgetctl upgrade` as the owner of the schema {SCHEMA}, who may create schemas in the database",
        ) from error


def create(connection: psycopg.Connection[Any]) -> None:
    """Make the schema and its functions, owned by the tables' owner, in the transaction that has begun."""
    schema, owner = functions_schema(), _owner(connection)
    connection.execute(
        f"CREATE SCHEMA {schema} AUTHORIZATION {owner}; SET LOCAL ROLE {owner};"
        f" SET LOCAL search_path = {schema}, {SCHEMA}".encode(),
        prepare=False,
    )
    connection.execute(_text(), prepare=False)
    _grant(connection)


def upgrade(connection: psycopg.Connection[Any], *, prune: bool) -> list[str]:
    """Let all roles of the tables use the functions. `prune` drops other versions' functions, and names them."""
    with changing(connection):
        connection.execute(f"SET LOCAL ROLE {_owner(connection)}".encode())
        _grant(connection)
        others = connection.execute(
            "SELECT f.nspname FROM pg_namespace f JOIN pg_namespace t ON t.nspname = %s AND t.nspowner = f.nspowner"
            " WHERE f.nspname ~ %s AND f.nspname <> %s ORDER BY f.nspname",
            [SCHEMA, f"^{_PREFIX}[0-9a-f]{{12}}$", functions_schema()],
        ).fetchall()
        pruned = [name for (name,) in others] if prune else []
        for name in pruned:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())
    return pruned


def _owner(connection: psycopg.Connection[Any]) -> str:
    """The role that the tables' schema belongs to, quoted."""
    (owner,) = connection.execute(
        "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = %s", [SCHEMA]
    ).fetchone() or (None,)
    return str(owner)


def _grant(connection: psycopg.Connection[Any]) -> None:
    """Give the rights to the functions to whoever may use the tables' schema: which tables is said of each table."""
    (grants,) = connection.execute(
        "SELECT string_agg(format('GRANT USAGE ON SCHEMA %%1$I TO %%2$s;"
        " GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %%1$I TO %%2$s', %s::text, r.role), '; ') FROM ("
        " SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END AS role"
        " FROM pg_namespace t CROSS JOIN aclexplode(t.nspacl) a"
        " WHERE t.nspname = %s AND a.privilege_type = 'USAGE' AND a.grantee <> t.nspowner) r",
        [functions_schema(), SCHEMA],
    ).fetchone() or (None,)
    if grants:
        connection.execute(grants.encode(), prepare=False)
