"""A project for the tests of enforcement, whatever store it is kept in."""

from __future__ import annotations

from functools import partial

import pytest
from soundness import assert_sound

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore


@pytest.fixture(params=["sqlite", "http"])
def make_manager(request, home, clock, serve):
    """Open another connection to the same project."""
    opened = []
    open_file = partial(SqliteStore, home / "p.db", clock=clock)
    server = serve(open_file, clock=clock) if request.param == "http" else None

    def make():
        opened.append(BudgetManager("p", store=open_file("p") if server is None else server.open("p")))
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
