"""Clocks that jump: by years, where they are not believed, and by less, where a reset mends what they did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import BudgetctlError, ClockError
from budgetctl.ledger.values import Limit
from budgetctl.stores import SqliteStore
from support.postgres import new_project, server_url

Open = Callable[[Any], BudgetManager]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def open_new(request: pytest.FixtureRequest, home: Path) -> Iterator[Open]:
    """Open a new project with a clock. In the end, every counter must be the sum of its entries."""
    opened: list[BudgetManager] = []

    def open_manager(clock: Any) -> BudgetManager:
        if request.param == "sqlite":
            store: Any = SqliteStore(home / f"{len(opened)}.db", "p", clock=clock)
        else:
            from budgetctl.stores.postgres.store import PostgresStore

            store = PostgresStore(server_url(), new_project(), clock=clock)
        opened.append(BudgetManager(store.project, store=store))
        manager = opened[-1]
        manager.create("team", "500", duration="weekly")
        manager.cap("5000", duration="monthly")
        manager.create("alice", "100", duration="daily", parent="team")
        manager.create("bob", "100", parent="team")
        return manager

    yield open_manager
    for manager in opened:
        assert list(manager.verify()) == []
        manager.close()


def standing(manager: BudgetManager) -> list[tuple[Any, ...]]:
    """All that a wrong clock could have moved."""
    return [
        (budget.user, each.user, limit.name, limit.spent, limit.held, limit.topped_up, limit.generation, *window(limit))
        for budget in (manager.budget("alice"), manager.budget("bob"))
        for each in budget.standings
        for limit in [each.limit]
    ]


def window(limit: Limit) -> tuple[int, int | None]:
    return limit.window_start_us, limit.window_end_us


def test_jumps_of_years_leave_no_trace(open_new: Open, clock: Any, chance: Random) -> None:
    other = type(clock)()
    jumping, steady = open_new(clock), open_new(other)
    refused = (
        lambda: jumping.reserve("alice", "1"),
        lambda: jumping.check("bob", "1"),
        lambda: jumping.reset("alice"),
        jumping.reset_due,
        lambda: jumping.top_up("alice", "1"),
        lambda: jumping.create("carol", "1"),
    )
    for number in range(12):
        days = chance.choice([0.1, 0.9, 3, 40])
        for each in (clock, other):
            each.advance(days=days)
        for manager in (jumping, steady):
            manager.reset_due()
            manager.reserve("alice", "2", hold_id=f"a{number}")
            manager.reserve("bob", "3", hold_id=f"b{number}", ttl="7d")
            if number % 5 == 0:
                manager.top_up("bob", "1", expires="7d")
        ahead = chance.randrange(1_200, 36_000)
        clock.advance(days=ahead)
        for refuse in chance.sample(refused, 2):
            with pytest.raises(ClockError):
                refuse()
        spent = f"0.{chance.randrange(1, 99):02}"
        for manager in (jumping, steady):
            manager.charge("alice", spent)
            manager.charge("bob", spent)
            manager.commit(f"a{number}", spent)
            if number % 2:
                manager.release(f"b{number}")
        clock.advance(days=-ahead)
        assert standing(jumping) == standing(steady)


def test_after_any_smaller_jumps_a_reset_lets_everybody_spend_again(open_new: Open, clock: Any, chance: Random) -> None:
    manager = open_new(clock)
    charged = 0
    for _ in range(12):
        off = chance.choice([-1, 1]) * chance.uniform(0.5, 900)
        clock.advance(days=off)
        for user in ("alice", "bob"):
            manager.charge(user, "0.01")
            charged += 1
            with contextlib.suppress(BudgetctlError):
                manager.reserve(user, "0.01", ttl="1h")
        clock.advance(days=-off + chance.uniform(0.1, 2))
        for user in ("team", "alice", "bob"):
            manager.reset(user)
        manager.reset_cap()
        for user in ("alice", "bob"):
            assert manager.check(user, "1").allowed
            for each in manager.budget(user).standings:
                start_us, end_us = window(each.limit)
                assert start_us <= clock.now_us < (end_us or clock.now_us + 1)
    entries = [entry for user in ("alice", "bob") for entry in manager.history(user) if entry.kind == "spend"]
    assert len(entries) == charged
