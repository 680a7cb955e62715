"""Corrections count where the corrected entry does, in whichever generation that is."""

import threading

import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars, parse_amount
from budgetctl.pricing import without_price
from budgetctl.pricing.prices import own_prices

USAGE = Usage(model="m", uncached_input=1_000_000)


@pytest.fixture
def make_manager(make_database):
    """Open another connection to the same project."""

    def make():
        store = make_database()
        return BudgetManager(store.project, store=store)

    return make


@pytest.fixture
def manager(make_manager):
    """A manager whose store has a clock that the test moves, and alice with $10 a day."""
    manager = make_manager()
    manager.create("alice", "10", duration="daily")
    return manager


def charge(manager, user="alice"):
    manager.charge_price(user, without_price(USAGE, Picodollars(0)))


def corrected(manager):
    own_prices.save(own_prices.own_price("m", {"input": parse_amount("3")}))
    return list(manager.reprice("m"))


def test_in_an_open_window_they_count(manager):
    charge(manager)
    assert [each.is_counted for each in corrected(manager)] == [True]
    assert manager.budget("alice").limit.spent == parse_amount("3")


def test_in_a_window_that_has_passed_they_are_history(manager, clock):
    charge(manager)
    clock.advance(days=1)
    assert [each.is_counted for each in corrected(manager)] == [False]
    assert manager.budget("alice").limit.spent == 0


def test_in_windows_of_both_kinds_each_counts_where_it_belongs(manager, clock):
    charge(manager)
    clock.advance(days=1)
    charge(manager)
    assert [each.is_counted for each in corrected(manager)] == [False, True]
    assert manager.get_model_cost("alice") == {"m": 3.0}


def test_behind_a_change_of_duration_they_are_history(manager):
    charge(manager)
    manager.set("alice", duration="weekly")
    assert [each.is_counted for each in corrected(manager)] == [False]


def test_those_of_a_deleted_budget_are_left_alone(manager):
    charge(manager)
    manager.delete_budget("alice")
    manager.create("alice", "5")
    assert corrected(manager) == []


def test_many_pages_are_corrected(manager):
    manager.create("bob", "10000")
    for user in ("alice", "bob"):
        for _ in range(700):
            charge(manager, user)
    assert len(corrected(manager)) == 1_400
    assert manager.budget("bob").limit.spent == parse_amount("2100")


def test_two_at_once_correct_each_entry_once(manager, make_manager):
    for _ in range(30):
        charge(manager)
    own_prices.save(own_prices.own_price("m", {"input": parse_amount("3")}))
    managers = [make_manager() for _ in range(4)]
    threads = [threading.Thread(target=lambda each: list(each.reprice("m")), args=(each,)) for each in managers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manager.budget("alice").limit.spent == parse_amount("90")
    assert sum(entry.refers_to is not None for entry in manager.history("alice")) == 30


def test_those_of_two_users_both_count_in_the_limit_of_their_parent(manager):
    manager.create("team", "20")
    manager.set("alice", parent="team")
    manager.create("bob", "10", parent="team")
    charge(manager)
    charge(manager, "bob")
    corrected(manager)
    assert manager.budget("team").limit.spent == parse_amount("6")
