"""A project whose `user_dict` is read and written, and another program with the same project."""

from contextlib import closing

import pytest

from budgetctl import BudgetManager


@pytest.fixture
def manager():
    with closing(BudgetManager("shop")) as manager:
        yield manager


@pytest.fixture
def other():
    """What another program does with the same project."""
    with closing(BudgetManager("shop")) as manager:
        yield manager


@pytest.fixture
def alice(manager):
    """The record of a user who has spent $2.50 of $10."""
    manager.create_budget(10, "alice")
    manager.charge("alice", "2.5", model="gpt-4o")
    return manager.user_dict["alice"]
