"""Budgets by `BudgetManager`'s own methods: creating, changing and listing them, and the project as a whole."""

import traceback
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import (
    AlreadyExistsError,
    InvalidValueError,
    UnknownProjectError,
    UnknownUserError,
)
from budgetctl.stores import SqliteStore
from support.recorded import at, ledger, users, window

# Creating and changing


def test_create_answers_the_budget_and_that_it_is_new(manager, clock):
    budget, is_new = manager.create("alice", "10.000000000001", duration="Weekly", timezone="Europe/Berlin")
    limit = budget.limit
    assert is_new
    assert (budget.project, budget.user, budget.created_us) == ("shop", "alice", clock.now_us)
    assert (str(limit.amount), limit.duration, limit.align, limit.zone) == (
        "10.000000000001",
        "weekly",
        "rolling",
        "Europe/Berlin",
    )
    assert manager.budget("alice") == budget


def test_create_refuses_a_user_who_has_a_budget(manager, alice):
    with pytest.raises(AlreadyExistsError):
        manager.create("alice", "20")
    assert manager.get_total_budget("alice") == 10


def test_create_keeps_an_existing_budget_if_asked(manager, alice):
    budget, is_new = manager.create("alice", "20", if_exists="keep")
    assert (str(budget.limit.amount), budget.limit.duration, is_new) == ("10", "monthly", False)


def test_create_changes_an_existing_budget_if_asked(manager, alice):
    manager.charge("alice", "1")
    budget, is_new = manager.create("alice", "20", if_exists="change")
    assert (str(budget.limit.amount), str(budget.limit.spent), is_new) == ("20", "1", False)


@pytest.mark.parametrize("amount", [10, 10.0, True, None], ids=repr)
def test_create_takes_exact_amounts_only(manager, amount):
    with pytest.raises(InvalidValueError):
        manager.create("alice", amount)
    assert manager.get_users() == []


def test_a_calendar_budget_starts_with_its_month(manager):
    manager.create("alice", "10", duration="monthly", align="calendar")
    assert window(manager) == ("01 Nov 00:00", "01 Dec 00:00")


def test_a_rolling_budget_starts_with_its_creation(manager, alice):
    assert window(manager) == ("22 Nov 12:00", "22 Dec 12:00")


def test_a_change_of_amount_keeps_the_window_and_the_spend(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    clock.advance(days=3)
    before = manager.budget("alice").limit
    changed = manager.set("alice", amount="20").limit
    assert changed == before._replace(amount=20 * 10**12)
    assert ledger(manager) == [("spend", "2.5", "gpt-4o"), ("terms", "0", None)]


def test_a_change_of_duration_closes_the_generation_and_carries_the_spend_by_model(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    manager.charge("alice", "0.5")
    clock.advance(days=3)
    before = manager.budget("alice").limit
    budget = manager.set("alice", duration="weekly")
    assert (str(budget.limit.spent), budget.models) == ("3", {"gpt-4o": 25 * 10**11})
    assert budget.limit.generation == before.generation + 1
    assert window(manager) == ("22 Nov 12:00", "29 Nov 12:00")
    assert ledger(manager)[2:] == [
        ("reset", "0", None),
        ("carry", "2.5", "gpt-4o"),
        ("carry", "0.5", None),
        ("terms", "0", None),
    ]


def test_the_closed_generation_keeps_what_it_spent(manager, alice, clock):
    manager.charge("alice", "2.5")
    clock.advance(days=3)
    manager.set("alice", duration="weekly")
    closed = next(entry.closed for entry in manager.history("alice") if entry.kind == "reset")
    assert (closed.limit, closed.generation, str(closed.spent)) == ("total", 1, "2.5")
    assert (at(closed.start_us), at(closed.end_us)) == ("22 Nov 12:00", "25 Nov 12:00")


def test_the_same_duration_again_closes_nothing(manager, alice):
    manager.charge("alice", "2.5")
    assert manager.set("alice", duration="1mo", align="rolling", timezone="UTC").limit.generation == 1
    assert len(ledger(manager)) == 1


def test_a_budget_stops_to_reset(manager, alice):
    manager.set("alice", duration="none")
    assert window(manager) == ("22 Nov 12:00", None)


def test_a_budget_moves_to_the_calendar_of_its_zone(manager, alice):
    manager.set("alice", align="calendar", timezone="Europe/Berlin")
    assert window(manager) == ("31 Oct 23:00", "30 Nov 23:00")


def test_set_without_a_change_changes_nothing(manager, alice):
    before = manager.budget("alice")
    assert manager.set("alice") == before


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 20},
        {"amount": "-1"},
        {"duration": "never"},
        {"duration": 7},
        {"duration": "2w", "align": "calendar"},
        {"align": "sometimes"},
        {"timezone": "Europe/Atlantis"},
        {"timezone": ["UTC"]},
    ],
    ids=str,
)
def test_set_refuses_what_no_budget_can_be(manager, alice, change):
    before = manager.budget("alice")
    with pytest.raises(InvalidValueError):
        manager.set("alice", **{"amount": "20", **change})
    assert manager.budget("alice") == before


