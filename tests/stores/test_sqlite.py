"""The file of a SQLite store: where it is, who may read it, and what is refused."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
import unicodedata
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetctl.errors import (
    CorruptStoreError,
    InvalidValueError,
    NewerStoreError,
    StoreBusyError,
    StoreUnavailableError,
    UnknownUserError,
)
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore, open_store, project_stores
from budgetctl.stores.location import decode_project, encode_project
from support.soundness import assert_sound

CENT = parse_amount("0.01")
CHANGE = BudgetChange(amount=parse_amount("10"))


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        yield store


def test_an_amount_beyond_what_the_store_counts_is_refused_and_changes_nothing(store):
    key = IdempotencyKey("caller", b"k" * 16, b"r" * 16)
    with pytest.raises(InvalidValueError) as caught:
        store.charge(ChargeRequest("alice", parse_amount("1000000.01"), key=key))
    assert "PostgreSQL" in caught.value.hint
    assert list(store.history("alice")) == []
    assert not store.charge(ChargeRequest("alice", CENT, key=key)).replayed


def content(path):
    return {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}


# Names


names = st.text(min_size=1, max_size=30).filter(lambda name: name.isprintable())


@given(names)
def test_a_file_name_leads_back_to_its_project(name):
    assert decode_project(encode_project(name)) == name


@given(names, names)
def test_no_two_projects_share_a_file_even_where_case_and_composition_do_not_count(one, other):
    def folded(name):
        return unicodedata.normalize("NFC", encode_project(name)).lower()

    assert (folded(one) == folded(other)) == (one == other)


@pytest.mark.parametrize(
    "name", ["..", ".", "../up", "/etc/passwd", "a/b", "a\\b", "con:", "~", "%2F", "a.db-wal", "é"]
)
def test_no_project_leaves_its_directory(name, home):
    with closing(open_store(f"{home}/stores/", name)) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        assert store.path.parent == home / "stores"
    assert [store.project for store in project_stores(f"{home}/stores/")] == [name]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\0b", "\ud800", "x" * 257, "é" * 100, 7, None])
def test_a_name_that_no_file_can_have_is_refused(name, home):
    with pytest.raises(InvalidValueError):
        open_store(f"{home}/stores/", name)


@pytest.mark.parametrize("location", ["", "  ", "mysql://u:secret@host/db", "a\0b"])
def test_a_location_that_is_no_file_is_refused_without_repeating_a_password(location):
    with pytest.raises(InvalidValueError) as caught:
        open_store(location, "p")
    assert "secret" not in str(caught.value)


def test_one_file_may_hold_several_projects(home):
    for project in ("one", "two"):
        with closing(open_store(home / "all.db", project)) as store:
            store.create_budget("alice", CHANGE, if_exists="error")
    assert [store.project for store in project_stores(home / "all.db")] == ["one", "two"]


# Permissions


def test_only_the_owner_can_read_a_store(home):
    with closing(SqliteStore(home / "new" / "p.db", "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in store.path.parent.iterdir()}
        assert modes == dict.fromkeys(("p.db", "p.db-wal", "p.db-shm", "p.db.lock"), 0o600)


def test_the_mode_of_a_directory_that_is_there_is_left_alone(home):
    (home / "shared").mkdir(mode=0o755)
    (home / "shared").chmod(0o755)
    with closing(SqliteStore(home / "shared" / "p.db", "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
    assert stat.S_IMODE((home / "shared").stat().st_mode) == 0o755


# What is refused, and left as it is


def test_reading_what_is_not_there_makes_nothing(home):
    with closing(SqliteStore(home / "none" / "p.db", "p")) as store:
        assert (list(store.budgets()), store.exists()) == ([], False)
        with pytest.raises(UnknownUserError):
            store.charge(ChargeRequest("alice", CENT))
    assert not (home / "none").exists()


def test_a_store_of_a_newer_version_is_refused_and_not_touched(store):
    store.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = content(store.path)
    for use in (lambda: store.budget("alice"), lambda: store.charge(ChargeRequest("alice", CENT))):
        with pytest.raises(NewerStoreError):
            use()
    store.close()
    assert content(store.path) == before


def test_another_programs_database_is_refused_and_not_touched(home):
    with closing(sqlite3.connect(home / "p.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()
    before = (home / "p.db").read_bytes()
    with closing(SqliteStore(home / "p.db", "p")) as store, pytest.raises(CorruptStoreError):
        store.create_budget("alice", CHANGE, if_exists="error")
    assert (home / "p.db").read_bytes() == before


@pytest.mark.parametrize("damage", [b"not a database, but long enough to look at" * 200, b"SQLite format 3\0"])
def test_a_file_that_is_no_database_is_refused_and_not_touched(home, damage):
    (home / "p.db").write_bytes(damage)
    with closing(SqliteStore(home / "p.db", "p")) as store, pytest.raises(CorruptStoreError):
        store.create_budget("alice", CHANGE, if_exists="error")
    assert (home / "p.db").read_bytes() == damage


def test_a_damaged_store_is_a_clear_error(store):
    for number in range(200):
        store.create_budget(f"user-{number}", CHANGE, if_exists="error")
    store.close()
    data = bytearray(store.path.read_bytes())
    data[4096:-4096] = bytes(len(data) - 8192)
    store.path.write_bytes(data)
    with pytest.raises(CorruptStoreError):
        list(store.budgets())


def test_a_file_in_the_place_of_the_directory_is_a_clear_error(home):
    (home / "in-the-way").write_text("")
    with closing(SqliteStore(home / "in-the-way" / "p.db", "p")) as store, pytest.raises(StoreUnavailableError):
        store.create_budget("alice", CHANGE, if_exists="error")


def test_a_directory_in_the_place_of_the_file_is_a_clear_error(home):
    (home / "p.db").mkdir()
    with closing(SqliteStore(home / "p.db", "p")) as store, pytest.raises(StoreUnavailableError):
        store.create_budget("alice", CHANGE, if_exists="error")


def test_an_empty_file_becomes_a_store(home):
    (home / "p.db").touch()
    with closing(SqliteStore(home / "p.db", "p")) as store:
        assert not store.exists()
        store.create_budget("alice", CHANGE, if_exists="error")
        assert store.budget("alice").limit.amount == CHANGE.amount


# Durability


def test_a_store_is_strict_and_written_ahead(store):
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    assert [name for name, sql in tables if "STRICT" not in sql] == []


def test_every_connection_syncs_each_commit_and_checks_foreign_keys(store):
    with store.read() as tx:
        assert (tx.one("PRAGMA synchronous"), tx.one("PRAGMA foreign_keys")) == ((2,), (1,))


def test_what_fails_halfway_leaves_nothing_behind(store):
    before = list(store.budgets())
    huge = BudgetChange(amount=parse_amount("9000001"))
    with pytest.raises(InvalidValueError):
        store.create_budgets([("bob", CHANGE), ("carol", huge)])
    assert list(store.budgets()) == before


def test_a_store_that_is_replaced_is_opened_anew(store, home):
    store.close()
    shutil.copy(store.path, home / "backup.db")
    store.charge(ChargeRequest("alice", CENT))
    store.close()
    (home / "backup.db").replace(store.path)
    assert store.charge(ChargeRequest("alice", CENT)).entry.number == 1


# Many at once


def test_threads_share_a_store(store):
    def charge():
        for _ in range(25):
            store.charge(ChargeRequest("alice", CENT))

    threads = [threading.Thread(target=charge) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.budget("alice").limit.spent == 200 * CENT
    assert_sound(store.path)


def test_whoever_waits_too_long_for_another_writer_gives_up_with_nothing_lost(store):
    with closing(SqliteStore(store.path, "p", wait_s=0.1)) as impatient:
        with store.write(), pytest.raises(StoreBusyError):
            impatient.charge(ChargeRequest("alice", CENT))
        assert impatient.charge(ChargeRequest("alice", CENT)).entry.number == 1


def test_giving_up_again_and_again_leaves_no_lock_behind(store):
    with closing(SqliteStore(store.path, "p", wait_s=0.01)) as impatient:
        with store.write():
            for _ in range(5):
                with pytest.raises(StoreBusyError):
                    impatient.charge(ChargeRequest("alice", CENT))
        for _ in range(3):
            store.charge(ChargeRequest("alice", CENT))
        with closing(SqliteStore(store.path, "p")) as patient:
            assert patient.charge(ChargeRequest("alice", CENT)).entry.number == 4
