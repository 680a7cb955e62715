"""A project for the tests of stores and of enforcement, whatever store it is kept in."""

from __future__ import annotations

import pytest
from postgres import new_project, server_url
from soundness import assert_sound

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore


@pytest.fixture(params=["sqlite", "postgres"])
def make_store(request, home, clock):
    """Open another connection to the same project. In the end, the project must be sound."""
    opened = []
    if request.param == "postgres":
        from budgetctl.stores.postgres import PostgresStore

        url, project = server_url(), new_project()

    def make():
        if request.param == "postgres":
            store = PostgresStore(url, project, clock=clock)
        else:
            store = SqliteStore(home / "p.db", "p", clock=clock)
        opened.append(store)
        return store

    yield make
    if opened and opened[0].exists():
        assert_sound(opened[0])
    for store in opened:
        store.close()


@pytest.fixture
def make_manager(make_store):
    """Open another connection to the same project, as a manager."""

    def make():
        store = make_store()
        return BudgetManager(store.project, store=store)

    return make


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
