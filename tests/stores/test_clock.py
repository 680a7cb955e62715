"""A clock that is wrong: years ahead, and then right again; ahead by less; behind. On every store."""

from __future__ import annotations

import pytest

from budgetctl.errors import ClockError, OverBudgetError
from budgetctl.ledger.decisions import clock_fault
from budgetctl.money import parse_amount as usd

TEN_YEARS = 3650
CONFIRM = "budgetctl reset-due --clock-is-right"


@pytest.fixture
def monthly(manager):
    """The project with $10 a month for carol, of which $3 are spent and $2 set aside."""
    manager.create("carol", "10", duration="monthly")
    manager.charge("carol", "3")
    manager.reserve("carol", "2", hold_id="held", ttl="7d")
    return manager


def standing(manager, user="carol"):
    limit = manager.budget(user).limit
    return limit.spent, limit.held, limit.generation, limit.window_start_us


REFUSED = {
    "check": lambda manager: manager.check("carol", "1"),
    "reserve": lambda manager: manager.reserve("carol", "1"),
    "reset": lambda manager: manager.reset("carol"),
    "reset all": lambda manager: list(manager.reset_all()),
    "reset due": lambda manager: manager.reset_due(),
    "create": lambda manager: manager.create("dave", "1"),
    "migrate": lambda manager: manager.migrate({"dave": {"total_budget": 1}}),
    "set": lambda manager: manager.set("carol", amount="20"),
    "limit": lambda manager: manager.add_limit("carol", "1", duration="daily"),
    "top-up": lambda manager: manager.top_up("carol", "1"),
    "refund": lambda manager: manager.refund("carol", 1),
    "never resets": lambda manager: manager.reserve("alice", "0.1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_clock_that_is_years_ahead_is_refused_and_nothing_is_changed(monthly, clock, what):
    before = standing(monthly)
    clock.advance(days=TEN_YEARS)
    with pytest.raises(ClockError) as caught:
        REFUSED[what](monthly)
    assert "the clock says 2036-11-19 12:00 UTC" in caught.value.message
    assert "2026-11-22 12:00 UTC" in caught.value.message
    assert caught.value.hint == CONFIRM
    clock.advance(days=-TEN_YEARS)
    assert standing(monthly) == before
    assert [budget.user for budget in monthly.budgets()] == ["alice", "carol"]
    assert [hold.state for hold in monthly.holds()] == ["open"]


def test_what_was_spent_is_recorded_in_the_window_as_it_is(monthly, clock):
    start_us = standing(monthly)[3]
    clock.advance(days=TEN_YEARS)
    charged = monthly.charge("carol", "1")
    assert monthly.commit("held", "2.50").budget.limit.spent == usd("6.50")
    assert charged.entry.at_us == start_us
    clock.advance(days=-TEN_YEARS)
    assert standing(monthly) == (usd("6.50"), 0, 1, start_us)
    assert monthly.check("carol", "3.50").allowed


def test_what_was_spent_by_many_at_once_is_recorded_so_too(monthly, clock):
    from budgetctl.ledger.store import ChargeRequest

    before = standing(monthly)
    clock.advance(days=TEN_YEARS)
    answers = monthly._store.apply([ChargeRequest(user, usd("0.25")) for user in ("carol", "alice", "carol")])
    assert [answer.budget.limit.generation for answer in answers] == [1, 1, 1]
    clock.advance(days=-TEN_YEARS)
    assert standing(monthly) == (usd("3.50"), *before[1:])


def test_a_hold_can_be_released_while_the_clock_is_wrong(monthly, clock):
    clock.advance(days=TEN_YEARS)
    assert monthly.release("held").state == "released"
    clock.advance(days=-TEN_YEARS)
    assert standing(monthly)[:2] == (usd("3"), 0)


def test_a_top_up_does_not_expire_by_a_clock_that_is_years_ahead(monthly, clock):
    monthly.top_up("carol", "4", expires="30d")
    clock.advance(days=TEN_YEARS)
    monthly.charge("carol", "1")
    clock.advance(days=-TEN_YEARS)
    assert [each.left for each in monthly.top_ups("carol")] == [usd("4")]


def test_a_budget_shows_what_is_wrong_while_the_clock_is(monthly, clock):
    before = standing(monthly)
    clock.advance(days=TEN_YEARS)
    assert standing(monthly) == before
    fault = clock_fault("carol", monthly.budget("carol").standings, clock.now_us)
    assert "years ahead" in fault
    assert CONFIRM in fault


def test_a_clock_that_is_said_to_be_right_is_believed_from_then_on(monthly, clock):
    clock.advance(days=TEN_YEARS)
    count, resets = monthly.reset_due(clock_is_right=True)
    assert (count, [reset.user for reset in resets]) == (1, ["carol"])
    assert monthly.reserve("carol", "10").state == "open"
    assert monthly.reserve("alice", "1").state == "open"
    assert monthly.create("dave", "1")[1]
    clock.advance(days=900)
    assert monthly.check("carol", "10").allowed


@pytest.mark.parametrize("days", [2 * 366, 3 * 365])
def test_a_project_that_nobody_used_for_years_goes_on_by_itself(monthly, clock, days):
    clock.advance(days=days)
    assert monthly.check("carol", "10").allowed
    assert monthly.reset_due()[0] == 1
    assert monthly.reserve("carol", "10").state == "open"


def test_a_user_who_was_idle_for_longer_is_known_by_what_others_did(monthly, clock):
    for _ in range(6):
        clock.advance(days=900)
        monthly.charge("alice", "0.01")
    assert monthly.check("carol", "10").allowed
    assert monthly.reserve("carol", "10").state == "open"


def test_cron_that_rolls_windows_for_years_is_known_to_the_ledger(monthly, clock):
    for _ in range(6):
        clock.advance(days=900)
        assert monthly.reset_due()[0] == 1
    assert monthly.reserve("carol", "10").state == "open"


def test_a_clock_that_was_at_zero_for_a_while_does_not_make_the_right_one_doubtful(monthly, clock):
    now_us, clock.now_us = clock.now_us, 60_000_000
    for _ in range(15):
        monthly.charge("alice", "0.01")
        monthly.charge("carol", "0.01")
    clock.now_us = now_us
    assert monthly.reserve("carol", "1").state == "open"
    assert monthly.reserve("alice", "0.10").state == "open"


# Ahead by less, as when a month is mistyped: it cannot be told from a project that was left alone


@pytest.fixture
def rolled_ahead(monthly, clock):
    """The same after a charge of a year from now, with the clock right again."""
    clock.advance(days=400)
    monthly.charge("carol", "1")
    clock.advance(days=-399)
    return monthly


def test_a_manual_reset_moves_the_window_to_now(rolled_ahead, clock):
    with pytest.raises(OverBudgetError) as caught:
        rolled_ahead.reserve("carol", "1")
    assert caught.value.hint == "set the clock right, or if it is: budgetctl reset carol"
    rolled_ahead.reset("carol")
    limit = rolled_ahead.budget("carol").limit
    assert limit.window_start_us <= clock.now_us < limit.window_end_us
    assert rolled_ahead.reserve("carol", "10").state == "open"


def test_a_reset_of_everybody_does_so_too(rolled_ahead):
    list(rolled_ahead.reset_all())
    assert rolled_ahead.check("carol", "10").allowed


def test_a_budget_that_was_made_while_the_clock_was_ahead_begins_now_when_it_is_reset(manager, clock):
    clock.advance(days=400)
    manager.create("dave", "1")
    manager.create("erin", "1", duration="weekly")
    clock.advance(days=-400)
    assert not manager.check("dave").allowed
    for user in ("dave", "erin"):
        manager.reset(user)
        assert manager.check(user, "1").allowed
    assert manager.budget("dave").limit.window_start_us == clock.now_us


def test_a_cap_is_reset_by_itself(family, clock):
    family.cap("3.00", duration="daily")
    clock.advance(days=400)
    family.charge("alice", "0.10")
    clock.advance(days=-400)
    for user in ("alice", "team"):
        family.reset(user)
    with pytest.raises(OverBudgetError) as caught:
        family.reserve("alice", "0.10")
    assert "budgetctl cap --reset" in caught.value.hint
    family.reset_cap()
    assert family.reserve("alice", "0.10").state == "open"


def test_what_is_wrong_with_a_window_is_said(rolled_ahead, clock):
    fault = clock_fault("carol", rolled_ahead.budget("carol").standings, clock.now_us)
    assert "the clock stands before the window of the budget of $10.00 monthly" in fault
    assert "budgetctl reset carol" in fault


def test_of_a_right_clock_nothing_is_said(monthly, clock):
    for days in (0, 40, 700):
        clock.advance(days=days)
        assert clock_fault("carol", monthly.budget("carol").standings, clock.now_us) is None
