"""Entries that may have been charged at a wrong price, and the entries that make up the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from itertools import groupby

from budgetctl.errors import InvalidValueError, NotFoundError
from budgetctl.ledger.corrections import Correction, CorrectionRequest
from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.values import Entry
from budgetctl.money import ZERO, Picodollars, format_usd
from budgetctl.stores.sql import paging
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.documents import from_json
from budgetctl.stores.sql.limits import check_counter
from budgetctl.stores.sql.rows import (
    CORRECTIONS,
    ENTRY_COLUMNS,
    ENTRY_JOINS,
    GROWTH,
    NEWEST_USAGE,
    entry_from_row,
)
from budgetctl.stores.sql.transaction import Row, Transaction


def charges_of(
    read: Callable[[], AbstractContextManager[Transaction]],
    model: str,
    user: str | None,
    since_us: int | None,
    behind: tuple[str, int] | None,
    on_progress: Progress = unwatched,
) -> Iterator[tuple[str, Entry, Picodollars]]:
    """Entries of charges that have a usage, page by page: those of `Store.charges`."""
    done, total = 0, None

    def page(tx: Transaction, place: int | None) -> tuple[Iterable[tuple[str, Entry, Picodollars]], int | None]:
        if place is None:
            place = 0 if behind is None else _place(tx, *behind)
        nonlocal done, total
        models = [
            row[0]
            for row in tx.all("SELECT model, name FROM models WHERE project = :project")
            if fnmatchcase(row[1], model)
        ]
        # A cross join keeps the tables in this order: from the accounts on, each page would read all entries.
        accounts = "CROSS JOIN accounts acc" if user is None else "JOIN accounts acc ON TRUE"
        wanted = (
            f" {accounts} {ENTRY_JOINS}"
            " WHERE e.project = :project AND e.entry > :after AND e.kind = 'spend' AND e.usage IS NOT NULL"
            " AND acc.project = e.project AND acc.account = e.account AND acc.deleted_us = 0"
            f" AND e.model IN ({','.join(map(str, models)) or 'NULL'})"
            + (" AND acc.name = :user" if user is not None else "")
            + (" AND e.at_us >= :since_us" if since_us is not None else "")
        )
        given = {"after": place, "user": user, "since_us": since_us}
        if on_progress is not unwatched and total is None:
            row = tx.one(f"SELECT COUNT(*) FROM entries e{wanted}", **given)
            total = int(row[0]) if row else 0
        on_progress(done, total, "charges")
        rows = tx.all(
            f"SELECT e.entry, acc.name, {CORRECTIONS}, {GROWTH}, {NEWEST_USAGE}, {ENTRY_COLUMNS} FROM entries e{wanted}"
            " ORDER BY e.entry LIMIT :page",
            page=paging.PAGE,
            **given,
        )
        done += len(rows)
        return map(_charged, rows), paging.place_behind(rows)

    return paging.in_snapshots(read, page)


def _charged(row: Row) -> tuple[str, Entry, Picodollars]:
    """The user of an entry, the entry with all that its call has used, and what it costs with all corrections."""
    _, name, corrections, growth, usage, *columns = row
    entry = entry_from_row(tuple(columns))
    cost = Picodollars(entry.amount + corrections)
    if usage is not None:
        entry = entry._replace(usage=from_json(usage), amount=Picodollars(entry.amount + growth))
    return name, entry, cost


def _place(tx: Transaction, user: str, number: int) -> int:
    """The place of a user's entry in the ledger, from which a page of entries goes on."""
    row = tx.one(
        "SELECT MAX(e.entry) FROM entries e JOIN accounts acc ON acc.project = e.project AND acc.account = e.account"
        " WHERE acc.project = :project AND acc.name = :user AND e.number = :number",
        user=user,
        number=number,
    )
    return (row[0] if row else None) or 0


def correct(tx: Transaction, requests: Sequence[CorrectionRequest]) -> list[Correction]:
    """Make up the differences. Users whose budget was deleted in the meantime are left out."""
    corrections = []
    # One account at a time: two of them may have a parent in common, which each would save as if it were alone.
    for user, of_user in groupby(requests, key=lambda request: request.user):
        account = Account.find(tx, user)
        if account is None:
            continue
        corrections += [each for request in of_user if (each := _corrected(tx, account, request)) is not None]
        account.save()
    return corrections


def _corrected(tx: Transaction, account: Account, request: CorrectionRequest) -> Correction | None:
    """Make up the difference of an entry. An entry without a price gets its price also when the difference is 0."""
    recorded = account.find_entry(request.number)
    if recorded is None or (recorded.cost == request.amount and not recorded.entry.is_unpriced):
        return None
    if request.before not in (None, recorded.cost):  # somebody has corrected it, or it has used more than was known
        return None
    difference = Picodollars(check_counter(tx, request.amount) - recorded.cost)
    added, is_counted = account.post_again(
        "adjustment", recorded, difference, pricing=request.pricing, note=request.note
    )
    entry = recorded.entry
    return Correction(
        request.user, entry.number, entry.at_us, entry.model, recorded.cost, request.amount, added.number, is_counted
    )


def refund(account: Account, number: int | None, amount: Picodollars | None, note: str | None) -> Entry:
    """Take back the cost of an entry, or a part of it; without an entry, an amount of this window's spend.

    Raises `NotFoundError` and `InvalidValueError`.
    """
    if number is None:
        spent = account.primary.spent
        if amount is None or amount > spent:
            raise InvalidValueError(
                f"{account.row.name} has spent {format_usd(spent)} in this window: no more can be refunded"
            )
        return account.post_to_primary("refund", Picodollars(-amount), note=note)
    recorded = account.find_entry(number)
    if recorded is None:
        raise NotFoundError(f"{account.row.name} has no entry {number}")
    if recorded.entry.kind != "spend":
        raise InvalidValueError(f"entry {number} is no charge, but of the kind {recorded.entry.kind!r}")
    left = Picodollars(recorded.cost - recorded.refunded)
    wanted = left if amount is None else amount
    if left <= 0 or wanted > left:
        raise InvalidValueError(
            f"entry {number} cost {format_usd(recorded.cost)}, of which {format_usd(recorded.refunded)} was refunded:"
            f" {format_usd(max(left, ZERO))} is left"
        )
    return account.post_again("refund", recorded, Picodollars(-wanted), note=note)[0]
