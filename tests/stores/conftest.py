"""A project for the tests of stores and of enforcement, whatever store it is kept in."""

from __future__ import annotations

from contextlib import closing
from functools import partial

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore
from support.crowd import Crowd
from support.postgres import new_project, server_url
from support.soundness import assert_sound


@pytest.fixture(scope="session")
def crowd():
    """64 processes that do something at the same moment."""
    with Crowd(64) as crowd:
        yield crowd


@pytest.fixture(params=["sqlite", "postgres", "http", "http-postgres"])
def make_store(request, home, clock):
    """Open another connection to the same project, or to a server of it. In the end, the project must be sound."""
    if request.param.endswith("postgres"):
        from budgetctl.stores.postgres.store import PostgresStore

        project, open_kept = new_project(), partial(PostgresStore, server_url(), clock=clock)
    else:
        project, open_kept = "p", partial(SqliteStore, home / "p.db", clock=clock)
    open_any = open_kept
    if request.param.startswith("http"):
        open_any = request.getfixturevalue("serve")(open_kept, clock=clock).open
    opened = []

    def make():
        opened.append(open_any(project))
        return opened[-1]

    yield make
    for store in opened:
        store.close()
    with closing(open_kept(project)) as kept:
        if kept.exists():
            assert_sound(kept)


@pytest.fixture(params=["sqlite", "postgres"])
def make_database(request, home, clock):
    """Open another connection to the same project in a database of this machine. In the end, it must be sound."""
    if request.param == "postgres":
        from budgetctl.stores.postgres.store import PostgresStore

        project, open_store = new_project(), partial(PostgresStore, server_url(), clock=clock)
    else:
        project, open_store = "p", partial(SqliteStore, home / "p.db", clock=clock)
    opened = []

    def make():
        opened.append(open_store(project))
        return opened[-1]

    yield make
    assert_sound(make())
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store):
    """A connection to it."""
    return make_store()


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
