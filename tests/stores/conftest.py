"""A project for the tests of enforcement, whatever store it is kept in."""

from __future__ import annotations

import pytest
from soundness import assert_sound

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore


@pytest.fixture(params=["sqlite"])
def make_manager(request, home, clock):
    """Open another connection to the same project."""
    opened = []

    def make():
        opened.append(BudgetManager("p", store=SqliteStore(home / "p.db", "p", clock=clock)))
        return opened[-1]

    yield make
    for manager in opened:
        manager.close()
    assert_sound(home / "p.db")


@pytest.fixture
def manager(make_manager):
    """A project with a user of $1.00."""
    manager = make_manager()
    manager.create("alice", "1.00")
    return manager


@pytest.fixture
def family(manager):
    """The same with a team of $2.00 a day above alice and bob, and a cap of $3.00 above all."""
    manager.create("team", "2.00", duration="daily")
    manager.create("bob", "1.00", parent="team")
    manager.set("alice", parent="team")
    manager.cap("3.00")
    return manager