def test_nobodys_budget_is_set(manager, alice):
    with pytest.raises(UnknownUserError):
        manager.set("bob", amount="20")


# Listing


def test_budgets_are_listed_by_user(manager, four):
    assert users(manager.budgets()) == ["anna", "bob", "carl", "dora"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("spent", ["bob", "anna", "dora", "carl"]),
        ("budget", ["bob", "carl", "anna", "dora"]),
        ("remaining", ["bob", "dora", "anna", "carl"]),
    ],
)
def test_budgets_are_sorted(manager, four, sort, expected):
    assert users(manager.budgets(sort=sort)) == expected
    assert users(manager.budgets(sort=sort, after=expected[1])) == expected[2:]


def test_budgets_continue_behind_a_user(manager, four):
    assert users(manager.budgets(after="bob")) == ["carl", "dora"]


def test_budgets_that_are_spent_are_found(manager, four):
    assert users(manager.budgets(over=True)) == ["bob", "dora"]


def test_budgets_whose_window_has_passed_are_found(manager, four, clock):
    assert users(manager.budgets(due=True)) == []
    clock.advance(days=1)
    assert users(manager.budgets(due=True)) == ["bob"]
    assert users(manager.budgets(over=True)) == ["dora"]


def test_find_budget_says_none_of_nobody(manager, alice):
    assert manager.find_budget("alice") == manager.budget("alice")
    assert manager.find_budget("bob") is None


def test_a_project_that_nobody_used_is_unknown(manager):
    with pytest.raises(UnknownProjectError) as caught:
        manager.require_project()
    assert "budgetctl create" in caught.value.hint
    assert f"\ntry: {caught.value.hint}" in "".join(traceback.format_exception(caught.value))
    manager.create("alice", "10")
    manager.require_project()


# The project as a whole


def test_the_summary_counts_users_and_what_they_spent(manager, four):
    summary = manager.summary()
    assert (summary.project, summary.users, str(summary.spent)) == ("shop", 4, "23")
    assert summary.size_bytes > 0


def test_the_summary_of_an_empty_project(manager):
    summary = manager.summary()
    assert (summary.users, summary.spent, summary.size_bytes) == (0, 0, 0)


def test_the_summary_adds_up_beyond_what_one_counter_holds(manager):
    record = {"total_budget": 9_000_000, "current_cost": 8_999_999.999999}
    manager.user_dict = {f"user-{number}": record for number in range(5)}
    assert str(manager.summary().spent) == "44999999.999995"


def test_an_estimate_records_nothing(manager, alice):
    price = manager.estimate("gpt-4o", "hello world", max_output_tokens=100)
    assert (price.usage.total_input, price.usage.total_output) == (2, 100)
    assert price.amount > 0
    assert ledger(manager) == []


def test_a_store_is_named_by_its_path(home):
    with closing(BudgetManager("shop", store=home / "mine.db")) as manager:
        manager.create("alice", "10")
    assert (home / "mine.db").is_file()


def test_a_store_is_named_by_the_environment(home, monkeypatch):
    monkeypatch.setenv("BUDGETCTL_STORE", str(home / "mine.db"))
    with closing(BudgetManager("shop")) as manager:
        manager.create("alice", "10")
    assert (home / "mine.db").is_file()


def test_a_store_of_another_project_is_refused(home):
    with pytest.raises(InvalidValueError, match="'kitchen', not 'shop'"):
        BudgetManager("shop", store=SqliteStore(home / "shop.db", "kitchen"))


@pytest.mark.parametrize("project", ["", " ", "a\nb", None, 5, "x" * 257])
def test_what_names_no_project_is_refused(project):
    with pytest.raises(InvalidValueError):
        BudgetManager(project)


@pytest.mark.parametrize("project", ["Team A/B", "..", "日本", "a%2Fb", "COM1"])
def test_any_other_name_is_a_project(project):
    with closing(BudgetManager(project)) as manager:
        manager.create("alice", "10")
    with closing(BudgetManager(project)) as manager:
        assert manager.get_users() == ["alice"]
