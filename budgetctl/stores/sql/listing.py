"""Listing the budgets of a project, sorted and filtered, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from budgetctl.ledger import windows
from budgetctl.ledger.store import SortKey, sort_value
from budgetctl.ledger.values import Budget
from budgetctl.stores.sql import paging
from budgetctl.stores.sql.deciding import HAS_OTHERS, deciding_of
from budgetctl.stores.sql.remaining import with_remaining
from budgetctl.stores.sql.rows import (
    ACCOUNT_COLUMNS,
    ACCOUNT_WIDTH,
    LIMIT_COLUMNS,
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
"""Each sorted page scans all budgets, so that nothing is held open between two: few large pages behind the first."""

_SORT_EXPRESSIONS: dict[SortKey, str] = {
    "user": "acc.name",
    "spent": SPENT,
    "budget": "l.amount",
    "remaining": "-r.remaining",
}
"""The SQL of `sort_value` for a budget."""

Place = tuple[str | None, int | None]
"""The user behind whom a list goes on, and the sort value that it had."""


class _Query(NamedTuple):
    """The filters and the order of a list of budgets."""

    project: str
    sort: SortKey
    over: bool
    due: bool

    @property
    def is_scan(self) -> bool:
        """Whether each page looks at all budgets."""
        return self.over or self.sort != "user"


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
    query = _Query(project, sort, over, due)

    def page(tx: Transaction, place: Place | None) -> tuple[list[Budget], Place | None]:
        if query.is_scan:
            size = _SORTED_PAGE if place else paging.PAGE
        else:
            size = paging.PAGE if place else paging.FIRST_PAGE
        found = _page(tx, query, place or after, size)
        if len(found) < size:
            return found, None
        return found, (found[-1].user, None if sort == "user" else sort_value(sort, found[-1]))

    return paging.in_snapshots(read, page)


def _page(tx: Transaction, query: _Query, after: Place, size: int) -> list[Budget]:
    rows = tx.all(_statement(tx, query, after), page=size, after_user=after[0], after_key=after[1])
    accounts = [AccountRow(*row[:ACCOUNT_WIDTH]) for row in rows]
    stored = [limit_from_row(row[ACCOUNT_WIDTH:-1]) for row in rows]
    totals = stored_model_totals(tx, [limit.limit_id for limit in stored if not windows.is_due(limit, tx.now_us)])
    limits = as_of_now(tx, stored)
    deciding = deciding_of(tx, accounts, limits, [row[-1] for row in rows])
    return [
        account.budget(query.project, limit, totals.get(limit.limit_id, {}))._replace(deciding=decides)
        for account, limit, decides in zip(accounts, limits, deciding, strict=True)
    ]


def _statement(tx: Transaction, query: _Query, after: Place) -> str:
    """The SQL of a page: all that is left is worked out where it is filtered or sorted by, and only there."""
    beginning, tables, where = "", PRIMARY_LIMITS, [USERS]
    if query.over or query.sort == "remaining":
        beginning, tables = f"{with_remaining(tx)} ", f"{PRIMARY_LIMITS} JOIN remaining r ON r.account = acc.account"
    if query.over:
        where.append("r.remaining <= 0")
    if query.due:
        where.append("l.window_end_us <= :now")
    key = _SORT_EXPRESSIONS[query.sort]
    if after[0] is not None:
        behind = "acc.name > :after_user"
        where.append(behind if query.sort == "user" else f"({key} < :after_key OR ({key} = :after_key AND {behind}))")
    return (
        f"{beginning}SELECT {ACCOUNT_COLUMNS}, {LIMIT_COLUMNS}, {HAS_OTHERS} FROM {tables} WHERE {' AND '.join(where)}"
        f" ORDER BY {'' if query.sort == 'user' else f'{key} DESC, '}acc.name LIMIT :page"
    )
