"""A file that is damaged anywhere is a clear error, or not noticed because the damage is elsewhere."""

from __future__ import annotations

from contextlib import closing

import pytest

from budgetctl.errors import CorruptStoreError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore

CENT = parse_amount("0.01")
PAGE = 4096


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p")) as store:
        change = BudgetChange(amount=parse_amount("10"))
        store.create_budgets([(f"user-{number}", change) for number in range(300)])
        for number in range(300):
            store.charge(ChargeRequest(f"user-{number}", CENT, model="m", usage={"text_output": 7}))
        store.close()
        yield store


def use(store):
    """Do what touches every table."""
    assert len(list(store.budgets())) == 300
    for number in range(0, 300, 20):
        assert store.charge(ChargeRequest(f"user-{number}", CENT, model="m")).budget.limit.spent > 0
        assert list(store.history(f"user-{number}"))
    store.summary()


def outcomes(store, damages):
    """Use the store with each of the damages in turn."""
    whole = store.path.read_bytes()
    found = set()
    for damage in damages:
        store.path.write_bytes(damage(whole))
        with closing(SqliteStore(store.path, "p")) as damaged:
            try:
                use(damaged)
            except CorruptStoreError as error:
                found.add("refused" if "restore it from a backup" in error.hint else error.hint)
            else:
                found.add("worked")
        for suffix in ("-wal", "-shm"):
            store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
    return found


def test_a_zeroed_page_is_a_clear_error_wherever_it_is(store):
    pages = store.path.stat().st_size // PAGE
    damages = [lambda whole, at=at * PAGE: whole[:at] + bytes(PAGE) + whole[at + PAGE :] for at in range(pages)]
    assert outcomes(store, damages) <= {"refused", "worked"}
    assert outcomes(store, damages[:2]) == {"refused"}


def test_a_store_cut_short_anywhere_is_a_clear_error(store):
    size = store.path.stat().st_size
    cuts = [lambda whole, at=at: whole[:at] for at in (16, 100, PAGE, 2 * PAGE, size // 2, size - PAGE)]
    assert outcomes(store, cuts) == {"refused"}


def test_a_page_of_another_is_a_clear_error(store):
    swap = [lambda whole: whole[:PAGE] + whole[2 * PAGE : 3 * PAGE] + whole[PAGE : 2 * PAGE] + whole[3 * PAGE :]]
    assert outcomes(store, swap) == {"refused"}
