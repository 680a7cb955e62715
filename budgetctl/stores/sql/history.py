"""Reading the entries of a ledger, newest first, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import Any

from budgetctl.ledger.corrections import HistoryFilter
from budgetctl.ledger.values import Entry
from budgetctl.stores.sql import paging
from budgetctl.stores.sql.rows import ENTRY_COLUMNS, ENTRY_JOINS, entry_from_row, unknown_user
from budgetctl.stores.sql.transaction import Transaction

Read = Callable[[], AbstractContextManager[Transaction]]


def entries_of(read: Read, user: str, before: int | None, wanted: HistoryFilter | None) -> Iterator[Entry]:
    """The entries of a user, those of a deleted budget too: those of `Store.history`."""
    where, values = _wanted(wanted)

    def page(tx: Transaction, place: tuple[int, int] | None) -> tuple[Iterable[Entry], tuple[int, int] | None]:
        """A place is an account, whose name may be another one's by now, and the number of an entry."""
        account, number = (_last_account(tx, user), before) if place is None else place
        rows = tx.all(
            f"SELECT {ENTRY_COLUMNS} FROM entries e {ENTRY_JOINS}"
            " WHERE e.project = :project AND e.account = :account"
            + (" AND e.number < :before" if number is not None else "")
            + where
            + " ORDER BY e.number DESC LIMIT :page",
            account=account,
            before=number,
            page=paging.PAGE,
            **values,
        )
        last = paging.place_behind(rows)
        entries = (entry for entry in map(entry_from_row, rows) if _is_of_model(entry, wanted))
        return entries, None if last is None else (account, last)

    return paging.in_snapshots(read, page)


def all_entries(read: Read, before: int | None, wanted: HistoryFilter | None) -> Iterator[tuple[int, str, Entry]]:
    """The entries of all users, with their places and users: those of `Store.entries`."""
    where, values = _wanted(wanted)

    def page(tx: Transaction, place: int | None) -> tuple[Iterable[tuple[int, str, Entry]], int | None]:
        last = before if place is None else place
        rows = tx.all(
            f"SELECT e.entry, acc.name, {ENTRY_COLUMNS} FROM entries e"
            f" JOIN accounts acc ON acc.project = e.project AND acc.account = e.account {ENTRY_JOINS}"
            " WHERE e.project = :project"
            + (" AND e.entry < :before" if last is not None else "")
            + where
            + " ORDER BY e.entry DESC LIMIT :page",
            before=last,
            page=paging.PAGE,
            **values,
        )
        found = ((entry, user, entry_from_row(tuple(columns))) for entry, user, *columns in rows)
        return (each for each in found if _is_of_model(each[2], wanted)), paging.place_behind(rows)

    return paging.in_snapshots(read, page)


def _is_of_model(entry: Entry, wanted: HistoryFilter | None) -> bool:
    """Whether an entry is for a model of the pattern, which no database matches as Python does."""
    if wanted is None or wanted.model is None:
        return True
    return entry.model is not None and fnmatchcase(entry.model, wanted.model)


def _last_account(tx: Transaction, user: str) -> int:
    """The last account of that name, which may be deleted. Raises `UnknownUserError`."""
    row = tx.one(
        "SELECT account FROM accounts WHERE project = :project AND name = :user ORDER BY account DESC LIMIT 1",
        user=user,
    )
    if row is None:
        raise unknown_user(user)
    account: int = row[0]
    return account


def _wanted(wanted: HistoryFilter | None) -> tuple[str, dict[str, Any]]:
    """The conditions of a filter that a database can check."""
    if wanted is None:
        return "", {}
    conditions = {
        "since": (" AND e.at_us >= :since", wanted.since_us),
        "until": (" AND e.at_us < :until", wanted.until_us),
        "kind": (" AND e.kind = :kind", wanted.kind),
    }
    given = {name: condition for name, condition in conditions.items() if condition[1] is not None}
    return "".join(sql for sql, _ in given.values()), {name: value for name, (_, value) in given.items()}
