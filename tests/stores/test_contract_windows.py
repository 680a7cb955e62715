"""What every store does as time passes and terms change, whatever it is built on."""

from __future__ import annotations

import pytest

from budgetctl.ledger.store import BudgetChange
from budgetctl.money import ZERO
from support.operations import DAY_US, charge, create, usd

# Windows


def test_a_read_shows_the_window_of_now_and_writes_nothing(store, clock):
    create(store, duration="daily")
    charge(store, "1", model="m")
    token = store.change_token()
    clock.advance(days=3)
    budget = store.budget("alice")
    assert (budget.limit.spent, budget.limit.generation, budget.models) == (ZERO, 2, {})
    assert len(list(store.history("alice"))) == 1
    assert store.change_token() == token


def test_a_charge_first_rolls_a_window_that_has_passed(store, clock):
    start_us = create(store, duration="daily").limit.window_start_us
    charge(store, "1")
    clock.advance(days=1)
    assert charge(store, "2").budget.limit.spent == usd("2")
    spend, reset, _ = store.history("alice")
    assert (spend.kind, reset.kind) == ("spend", "reset")
    assert (reset.closed.start_us, reset.closed.end_us) == (start_us, start_us + DAY_US)
    assert reset.closed.spent == usd("1")


def test_while_the_clock_stands_before_the_window_charges_count_in_it(store, clock):
    create(store, duration="daily")
    clock.advance(days=1)
    charge(store, "1")
    clock.advance(days=-5)
    assert charge(store, "1").budget.limit.spent == usd("2")


def test_a_reset_starts_again_from_nothing_in_the_same_window(store, clock):
    window = create(store, duration="weekly").limit
    charge(store, "1", model="m")
    clock.advance(days=1)
    assert store.reset("alice").closed.spent == usd("1")
    assert store.budget("alice").limit == window._replace(generation=2, generation_start_us=clock())


def test_all_users_are_reset(store):
    for user in ("alice", "bob"):
        create(store, user)
        charge(store, "1", user)
    assert [reset.user for reset in store.reset_all()] == ["alice", "bob"]
    assert [budget.limit.spent for budget in store.budgets()] == [ZERO, ZERO]


TERMS = [
    {"duration": "hourly"},
    {"duration": "daily"},
    {"duration": "daily", "zone": "Asia/Kathmandu"},
    {"duration": "2w"},
    {"duration": "monthly"},
    {"duration": "monthly", "align": "calendar", "zone": "America/New_York"},
    {"duration": "weekly", "align": "calendar"},
]


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_rolling_everybody_gives_what_a_read_shows(store, clock, terms):
    for number in range(3):
        create(store, f"user-{number}", **terms)
        charge(store, "1", f"user-{number}")
        clock.advance(days=number, seconds=17)
    clock.advance(days=70)
    shown = [budget.limit for budget in store.budgets()]
    assert store.reset_due() == 3
    assert [budget.limit for budget in store.budgets()] == shown
    assert [entry.kind for entry in store.history("user-0")] == ["reset", "spend"]


def test_rolling_everybody_again_changes_nothing(store, clock):
    create(store, duration="daily")
    charge(store, "1")
    clock.advance(days=4)
    assert (store.reset_due(), store.reset_due()) == (1, 0)
    assert len(list(store.history("alice"))) == 2


def test_a_window_with_nothing_spent_leaves_no_entry(store, clock):
    create(store, duration="daily")
    clock.advance(days=4)
    assert store.reset_due() == 1
    assert list(store.history("alice")) == []


def test_what_is_due_is_told_without_writing(store, clock):
    create(store, duration="daily")
    create(store, "bob")
    charge(store, "1")
    clock.advance(days=1)
    assert [(reset.user, reset.closed.spent) for reset in store.due()] == [("alice", usd("1"))]
    assert len(list(store.history("alice"))) == 1


def test_every_reset_is_reported_once_however_it_came_about(store, clock):
    for user in ("by-charge", "by-hand", "by-job"):
        create(store, user, duration="daily")
        charge(store, "1", user)
    store.reset("by-hand")
    clock.advance(days=1)
    charge(store, "1", "by-charge")
    store.reset_due()
    reported = list(store.unreported_resets())
    assert [reset.user for _, reset in reported] == ["by-hand", "by-charge", "by-job"]
    store.report_resets(reported[-1][0])
    assert list(store.unreported_resets()) == []


