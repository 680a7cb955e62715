"""What is left for a user is the least over all limits that count every call of hers."""

from __future__ import annotations

import pytest

from budgetctl import BudgetManager, OverBudgetError
from budgetctl.ledger import decisions
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import BudgetChange
from budgetctl.money import Picodollars
from support.operations import charge, create, usd


def binding(budget):
    return budget.binding.user, budget.binding.limit.name


def terms(amount):
    return BudgetChange(amount=usd(amount))


def listed(store, **asked):
    return {budget.user: budget for budget in store.budgets(**asked)}


@pytest.fixture
def database(make_database):
    return make_database()


# Which limit decides


def test_a_parent_with_less_left_decides(family):
    family.charge("bob", "1.50")
    alice = family.budget("alice")
    assert (alice.remaining, binding(alice)) == (usd("0.50"), ("team", "total"))
    assert (alice.limit.remaining, decisions.budget_status(alice)) == (usd("1"), "ok")


def test_the_project_decides_where_it_has_least_left(family):
    family.cap("0.25")
    assert {user: binding(family.budget(user)) for user in ("alice", "team")} == dict.fromkeys(
        ("alice", "team"), ("", "total")
    )
    assert family.budget("team").remaining == usd("0.25")


def test_another_limit_of_ones_own_decides_too(manager):
    manager.add_limit("alice", "0.30", duration="daily", name="day")
    assert binding(manager.budget("alice")) == ("alice", "day")


def test_of_as_much_left_the_users_own_goes_before_the_parents_and_that_before_the_projects(family):
    family.cap("2.00")
    family.set("alice", amount="2.00")
    assert (binding(family.budget("alice")), binding(family.budget("team"))) == (("alice", "total"), ("team", "total"))
    family.set("alice", amount="3.00")
    assert binding(family.budget("alice")) == ("team", "total")


def test_a_limit_for_some_models_only_is_named_when_it_is_used_up_and_takes_nothing_away(manager):
    manager.add_limit("alice", "0.10", models="gpt-4o*", name="big")
    assert decisions.budget_status(manager.budget("alice")) == "ok"
    manager.charge("alice", "0.10", model="gpt-4o")
    alice = manager.budget("alice")
    assert (alice.remaining, binding(alice)) == (usd("0.90"), ("alice", "total"))
    assert [(each.user, each.limit.name) for each in alice.limited] == [("alice", "big")]
    assert decisions.budget_status(alice) == "limited"


def test_a_used_up_model_of_a_parent_limits_its_children(family):
    family.add_limit("team", "0.10", models="gpt-4o*", name="big")
    family.charge("bob", "0.20", model="gpt-4o")
    assert [(each.user, each.limit.name) for each in family.budget("alice").limited] == [("team", "big")]


def test_whoever_has_nothing_left_is_exceeded_also_while_money_is_only_set_aside(manager):
    manager.reserve("alice", "1.00")
    alice = manager.budget("alice")
    assert (alice.remaining, decisions.budget_status(alice), manager.check("alice").allowed) == (0, "exceeded", False)


def test_as_much_as_is_left_can_be_set_aside_and_no_more(family):
    family.charge("bob", "1.37")
    left = family.budget("alice").remaining
    with pytest.raises(OverBudgetError):
        family.reserve("alice", Picodollars(left + 1))
    family.reserve("alice", left)
    assert family.budget("alice").remaining == 0


# Lists say the same as a look at one


def test_a_list_says_what_decides_for_each(store):
    create(store, "org", "5", duration="daily")
    create(store, "team", "20", parent="org")
    for user, amount in (("alice", "1"), ("bob", "10"), ("carol", "30")):
        create(store, user, amount, parent=None if user == "carol" else "team")
    store.add_limit("carol", "big", terms("1"), "gpt-4o*")
    charge(store, "2", "carol", model="gpt-4o")
    charge(store, "3", "bob")
    store.create_budget("", terms("7"), if_exists="error")
    budgets = listed(store)
    for user, budget in budgets.items():
        shown = store.budget(user)
        assert (budget.binding, budget.limited, budget.remaining) == (shown.binding, shown.limited, shown.remaining)
    assert {user: binding(budget) for user, budget in budgets.items()} == {
        "alice": ("alice", "total"),
        "bob": ("org", "total"),
        "carol": ("", "total"),
        "org": ("org", "total"),
        "team": ("org", "total"),
    }
    assert [user for user, budget in budgets.items() if budget.limited] == ["carol"]


