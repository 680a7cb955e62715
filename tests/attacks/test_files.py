"""Files that are damaged, cut, linked, half deleted, or put in the place of others: told of, and nothing is lost."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import BudgetctlError, CorruptStoreError
from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.backups import back_up, restore
from support.filing import PROJECT, Charger, beside, charge_of, make_store, spent
from support.soundness import assert_sound

PAGE = 4096

often = pytest.mark.parametrize("times", [10, pytest.param(400, marks=pytest.mark.long)])
"""A few times wherever tests are run, and many where only attacks are."""


@pytest.fixture
def path(home):
    return home / "p.db"


def put(path, content):
    """Put a file of this content there, with nothing beside it."""
    for suffix in ("-wal", "-shm", ".lock"):
        beside(path, suffix).unlink(missing_ok=True)
    path.write_bytes(content)


def is_found_sound_by_sqlite(path):
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False


def flipped(content, chance, bits=1):
    damaged = bytearray(content)
    page = chance.randrange(len(damaged) // PAGE) * PAGE
    for _ in range(bits):
        damaged[page + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


# Flipped bits


@often
def test_verify_refuses_every_flipped_bit_that_sqlites_own_check_finds(path, chance, times):
    store = make_store(path, charges=400, users=40)
    whole = path.read_bytes()
    found = 0
    for _ in range(3 * times):
        put(path, flipped(whole, chance))
        if not is_found_sound_by_sqlite(path):
            found += 1
            with closing(store), pytest.raises(CorruptStoreError):
                list(store.verify())
    assert found


def test_a_store_in_which_a_key_is_not_found_any_more_is_refused_and_not_repaired(path):
    store = make_store(path, charges=200)
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'idempotency_keys'").fetchone()
    content[(root - 1) * PAGE + 8 : (root - 1) * PAGE + 12] = bytes(4)  # where the last part of the tree is
    put(path, content)
    with closing(store):
        for check in (lambda: list(store.verify()), store.repair):
            with pytest.raises(CorruptStoreError):
                check()


@often
def test_whatever_is_damaged_only_budgetctls_own_errors_come_out(path, chance, times):
    make_store(path, charges=100, users=10)
    whole = path.read_bytes()
    # The schema is text that SQLite repeats in its errors.
    schema = [whole.replace(b"CREATE TABLE accounts", b"CREATE TABLE hold\xcf\xcfs", 1)]
    for damaged in schema + [flipped(whole, chance, bits=chance.choice((1, 8, 60))) for _ in range(times)]:
        put(path, damaged)
        with closing(SqliteStore(path, PROJECT)) as store:
            for use in (
                lambda: list(store.budgets()),
                lambda: list(store.history("alice")),
                lambda: store.charge(charge_of(7)),
                lambda: list(store.verify()),
            ):
                with contextlib.suppress(BudgetctlError):
                    use()


def test_a_pattern_that_has_become_a_number_is_damage(path):
    store = make_store(path)
    with closing(store):
        BudgetManager(PROJECT, store=store).add_limit("alice", "1", models="gpt-4o*")
    for change in (
        "UPDATE sqlite_master SET sql = replace(sql, 'models TEXT', 'models ANY')",
        "UPDATE limits SET models = 4 WHERE models IS NOT NULL",
        "UPDATE sqlite_master SET sql = replace(sql, 'models ANY', 'models TEXT')",
    ):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute(change)
    with closing(store), pytest.raises(CorruptStoreError):
        store.charge(charge_of(1))


# Cut


@often
def test_a_store_that_is_cut_at_any_page_is_refused_by_verify_and_can_be_restored(path, home, chance, times):
    store = make_store(path, charges=100, users=20)
    back_up(store, home / "backup.db")
    whole = path.read_bytes()
    cuts = range(len(whole) // PAGE)
    for pages in chance.sample(cuts, min(times // 2, len(cuts))):
        put(path, whole[: pages * PAGE])
        beside(path, ".lock").write_bytes(b"1")  # which every store has, once it was written
        with closing(store), pytest.raises(CorruptStoreError):
            list(store.verify())
        kept = restore(store, home / "backup.db").replaced
        assert spent(path) == 5
        assert kept.exists()
        kept.unlink()
    assert_sound(path)


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("is_in_use", [False, True])
def test_a_store_that_is_cut_to_nothing_does_not_count_as_a_new_one(path, size, is_in_use):
    make_store(path, charges=3)
    if is_in_use:
        charger = Charger(path)
        charger.charge()
        charger.kill()
        beside(path, ".lock").unlink()
    with path.open("r+b") as file:
        file.truncate(size)
    left = {file.name: file.stat().st_size for file in path.parent.glob("p.db*")}
    left.setdefault("p.db.lock", 0)
    with closing(SqliteStore(path, PROJECT)) as store:
        for use in (lambda: store.budget("alice"), lambda: make_store(path), store.exists):
            with pytest.raises(CorruptStoreError, match="cut off"):
                use()
    assert {file.name: file.stat().st_size for file in path.parent.glob("p.db*")} == left


def test_a_store_that_was_deleted_may_be_made_again(path):
    make_store(path, charges=3)
    charger = Charger(path)
    charger.charge()
    charger.kill()
    path.unlink()
    make_store(path, charges=1)
    assert spent(path) == 1


# Another name


def test_a_store_with_a_second_name_is_refused_under_both(path, home):
    make_store(path)
    one = Charger(path)
    assert one.charge(3) == ["charged"] * 3
    (home / "other.db").hardlink_to(path)
    other = Charger(home / "other.db")
    assert {*one.charge(3), *other.charge(3)} == {"unreachable"}
    (home / "other.db").unlink()
    assert one.charge(2) == ["charged"] * 2
    one.end()
    other.end()
    assert spent(path) == 5
    assert_sound(path)


# Half deleted


@pytest.mark.parametrize("suffix", ["-shm", "-wal"])
@pytest.mark.parametrize("ending", [Charger.end, Charger.kill])
def test_what_is_deleted_beside_a_store_in_use_keeps_others_out_and_loses_no_charge(path, suffix, ending):
    make_store(path)
    one = Charger(path)
    charged = one.charge(3)
    beside(path, suffix).unlink()
    other = Charger(path)
    assert other.charge() == ["unreachable"]
    charged += one.charge(2)
    ending(one)
    charged += other.charge(2)
    ending(other)
    assert spent(path) == charged.count("charged") >= 5
    assert_sound(path)


def test_a_program_whose_log_was_deleted_saves_what_was_in_it(path):
    make_store(path)
    one = Charger(path)
    one.charge(3)
    for suffix in ("-wal", "-shm"):
        beside(path, suffix).unlink()
    assert one.charge(2) == ["charged"] * 2
    one.kill()
    assert spent(path) == 5
    assert_sound(path)


def test_a_program_does_not_go_on_in_a_log_that_others_have_begun_anew(path):
    make_store(path)
    one = Charger(path)
    one.charge(3)
    for suffix in ("-wal", "-shm"):
        beside(path, suffix).unlink()
    other = Charger(path)
    assert other.charge() == ["charged"]
    assert one.charge(2) == ["unreachable"] * 2
    one.kill()
    other.end()


# In the place of another


def crashed_store(path, charges):
    """A store whose last writer was killed: its log is left."""
    charger = Charger(path)
    charger.charge(charges)
    charger.kill()


@pytest.mark.parametrize("charges", [1, 30])
def test_a_backup_that_is_put_by_hand_beside_the_log_of_a_crash_is_told_of_and_restored(path, home, charges):
    store = make_store(path, charges=10)
    with closing(store):
        back_up(store, home / "backup.db")
    crashed_store(path, charges)
    shutil.copy(home / "backup.db", path)
    before = {file.name: file.read_bytes() for file in path.parent.glob("p.db*")}
    for _ in range(2):  # to have looked changes nothing
        with closing(store), pytest.raises(CorruptStoreError, match="not the log"):
            store.budget("alice")
    assert {file.name: file.read_bytes() for file in path.parent.glob("p.db*")} == before
    restore(store, home / "backup.db")
    assert spent(path) == 10
    assert_sound(path)


def test_a_file_that_is_older_than_the_log_beside_it_is_told_of_whoever_copied_it(path):
    store = make_store(path, charges=10)
    whole = path.read_bytes()
    store.apply([charge_of(number) for number in range(10, 400)])
    store.close()
    crashed_store(path, 5)
    path.write_bytes(whole)
    with closing(store), pytest.raises(CorruptStoreError, match="not the log"):
        store.charge(charge_of(1))


@often
def test_the_log_of_a_crash_is_never_taken_for_another_stores(path, chance, times):
    store = make_store(path)
    total = 0
    for _ in range(times // 4):
        charger = Charger(path)
        total += len(charger.charge(chance.randrange(1, 40)))
        charger.kill()
        for suffix in chance.choice([(), ("-shm",)]):  # which a restart of the machine may take
            beside(path, suffix).unlink()
        with closing(store):
            assert store.budget("alice").limit.spent == charge_of(0).amount * total
    assert_sound(path)


@often
def test_a_log_that_was_torn_by_a_power_cut_is_not_taken_for_another_stores(path, chance, times):
    store = make_store(path)
    charger = Charger(path)
    charger.charge(20)
    charger.kill()
    log = beside(path, "-wal")
    whole, file = log.read_bytes(), path.read_bytes()
    for _ in range(times):
        put(path, file)
        torn = bytearray(whole)
        torn[chance.randrange(32, len(torn)) :] = b""
        at = chance.randrange(32, len(whole))
        torn[at : at + PAGE] = bytes(min(PAGE, max(0, len(torn) - at)))
        log.write_bytes(torn)
        with closing(store):
            assert 0 <= store.budget("alice").limit.spent // charge_of(0).amount <= 20


@often
def test_nobody_who_comes_while_others_open_and_close_the_store_is_kept_out(path, times):
    make_store(path)
    chargers = [Charger(path) for _ in range(2)]
    for _ in range(times):
        with closing(SqliteStore(path, PROJECT)) as store:
            store.charge(charge_of(1))
        for charger in chargers:
            assert charger.charge() in (["charged"], ["busy"])
    for charger in chargers:
        charger.end()
    assert_sound(path)
