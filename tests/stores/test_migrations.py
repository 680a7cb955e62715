"""Stores of older versions are brought up to date, whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

import pytest

from budgetctl.errors import StoreUnavailableError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.stores.sql.token_columns import TOKEN_COLUMNS
from budgetctl.stores.sqlite import file
from budgetctl.stores.sqlite.schema import MIGRATIONS, VERSION

CENT = parse_amount("0.01")
_BEFORE_TOKENS = 10
"""The number of steps before that which has columns of tokens."""

GOOD = ("more", "CREATE TABLE more (x INTEGER) STRICT; INSERT INTO more VALUES (7);")
BAD = ("bad", "CREATE TABLE more (x INTEGER) STRICT; INSERT INTO nowhere VALUES (7);")


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p")) as store:
        store.create_budget("alice", BudgetChange(amount=parse_amount("10")), if_exists="error")
        store.charge(ChargeRequest("alice", CENT))
        store.close()
        yield store


@pytest.fixture
def next_version(monkeypatch):
    """Make this the budgetctl of the next version, with one step more."""

    def release(step):
        monkeypatch.setattr(file, "MIGRATIONS", (*MIGRATIONS, step))
        monkeypatch.setattr(file, "VERSION", VERSION + 1)

    return release


def schema(path):
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return version, connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_step_that_fails_leaves_the_store_as_it_was(store, next_version, monkeypatch):
    before = schema(store.path)
    next_version(BAD)
    for use in (lambda: store.budget("alice"), lambda: store.charge(ChargeRequest("alice", CENT))):
        with pytest.raises(StoreUnavailableError, match="nowhere"):
            use()
    assert schema(store.path) == before
    monkeypatch.undo()
    assert store.charge(ChargeRequest("alice", CENT)).entry.number == 2


def test_a_first_step_that_fails_leaves_a_store_that_can_be_made_later(home, next_version, monkeypatch):
    change = BudgetChange(amount=CENT)
    next_version(BAD)
    with closing(SqliteStore(home / "p.db", "p")) as store:
        with pytest.raises(StoreUnavailableError):
            store.create_budget("alice", change, if_exists="error")
        monkeypatch.undo()
        assert store.create_budget("alice", change, if_exists="error")[1]


@pytest.mark.parametrize("read_first", [True, False])
def test_a_store_is_brought_up_to_date_on_its_first_use(store, next_version, read_first):
    next_version(GOOD)
    if read_first:
        assert store.budget("alice").limit.spent == CENT
    assert store.charge(ChargeRequest("alice", CENT)).budget.limit.spent == 2 * CENT
    with store.read() as tx:
        assert tx.all("SELECT x FROM more") == [(7,)]


def test_stores_that_are_brought_up_to_date_at_once_take_each_step_once(store, next_version):
    next_version(GOOD)
    stores = [SqliteStore(store.path, "p") for _ in range(8)]
    start = threading.Barrier(len(stores))
    spent = []

    def use(each, writes):
        start.wait()
        if writes:
            each.charge(ChargeRequest("alice", CENT))
        spent.append(each.budget("alice").limit.spent)

    threads = [threading.Thread(target=use, args=(each, number % 2)) for number, each in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spent) == len(stores)
    assert max(spent) == 5 * CENT
    assert schema(store.path)[0] == VERSION + 1
    for each in stores:
        each.close()


def test_tokens_that_stood_in_json_alone_are_in_columns(home):
    usage = {"uncached_input": 7, "cache_read": 5, "text_output": 3, "also": [{"uncached_input": 1, "reasoning": 2}]}
    with closing(sqlite3.connect(home / "p.db")) as old:
        for _, script in MIGRATIONS[:_BEFORE_TOKENS]:
            old.executescript(script)
        old.execute(f"PRAGMA application_id = {file.APPLICATION_ID}")
        old.execute(f"PRAGMA user_version = {_BEFORE_TOKENS}")
        old.execute("INSERT INTO projects VALUES (1, 'p', 0, 1, 0)")
        old.execute(
            "INSERT INTO accounts (project, account, name, created_us, updated_us) VALUES (1, 1, 'alice', 1, 1)"
        )
        old.executemany(
            "INSERT INTO entries (project, account, number, kind, at_us, amount, usage)"
            " VALUES (1, 1, ?, 'spend', 1, 0, ?)",
            [(1, json.dumps(usage)), (2, None), (3, '{"prompt_tokens": 9}')],
        )
        old.commit()
    with closing(SqliteStore(home / "p.db", "p")) as store, store.read() as tx:
        assert tx.all(f"SELECT {', '.join(TOKEN_COLUMNS)} FROM entries ORDER BY number") == [
            (8, 5, 0, 3, 2),
            (None,) * 5,
            (0,) * 5,
        ]