def test_who_is_over_is_who_has_nothing_left_of_any_limit_for_all_models(store):
    create(store, "team", "2")
    for user in ("alice", "bob"):
        create(store, user, parent="team" if user == "alice" else None)
    store.add_limit("bob", "big", terms("1"), "gpt-4o*")
    charge(store, "2", "bob", model="gpt-4o")
    charge(store, "2", "team")
    assert list(listed(store, over=True)) == ["alice", "team"]
    store.create_budget("", terms("0"), if_exists="error")
    assert list(listed(store, over=True)) == ["alice", "bob", "team"]


def test_the_least_left_is_first_whoevers_limit_that_is_and_the_list_goes_on_behind_each(store):
    create(store, "team", "3")
    for number in range(7):
        create(store, f"user-{number}", str(1 + number), parent="team" if number % 2 else None)
    charge(store, "2", "team")
    users = list(listed(store, sort="remaining"))
    assert users == ["team", "user-0", "user-1", "user-3", "user-5", "user-2", "user-4", "user-6"]
    for place, user in enumerate(users):
        assert list(listed(store, sort="remaining", after=user)) == users[place + 1 :]


def test_a_long_list_over_a_network_keeps_its_order(store):
    store.create_budgets([(f"user-{number:03}", terms(str(300 - number // 2))) for number in range(205)])
    listed_users = list(listed(store, sort="remaining"))
    assert listed_users == sorted(listed_users, key=lambda user: (300 - int(user[-3:]) // 2, user))
    assert len(listed_users) == 205


def test_a_parents_window_that_has_passed_and_its_ended_top_ups_are_not_counted(database, clock):
    manager = BudgetManager(database.project, store=database)
    manager.create("team", "2", duration="daily")
    manager.create("alice", "50", parent="team")
    manager.create("bob", "3")
    manager.top_up("team", "9", expires="12h")
    manager.charge("alice", "1.50")
    assert listed(database)["alice"].remaining == usd("9.50")
    clock.advance(days=0.6)
    for budget in (database.budget("alice"), listed(database)["alice"]):
        assert (binding(budget), budget.remaining) == (("team", "total"), usd("2.00"))
    clock.advance(days=1)
    assert database.budget("team").limit.generation == 2
    assert list(listed(database, sort="remaining")) == ["alice", "team", "bob"]
    assert database.totals(0).users_over == len(listed(database, over=True)) == 0
    assert list(database.due()) != []  # nothing was written


def test_holds_that_have_expired_are_left_again(database, clock):
    create(database, "team", "1")
    create(database, "alice", parent="team")
    database.reserve(HoldRequest("h", "alice", usd("1"), 60_000_000))
    assert list(listed(database, over=True)) == ["alice", "team"]
    clock.advance(seconds=61)
    assert list(listed(database, over=True)) == []


# What a project comes to


def test_a_summary_counts_each_charge_once_whoever_stands_above(store):
    create(store)
    charge(store, "0.14")
    create(store, "org")
    create(store, "team", parent="org", duration="daily")
    store.change_budget("alice", BudgetChange(parent="team"))
    charge(store, "2.26")
    charge(store, "1", "team")
    assert store.summary()[1:3] == (3, usd("3.40"))


def test_a_summary_counts_what_a_parent_itself_has_spent_since_its_reset(store, clock):
    create(store, "team", duration="daily")
    create(store, parent="team")
    charge(store, "1", "team")
    charge(store, "2")
    store.reset("team")
    assert store.summary().spent == usd("2")
    charge(store, "0.50", "team")
    assert store.summary().spent == usd("2.50")
    clock.advance(days=1)
    assert store.summary().spent == usd("2")
