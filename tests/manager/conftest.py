"""A project whose time is the test's."""

from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore


@pytest.fixture
def manager(home, clock):
    """A manager whose time is the test's: it starts at noon of 22 November 2026."""
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        yield manager


@pytest.fixture
def alice(manager):
    """A user with $10 a month."""
    return manager.create("alice", "10", duration="monthly")[0].user


@pytest.fixture
def four(manager):
    """Users with budgets and spend that sort differently."""
    for user, amount, spent in (("anna", "5", "1"), ("bob", "20", "21"), ("carl", "10", "0"), ("dora", "1", "1")):
        manager.create(user, amount, duration="daily" if user == "bob" else None)
        manager.charge(user, spent)
