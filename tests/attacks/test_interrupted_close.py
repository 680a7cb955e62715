"""Ctrl-C while a store is closed, wherever it comes: the store can be used, and be closed, after it."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore, Store


@pytest.fixture(params=["sqlite", "postgres", "http"])
def budgets(request: pytest.FixtureRequest, home: Path) -> Iterator[BudgetManager]:
    """Alice with $1,000, in every kind of store."""
    store: Store
    if request.param == "postgres":
        from budgetctl.stores.postgres.store import PostgresStore
        from support.postgres import new_project, server_url

        store = PostgresStore(server_url(), new_project(), wait_s=1)
    elif request.param == "http":
        store = request.getfixturevalue("serve")(partial(SqliteStore, home / "p.db")).open("p")
    else:
        store = SqliteStore(home / "p.db", "p", wait_s=1)
    manager = BudgetManager(store.project, store=store)
    manager.create("alice", "1000")
    yield manager
    manager.close()


def is_interrupted(act: Callable[[], Any], point: int) -> bool:
    """Interrupt it where a signal would be noticed for the n-th time, and say whether there was such a point.

    That is at the beginning of a function, and when one that is written in C has returned.
    """
    passed = 0

    def notice(frame: Any, event: str, _: Any) -> None:
        nonlocal passed
        begins = event == "call" and not frame.f_code.co_flags & inspect.CO_GENERATOR
        passed += begins or event == "c_return"
        if passed == point:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(notice)
    try:
        act()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


# What psycopg warns of, and the interrupt when it comes within a destructor.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_store_whose_close_was_interrupted_is_used_and_closed_as_before(budgets: BudgetManager) -> None:
    point = 0
    has_points = True
    while has_points:
        point += 1
        budgets.charge("alice", "0.01")
        has_points = is_interrupted(budgets.close, point)
        in_another_thread = threading.Thread(target=budgets.charge, args=("alice", "0.01"))
        in_another_thread.start()
        in_another_thread.join()
        budgets.close()
        assert len(list(budgets.history("alice"))) == 2 * point
    assert point > 5
