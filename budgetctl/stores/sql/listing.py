"""Listing the budgets of a project, sorted and filtered, page by page."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from budgetctl.ledger import decisions, windows
from budgetctl.ledger.store import SortKey, sort_value
from budgetctl.ledger.values import Budget
from budgetctl.stores.sql import paging
from budgetctl.stores.sql.rows import (
    ACCOUNT_COLUMNS,
    ACCOUNT_WIDTH,
    ENDED_TOP_UPS,
    LIMIT_COLUMNS,
    NO_ENDED_TOP_UPS,
    PRIMARY_LIMITS,
    SPENT,
    USERS,
    AccountRow,
    limit_from_row,
    stored_model_totals,
)
from budgetctl.stores.sql.standings import as_of_now
from budgetctl.stores.sql.transaction import Transaction

_SORTED_PAGE = 20_000
"""Each sorted page scans all budgets, so that nothing is held open between two: few large pages."""

_SORT_EXPRESSIONS: dict[SortKey, str] = {
    "user": "acc.name",
    "spent": SPENT,
    "budget": "l.amount",
    "remaining": (
        f"{SPENT} + l.held - l.amount - l.topped_up - (SELECT COALESCE(SUM(x.amount), 0) FROM hold_postings x"
        " WHERE x.project = l.project AND x.limit_id = l.limit_id AND x.expires_us <= :now)"
    ),
}
"""The SQL of `sort_value` for a budget."""

Place = tuple[str | None, int | None]
"""The user behind whom a list goes on, and the sort value that it had."""


class _Query(NamedTuple):
    """The filter and the order of a list of budgets."""

    project: str
    sort: SortKey
    where: tuple[str, ...]


def list_budgets(
    read: Callable[[], AbstractContextManager[Transaction]],
    project: str,
    after: Place,
    sort: SortKey,
    *,
    over: bool,
    due: bool,
) -> Iterator[Budget]:
    """The budgets of `Store.budgets`."""
    filters = ((f"{SPENT} >= l.amount", over), ("l.window_end_us <= :now", due))
    where = tuple(condition for condition, is_wanted in filters if is_wanted)
    if sort == "remaining":
        stored = _pages(read, _Query(project, sort, (*where, NO_ENDED_TOP_UPS)), after)
        others = _with_ended_top_ups(read, _Query(project, "user", (*where, ENDED_TOP_UPS)), after)
        found: Iterable[Budget] = heapq.merge(stored, others, key=_by_remaining)
    else:
        found = _pages(read, _Query(project, sort, where), after)
    return (budget for budget in found if not over or decisions.status(budget.limit) == "exceeded")


def _pages(read: Callable[[], AbstractContextManager[Transaction]], query: _Query, after: Place) -> Iterator[Budget]:
    def page(tx: Transaction, place: Place | None) -> tuple[list[Budget], Place | None]:
        size = _SORTED_PAGE if query.sort != "user" else paging.PAGE if place else paging.FIRST_PAGE
        found = _page(tx, query, place or after, size)
        if len(found) < size:
            return found, None
        return found, (found[-1].user, None if query.sort == "user" else sort_value(query.sort, found[-1]))

    return paging.in_snapshots(read, page)


def _page(tx: Transaction, query: _Query, after: Place, size: int) -> list[Budget]:
    key = _SORT_EXPRESSIONS[query.sort]
    where = [USERS, *query.where]
    user, value = after
    if user is not None:
        behind = "acc.name > :after_user"
        where.append(behind if query.sort == "user" else f"({key} < :after_key OR ({key} = :after_key AND {behind}))")
    rows = tx.all(
        f"SELECT {ACCOUNT_COLUMNS}, {LIMIT_COLUMNS} FROM {PRIMARY_LIMITS} WHERE {' AND '.join(where)}"
        f" ORDER BY {'' if query.sort == 'user' else f'{key} DESC, '}acc.name LIMIT :page",
        page=size,
        after_user=user,
        after_key=value,
    )
    stored = [limit_from_row(row[ACCOUNT_WIDTH:]) for row in rows]
    totals = stored_model_totals(tx, [limit.limit_id for limit in stored if not windows.is_due(limit, tx.now_us)])
    return [
        AccountRow(*row[:ACCOUNT_WIDTH]).budget(query.project, limit, totals.get(limit.limit_id, {}))
        for row, limit in zip(rows, as_of_now(tx, stored), strict=True)
    ]


def _with_ended_top_ups(
    read: Callable[[], AbstractContextManager[Transaction]], query: _Query, after: Place
) -> list[Budget]:
    """The budgets with ended top-ups, sorted here. They are few: the next write to one, or its reset, ends that."""
    user, value = after
    behind = None if user is None or value is None else (-value, user)
    found = [each for each in _pages(read, query, (None, None)) if behind is None or _by_remaining(each) > behind]
    return sorted(found, key=_by_remaining)


def _by_remaining(budget: Budget) -> tuple[int, str]:
    return int(budget.remaining), budget.user
