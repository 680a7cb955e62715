"""Rolling everybody does for many, by SQL, what the ledger's rules say for one."""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.windows import closed_window, is_due, rolled
from budgetctl.money import Picodollars, parse_amount
from budgetctl.stores import SqliteStore
from support.postgres import analyze
from support.soundness import assert_sound

CENT = parse_amount("0.01")
TEN = parse_amount("10")
START_US = 1_795_348_800_000_000
DAY_US = 86_400_000_000
YEAR_US = 365 * DAY_US

rolling = st.tuples(
    st.sampled_from(["hourly", "36h", "daily", "10d", "weekly", "2w", "monthly", "quarterly", "5mo", "yearly", "3y"]),
    st.just("rolling"),
)
calendar = st.tuples(
    st.sampled_from(["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]), st.just("calendar")
)
zones = st.sampled_from(["UTC", "Europe/London", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
budgets = st.tuples(
    st.one_of(rolling, calendar),
    zones,
    st.integers(min_value=START_US - 3 * YEAR_US, max_value=START_US),
    st.sampled_from([0, 1, 10**12]).map(Picodollars),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(budgets, min_size=1, max_size=12), st.integers(min_value=0, max_value=3 * YEAR_US))
def test_every_window_is_the_one_that_the_ledger_gives(created, later_us):
    now_us = START_US
    with tempfile.TemporaryDirectory() as directory:  # noqa: SIM117  # the store is in it
        with closing(SqliteStore(Path(directory, "p.db"), "p", clock=lambda: now_us)) as store:
            for number, ((duration, align), zone, created_us, spent) in enumerate(created):
                change = BudgetChange(TEN, duration, align, zone, created_us, spent=spent)
                store.create_budget(f"user-{number:02}", change, if_exists="error")
            before = [budget.limit for budget in store.budgets()]
            now_us += later_us
            due = [limit for limit in before if is_due(limit, now_us)]
            assert [reset.closed for reset in store.due()] == [closed_window(limit, now_us) for limit in due]
            assert store.reset_due() == len(due)
            with store.read() as tx:
                windows = tx.all(
                    "SELECT limit_id, generation, window_start_us, window_end_us, spent FROM limits ORDER BY limit_id"
                )
            expected = [rolled(limit, now_us) for limit in before]
            assert windows == [
                (limit.limit_id, limit.generation, limit.window_start_us, limit.window_end_us, limit.spent)
                for limit in expected
            ]
            closed = [reset.closed for _, reset in store.unreported_resets()]
            assert closed == [closed_window(limit, now_us) for limit in due if limit.spent]
            assert_sound(store.path)


@pytest.fixture
def store(make_database):
    return make_database()


def fill(store, count):
    """So many users, each of whom has spent a cent."""
    users = [f"user-{number:05}" for number in range(count)]
    store.create_budgets([(user, BudgetChange(amount=TEN, duration="daily")) for user in users])
    store.apply([ChargeRequest(user, CENT) for user in users])
    if not isinstance(store, SqliteStore):
        analyze()


def test_more_than_a_batch_is_rolled_and_none_twice(store, clock):
    fill(store, 2_500)
    clock.advance(days=2)
    assert (store.reset_due(), store.reset_due()) == (2_500, 0)
    assert len(list(store.unreported_resets())) == 2_500


def test_two_that_roll_at_once_roll_each_window_once(store, make_database, clock):
    fill(store, 2_500)
    clock.advance(days=2)
    counts = []
    threads = [
        threading.Thread(target=lambda each=each: counts.append(each.reset_due())) for each in (store, make_database())
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 2_500
    assert len(list(store.unreported_resets())) == 2_500


def test_charges_go_on_while_everybody_is_rolled(store, make_database, clock):
    fill(store, 2_500)
    clock.advance(days=2)
    rolling = threading.Thread(target=store.reset_due)
    other = make_database()
    rolling.start()
    for number in range(2_499, 0, -100):
        charged = other.charge(ChargeRequest(f"user-{number:05}", CENT))
        assert charged.budget.limit.spent == CENT
    rolling.join()
    assert len(list(store.unreported_resets())) == 2_500


def test_the_few_that_are_due_among_many_are_found(store, clock):
    fill(store, 1_500)
    for user in ("user-00001", "user-01498"):
        store.change_budget(user, BudgetChange(window_start_us=clock.now_us - 3 * DAY_US))
    assert [reset.user for reset in store.due()] == ["user-00001", "user-01498"]
    assert store.reset_due() == 2


def test_a_deleted_budget_is_not_rolled(store, clock):
    fill(store, 2)
    clock.advance(days=2)
    store.delete_budget("user-00000")
    assert store.reset_due() == 1
    assert [entry.kind for entry in store.history("user-00000")] == ["spend"]
