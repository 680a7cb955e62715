"""Both databases have the same tables, and a new store those to which the steps lead."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg

from budgetctl.ledger.store import BudgetChange
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore, open_store
from budgetctl.stores.sqlite.schema import MIGRATIONS, WHOLE, whole_schema
from support.postgres import new_database
from support.schemas import schema_of

CENT = parse_amount("0.01")

POSTGRESQL_ALONE = {
    "migrations": "SQLite keeps the number of its last step in the file's header",
    "marks": "nobody is cut off from a file while a commit is under way",
    "model_matches": "SQLite asks Python whether a pattern means a model",
    "tokens": "beside SQLite's files they are in a file of their own",
}
TYPES = {"bigint": "INTEGER", "numeric": "INTEGER", "text": "TEXT", "bytea": "BLOB"}
"""PostgreSQL's type → SQLite's. Amounts are NUMERIC, so that no sum of them overflows."""


def test_both_databases_have_the_same_columns(home):
    with closing(SqliteStore(home / "p.db", "p")) as store, new_database() as url:
        store.create_budget("alice", BudgetChange(amount=CENT), if_exists="error")
        with closing(open_store(url, "p")) as other:
            other.exists()
        with closing(sqlite3.connect(home / "p.db")) as connection:
            in_sqlite = connection.execute(
                'SELECT t.name, c.name, c.type, c."notnull" OR c.pk > 0'
                " FROM sqlite_schema t, pragma_table_info(t.name) c"
                " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            ).fetchall()
        with psycopg.connect(url) as connection:
            in_postgresql = connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns"
                " WHERE table_schema = 'budgetctl'"
            ).fetchall()
    assert {table for table, *_ in in_postgresql} - {table for table, *_ in in_sqlite} == set(POSTGRESQL_ALONE)
    assert sorted(
        (table, column, TYPES.get(kind), bool(needed))
        for table, column, kind, needed in in_postgresql
        if table not in POSTGRESQL_ALONE
    ) == sorted((table, column, kind, bool(needed)) for table, column, kind, needed in in_sqlite)


def test_a_new_store_has_the_tables_to_which_the_steps_lead():
    with closing(sqlite3.connect(":memory:")) as stepped, closing(sqlite3.connect(":memory:")) as new:
        for _, script in MIGRATIONS[:WHOLE]:
            stepped.executescript(script)
        new.executescript(whole_schema())
        assert schema_of(new) == schema_of(stepped)
    assert len(MIGRATIONS) == WHOLE
