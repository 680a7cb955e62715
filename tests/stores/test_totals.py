"""What the budgets of a project come to."""

from __future__ import annotations

import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.holds import HoldRequest
from budgetctl.money import ZERO
from support.operations import charge, create, usd


@pytest.fixture
def store(make_database):
    return make_database()


def test_a_project_without_budgets_comes_to_nothing(store):
    assert store.totals(10) == (0, 0, ZERO, ZERO, ZERO, None, ())
    create(store)
    store.delete_budget("alice")
    assert store.totals(10) == (0, 0, ZERO, ZERO, ZERO, None, ())


def test_spends_allowances_and_holds_are_added_up_over_users(store):
    for user, spent in (("alice", "4"), ("bob", "0.25"), ("carl", "10")):
        create(store, user)
        charge(store, spent, user)
    store.reserve(HoldRequest("h", "alice", usd("1.5"), 60_000_000))
    totals = store.totals(2)
    assert (totals.users, totals.users_over) == (3, 1)
    assert totals[2:6] == (usd("14.25"), usd("30"), usd("1.5"), None)
    assert [(each.user, each.limit.spent) for each in totals.spenders] == [("carl", usd("10")), ("alice", usd("4"))]
    assert totals.spenders[1].limit.held == usd("1.5")


def test_what_a_child_spends_is_added_up_once(store):
    create(store, "team", "20")
    create(store, "alice", parent="team")
    charge(store, "4")
    totals = store.totals(5)
    assert (totals.users, totals.spent, totals.allowance) == (2, usd("4"), usd("20"))
    assert [each.user for each in totals.spenders] == ["alice", "team"]


def test_windows_that_have_passed_and_holds_that_have_expired_count_as_such(store, clock):
    create(store, duration="daily")
    charge(store, "10")
    store.reserve(HoldRequest("h", create(store, "bob").user, usd("1"), 60_000_000))
    clock.advance(days=1)
    totals = store.totals(1)
    assert (totals.users_over, totals.spent, totals.held) == (0, ZERO, ZERO)
    assert totals.spenders[0].limit.spent == ZERO


def test_money_on_top_is_allowed_until_it_ends(store, clock):
    manager = BudgetManager(store.project, store=store)
    manager.create("alice", "1")
    manager.top_up("alice", "2", expires="1d")
    manager.top_up("alice", "4", expires="3d")
    manager.charge("alice", "0.50")
    assert store.totals(0).allowance == usd("7")
    clock.advance(days=2)
    totals = store.totals(1)
    assert totals.spenders[0].limit == store.budget("alice").limit
    assert (totals.users, totals.spent, totals.allowance) == (1, usd("0.5"), totals.spenders[0].limit.allowance)


def test_the_cap_of_the_project_is_no_user(store):
    BudgetManager(store.project, store=store).cap("50")
    create(store)
    charge(store, "4")
    totals = store.totals(5)
    assert totals.users == 1
    assert (totals.cap.allowance, totals.cap.spent) == (usd("50"), usd("4"))


def test_sums_may_be_larger_than_any_budget(store):
    for number in range(3):
        create(store, f"user-{number}", "9000000")
        for _ in range(9):
            charge(store, "1000000", f"user-{number}")
    totals = store.totals(0)
    assert (totals.spent, totals.allowance, totals.users_over) == (usd("27000000"), usd("27000000"), 3)
