"""`AsyncBudgetManager`: the methods of `BudgetManager` for programs with an event loop, which none of them blocks."""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from budgetctl.ledger.values import Reset
from budgetctl.manager import BudgetManager
from budgetctl.manager.threads import finish
from budgetctl.stores import Store

P = ParamSpec("P")
R = TypeVar("R")

_AT_ONCE = 100
"""Items of a list that are read in a thread before the loop goes on."""


def _awaited(
    method: Callable[Concatenate[BudgetManager, P], R],
) -> Callable[Concatenate[AsyncBudgetManager, P], Coroutine[Any, Any, R]]:
    """The method, done in a thread."""

    @functools.wraps(method)
    async def awaited(self: AsyncBudgetManager, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await finish(lambda: method(self._manager(), *args, **kwargs))

    return awaited


def _listed(
    method: Callable[Concatenate[BudgetManager, P], Iterator[R]],
) -> Callable[Concatenate[AsyncBudgetManager, P], AsyncIterator[R]]:
    """The method, whose items are read in threads, some at a time."""

    @functools.wraps(method)
    async def listed(self: AsyncBudgetManager, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
        items = await finish(lambda: iter(method(self._manager(), *args, **kwargs)))
        async for item in _items(items):
            yield item

    return listed


async def _items(items: Iterator[R]) -> AsyncIterator[R]:
    while some := await finish(lambda: list(itertools.islice(items, _AT_ONCE))):
        for item in some:
            yield item


class AsyncBudgetManager:
    """The budgets of one project, for programs with an event loop.

    Each method of `BudgetManager` is awaited here, and lists are read by `async for`.

    The arguments, answers and errors are those of `BudgetManager`, and the store is opened by the first call. The work
    is done in threads, over every kind of store, so that the event loop goes on. A call that is cancelled while it
    waits still writes its change: the store has begun. `user_dict`, which is read without waiting, is not here.
    """

    def __init__(
        self,
        project_name: str,
        client_type: Literal["local", "hosted"] = "local",
        api_base: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        store: Store | str | os.PathLike[str] | None = None,
    ) -> None:
        self.project_name = project_name
        self._open = functools.partial(BudgetManager, project_name, client_type, api_base, headers, store=store)
        self._opened: BudgetManager | None = None
        self._lock = threading.Lock()

    def _manager(self) -> BudgetManager:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    async def __aenter__(self) -> AsyncBudgetManager:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the store, if it was opened. A later call opens it again."""
        if self._opened is not None:
            await finish(self._opened.close)

    async def reset_due(self, *, clock_is_right: bool = False) -> tuple[int, AsyncIterator[Reset]]:
        """Roll every window that has passed. Returns how many there were, and the resets not yet reported."""
        count, resets = await finish(lambda: self._manager().reset_due(clock_is_right=clock_is_right))
        return count, _items(resets)

    # Methods of litellm's manager

    create_budget = _awaited(BudgetManager.create_budget)
    update_cost = _awaited(BudgetManager.update_cost)
    projected_cost = _awaited(BudgetManager.projected_cost)
    get_total_budget = _awaited(BudgetManager.get_total_budget)
    get_current_cost = _awaited(BudgetManager.get_current_cost)
    get_model_cost = _awaited(BudgetManager.get_model_cost)
    get_users = _awaited(BudgetManager.get_users)
    is_valid_user = _awaited(BudgetManager.is_valid_user)
    reset_cost = _awaited(BudgetManager.reset_cost)
    reset_on_duration = _awaited(BudgetManager.reset_on_duration)
    update_budget_all_users = _awaited(BudgetManager.update_budget_all_users)
    save_data = _awaited(BudgetManager.save_data)
    load_data = _awaited(BudgetManager.load_data)

    # Exact methods

    create = _awaited(BudgetManager.create)
    set = _awaited(BudgetManager.set)
    delete_budget = _awaited(BudgetManager.delete_budget)
    add_limit = _awaited(BudgetManager.add_limit)
    remove_limit = _awaited(BudgetManager.remove_limit)
    cap = _awaited(BudgetManager.cap)
    remove_cap = _awaited(BudgetManager.remove_cap)
    reset = _awaited(BudgetManager.reset)
    reset_cap = _awaited(BudgetManager.reset_cap)
    reset_all = _listed(BudgetManager.reset_all)
    due = _listed(BudgetManager.due)
    migrate = _awaited(BudgetManager.migrate)

    budget = _awaited(BudgetManager.budget)
    find_budget = _awaited(BudgetManager.find_budget)
    budgets = _listed(BudgetManager.budgets)
    history = _listed(BudgetManager.history)
    entries = _listed(BudgetManager.entries)
    summary = _awaited(BudgetManager.summary)
    require_project = _awaited(BudgetManager.require_project)

    check = _awaited(BudgetManager.check)
    estimate = _awaited(BudgetManager.estimate)
    reserve = _awaited(BudgetManager.reserve)
    commit = _awaited(BudgetManager.commit)
    commit_price = _awaited(BudgetManager.commit_price)
    commit_prices = _awaited(BudgetManager.commit_prices)
    release = _awaited(BudgetManager.release)
    holds = _listed(BudgetManager.holds)

    charge = _awaited(BudgetManager.charge)
    charge_price = _awaited(BudgetManager.charge_price)
    charge_prices = _awaited(BudgetManager.charge_prices)
    charge_each = _awaited(BudgetManager.charge_each)
    refund = _awaited(BudgetManager.refund)
    reprice = _listed(BudgetManager.reprice)
    top_up = _awaited(BudgetManager.top_up)
    top_ups = _awaited(BudgetManager.top_ups)

    crossings = _listed(BudgetManager.crossings)
    claim = _awaited(BudgetManager.claim)
    tell = _awaited(BudgetManager.tell)
    forget = _awaited(BudgetManager.forget)
    verify = _listed(BudgetManager.verify)