# Changes when the clock has moved


@pytest.mark.parametrize("terms", [{"duration": "weekly"}, {"align": "calendar"}, {"zone": "Asia/Kolkata"}])
def test_new_terms_after_the_window_has_passed_carry_nothing(store, clock, terms):
    create(store, duration="daily")
    charge(store, "1", model="m")
    clock.advance(days=3)
    budget = store.change_budget("alice", BudgetChange(**terms))
    assert (budget.limit.spent, budget.models) == (ZERO, {})
    assert [entry.kind for entry in store.history("alice")] == ["terms", "reset", "spend"]


def test_what_was_spent_can_be_set_after_the_window_has_passed(store, clock):
    create(store, duration="daily")
    charge(store, "5", model="m")
    clock.advance(days=3)
    budget = store.change_budget("alice", BudgetChange(spent=usd("2"), models={"m": usd("2")}))
    assert (budget.limit.spent, budget.models) == (usd("2"), {"m": usd("2")})
    newest = next(store.history("alice"))
    assert (newest.kind, newest.amount, newest.model) == ("adjustment", usd("2"), "m")


def test_what_was_spent_can_be_set_together_with_new_terms(store):
    create(store, duration="daily")
    charge(store, "5", model="m")
    change = BudgetChange(duration="weekly", spent=usd("3"), models={"m": usd("1"), "n": usd("2")})
    budget = store.change_budget("alice", change)
    assert (budget.limit.spent, budget.models) == (usd("3"), {"n": usd("2"), "m": usd("1")})


def test_a_model_without_spend_is_kept_when_it_is_set(store):
    create(store)
    assert store.change_budget("alice", BudgetChange(spent=ZERO, models={"m": ZERO})).models == {"m": ZERO}
    assert store.change_budget("alice", BudgetChange(duration="daily")).models == {"m": ZERO}
    assert store.change_budget("alice", BudgetChange(models={})).models == {}


def test_what_was_spent_can_move_between_models_near_the_most_that_is_counted(store):
    most = usd("9000000")
    create(store, amount="9000000", spent=most, models={"m": most})
    assert store.change_budget("alice", BudgetChange(models={"n": most})).models == {"n": most}


@pytest.mark.parametrize("when", ["created_us", "window_start_us"])
def test_a_time_in_the_future_is_taken_as_now(store, clock, when):
    budget = create(store, duration="daily", **{when: clock.now_us + 5 * DAY_US})
    assert (budget.created_us, budget.limit.window_start_us) == (clock.now_us, clock.now_us)


def test_a_budget_created_in_the_past_starts_in_the_window_of_now(store, clock):
    limit = create(store, duration="weekly", created_us=clock.now_us - 10 * DAY_US).limit
    assert (limit.generation, limit.window_start_us) == (1, clock.now_us - 3 * DAY_US)


def test_a_window_that_is_moved_to_the_past_is_due_at_the_next_touch(store, clock):
    create(store, duration="daily")
    charge(store, "1")
    moved = store.change_budget("alice", BudgetChange(window_start_us=clock.now_us - 3 * DAY_US)).limit
    assert (moved.generation, moved.spent) == (1, usd("1"))
    assert store.budget("alice").limit.spent == ZERO
    assert store.reset_due() == 1


def test_a_reset_while_the_clock_stands_before_the_window_ends_it_where_it_starts(store, clock):
    create(store, duration="daily")
    clock.advance(days=1)
    start_us = charge(store, "1").budget.limit.window_start_us
    clock.advance(days=-5)
    closed = store.reset("alice").closed
    assert (closed.start_us, closed.end_us) == (start_us, start_us)


def test_windows_that_passed_while_the_clock_was_wrong_are_rolled_once_it_is_right(store, clock):
    create(store, duration="daily")
    clock.advance(days=1_000)
    charge(store, "1")
    clock.advance(days=-1_000)
    assert charge(store, "1").budget.limit.generation == 2
    clock.advance(days=1_001)
    assert charge(store, "1").budget.limit.spent == usd("1")
