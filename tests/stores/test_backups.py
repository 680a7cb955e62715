"""Backups of SQLite stores, and what is refused before anything is changed."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from budgetctl.errors import (
    AlreadyExistsError,
    CorruptStoreError,
    InvalidValueError,
    NewerStoreError,
    NotFoundError,
    StoreBusyError,
    StoreUnavailableError,
    UnknownProjectError,
)
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore, open_store
from budgetctl.stores.sqlite.backups import back_up, restore
from support.soundness import assert_sound

CENT = parse_amount("0.01")
OF_BEFORE = Path(__file__).parent / "data" / "first.db"
CHANGE = BudgetChange(amount=parse_amount("10"))


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p", wait_s=1)) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        store.charge(ChargeRequest("alice", CENT))
        yield store


@pytest.fixture
def backup(store, home):
    """A backup with one charge, of a store that has two."""
    made = back_up(store, home / "backup" / "p.db")
    store.charge(ChargeRequest("alice", CENT))
    return made.file


def spent(path, project="p"):
    with closing(SqliteStore(path, project)) as store:
        return store.budget("alice").limit.spent // CENT


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def names(directory):
    return sorted(file.name for file in directory.iterdir() if file.is_file())


# Backing up


def test_a_backup_is_one_file_that_only_its_owner_reads(store, home):
    made = back_up(store, home / "backup" / "p.db")
    assert (made.projects, made.store, made.size_bytes) == (["p"], store.path, made.file.stat().st_size)
    assert names(home / "backup") == ["p.db"]
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert_sound(made.file)


def test_a_backup_has_what_is_still_in_the_write_ahead_log(store, backup):
    assert store.path.with_name("p.db-wal").stat().st_size
    assert spent(backup) == 1


def test_a_backup_that_is_looked_at_stays_what_it_is(backup):
    before = backup.read_bytes()
    assert spent(backup) == 1
    with closing(SqliteStore(backup, "p")) as store:
        assert list(store.verify()) == []
    assert backup.read_bytes() == before


def test_a_backup_in_the_place_of_a_store_becomes_one_with_the_first_charge(backup, home):
    shutil.copy(backup, home / "new.db")
    with closing(SqliteStore(home / "new.db", "p")) as store:
        store.charge(ChargeRequest("alice", CENT))
        with store.read() as tx:
            assert tx.one("PRAGMA journal_mode") == ("wal",)
    assert spent(home / "new.db") == 2
    assert_sound(home / "new.db")


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(store, backup):
    before = backup.read_bytes()
    with pytest.raises(AlreadyExistsError):
        back_up(store, backup)
    assert backup.read_bytes() == before
    back_up(store, backup, force=True)
    assert spent(backup) == 2


def test_no_backup_is_written_over_a_store(store, home):
    with closing(SqliteStore(home / "q.db", "q")) as other:
        other.create_budget("alice", CHANGE, if_exists="error")
        for target in (other.path, store.path):
            with pytest.raises(InvalidValueError, match="is a store"):
                back_up(store, target, force=True)


def test_a_damaged_store_gives_no_backup_and_leaves_the_last_one(store, backup):
    store.close()
    content = bytearray(store.path.read_bytes())
    content[8192:-8192] = bytes(len(content) - 16384)
    store.path.write_bytes(content)
    before = backup.read_bytes()
    with pytest.raises(CorruptStoreError):
        back_up(store, backup, force=True)
    assert backup.read_bytes() == before
    assert names(backup.parent) == ["p.db"]


def test_counters_that_are_not_their_sums_give_no_backup(store, home):
    execute(store.path, "UPDATE limits SET spent = spent + 1")
    with pytest.raises(CorruptStoreError, match="sums") as caught:
        back_up(store, home / "x.db")
    assert "verify --repair" in caught.value.hint
    store.repair()
    back_up(store, home / "x.db")


def test_a_project_without_a_store_has_nothing_to_back_up(home):
    with closing(SqliteStore(home / "none.db", "p")) as store, pytest.raises(UnknownProjectError):
        back_up(store, home / "x.db")
    assert not (home / "none.db").exists()


def test_a_directory_that_cannot_be_written_is_a_clear_error(store, home):
    (home / "file").touch()
    with pytest.raises(StoreUnavailableError):
        back_up(store, home / "file" / "x.db")


# Restoring


def test_what_is_replaced_is_kept_beside_the_store(store, backup):
    replaced = restore(store, backup).replaced
    assert replaced.name.startswith("p.db.replaced-2")
    assert (spent(store.path), spent(replaced)) == (1, 2)
    restore(store, replaced)
    assert spent(store.path) == 2
    assert_sound(store.path)


def test_a_backup_can_be_restored_where_no_store_is(backup, home):
    with closing(SqliteStore(home / "new" / "p.db", "p")) as store:
        assert restore(store, backup).replaced is None
        assert store.charge(ChargeRequest("alice", CENT)).entry.number == 2
        with store.read() as tx:
            assert tx.one("PRAGMA journal_mode") == ("wal",)
    assert names(home / "new") == ["p.db", "p.db.lock"]


def test_a_backup_on_a_medium_that_nobody_can_write_can_be_restored(store, backup):
    backup.chmod(0o400)
    backup.parent.chmod(0o500)
    try:
        restore(store, backup)
    finally:
        backup.parent.chmod(0o700)
    assert spent(store.path) == 1
    assert names(backup.parent) == ["p.db"]


def test_a_copy_of_a_file_with_its_log_can_be_restored(store, home):
    store.charge(ChargeRequest("alice", CENT))
    for suffix in ("", "-wal"):
        shutil.copy(f"{store.path}{suffix}", f"{home}/copy.db{suffix}")
    store.charge(ChargeRequest("alice", CENT))
    restore(store, home / "copy.db")
    assert spent(store.path) == 2


def test_a_store_that_a_symbolic_link_leads_to_is_restored_where_it_is(store, backup, home):
    store.close()
    store.path.rename(home / "elsewhere.db")
    store.path.symlink_to(home / "elsewhere.db")
    (home / "elsewhere.db").write_bytes(b"damaged" * 1000)
    restore(store, backup)
    assert store.path.is_symlink()
    assert spent(home / "elsewhere.db") == 1


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda file: file.write_bytes(b"not a database" * 500), CorruptStoreError),
        (lambda file: file.write_bytes(file.read_bytes()[:-4096]), CorruptStoreError),
        (lambda file: execute(file, "UPDATE limits SET spent = spent + 1"), CorruptStoreError),
        (lambda file: execute(file, "PRAGMA application_id = 7"), CorruptStoreError),
        (lambda file: execute(file, "PRAGMA user_version = 999"), NewerStoreError),
        (lambda file: execute(file, "UPDATE projects SET name = 'q'"), UnknownProjectError),
        (lambda file: file.write_bytes(b""), UnknownProjectError),
        (lambda file: file.unlink(), NotFoundError),
    ],
    ids=["foreign", "cut", "sums", "another program's", "newer", "another project's", "empty", "missing"],
)
def test_what_is_no_sound_backup_of_the_project_is_refused_and_changes_nothing(store, backup, damage, error):
    damage(backup)
    with pytest.raises(error):
        restore(store, backup)
    assert spent(store.path) == 2
    assert not [name for name in names(store.path.parent) if "replaced" in name or "partial" in name]


def test_a_store_is_no_backup_of_itself(store):
    with pytest.raises(InvalidValueError):
        restore(store, store.path)


def test_another_programs_database_is_not_replaced(store, backup, home):
    execute(home / "theirs.db", "CREATE TABLE theirs (x)")
    before = (home / "theirs.db").read_bytes()
    with closing(SqliteStore(home / "theirs.db", "p")) as theirs, pytest.raises(InvalidValueError):
        restore(theirs, backup)
    assert (home / "theirs.db").read_bytes() == before


def test_a_store_of_a_newer_version_can_be_replaced_by_a_backup_from_before_it(store, backup):
    store.close()
    execute(store.path, "PRAGMA user_version = 999")
    restore(store, backup)
    assert spent(store.path) == 1


def test_a_backup_of_an_older_version_is_brought_up_to_date_on_its_way(store, backup):
    backup.write_bytes(before := OF_BEFORE.read_bytes())
    restore(store, backup)
    with store.read() as tx:
        assert tx.one("SELECT COUNT(*) FROM accounts WHERE name = 'carol'") == (1,)
    assert backup.read_bytes() == before


def test_pages_of_another_size_are_no_obstacle(store, backup):
    execute(backup, "PRAGMA page_size = 8192", "VACUUM")
    restore(store, backup)
    assert spent(store.path) == 1
    assert_sound(store.path)


def test_a_writer_that_does_not_let_go_is_waited_for_and_then_told_of(store, backup):
    impatient = SqliteStore(store.path, "p", wait_s=0.1)
    with closing(impatient), store.write(), pytest.raises(StoreBusyError):
        restore(impatient, backup)
    assert spent(store.path) == 2


def test_a_program_that_knows_a_project_by_its_number_does_not_take_another_for_it(home):
    def project(name):
        return open_store(home / "all.db", name)

    with closing(project("one")) as one, closing(project("late")) as late, closing(project("later")) as later:
        one.create_budget("alice", CHANGE, if_exists="error")
        back_up(one, home / "backup.db")
        late.create_budget("alice", CHANGE, if_exists="error")
        restore(one, home / "backup.db")
        later.create_budget("bob", CHANGE, if_exists="error")
        assert list(late.budgets()) == []
        late.create_budget("carol", CHANGE, if_exists="error")
        assert [budget.user for budget in later.budgets()] == ["bob"]
    assert_sound(home / "all.db")


def test_a_store_that_counts_its_projects_otherwise_is_not_mixed_up(home):
    for file, names_of in (("a.db", ("x", "y")), ("b.db", ("y", "x"))):
        for name in names_of:
            with closing(open_store(home / file, name)) as store:
                store.create_budget("alice", CHANGE, if_exists="error")
    with closing(open_store(home / "a.db", "x")) as store, pytest.raises(InvalidValueError, match="of another store"):
        restore(store, home / "b.db")


@pytest.mark.parametrize("location", ["postgresql://u:secret@nowhere/db", "https://nowhere.invalid"])
def test_stores_that_are_no_files_say_what_does_it_for_them(home, location, monkeypatch):
    monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_1_x")
    with closing(open_store(location, "p")) as store:
        for use in (lambda: back_up(store, home / "x.db"), lambda: restore(store, home / "x.db")):
            with pytest.raises(InvalidValueError) as caught:
                use()
            assert "secret" not in str(caught.value)
            assert caught.value.hint
    assert names(home) == []
