"""What the budgets of a project come to, added up by the database."""

from __future__ import annotations

from collections.abc import Sequence

from budgetctl.ledger.store import PROJECT
from budgetctl.ledger.totals import Totals
from budgetctl.ledger.values import Limit, Standing
from budgetctl.money import Picodollars
from budgetctl.stores.sql.remaining import HELD, with_remaining
from budgetctl.stores.sql.rows import (
    ENDED_TOP_UPS,
    LIMIT_COLUMNS,
    NO_ENDED_TOP_UPS,
    PRIMARY_LIMITS,
    SPENT,
    USERS,
    from_parts,
    limit_from_row,
    sum_in_parts,
)
from budgetctl.stores.sql.standings import as_of_now
from budgetctl.stores.sql.transaction import Transaction

_IS_TOP = "CASE WHEN acc.parent IS NULL THEN 1 ELSE 0 END"


_LAST_RESET = (
    "SELECT r.number FROM entries r WHERE r.project = acc.project AND r.account = acc.account"
    " AND r.closed_limit = l.limit_id ORDER BY r.number DESC LIMIT 1"
)
"""The entry behind which all that counts in the current generation of a limit stands."""


def totals(tx: Transaction, most_spenders: int) -> Totals:
    """The totals now, in one snapshot, with at most so many users."""
    users, spent, allowance, held = _added_up(tx)
    for is_top, *row in tx.all(
        f"SELECT {_IS_TOP}, {LIMIT_COLUMNS} FROM {PRIMARY_LIMITS} WHERE {USERS} AND {ENDED_TOP_UPS}"
    ):
        limit = _now(tx, [row])[0]
        users += 1
        if is_top:
            spent, allowance, held = spent + limit.spent, allowance + limit.allowance, held + limit.held
    (over,) = tx.one(f"{with_remaining(tx)} SELECT COUNT(*) FROM remaining WHERE remaining <= 0") or (0,)
    cap = next(iter(_cap(tx)), None)
    return Totals(users, over, spent, allowance, held, cap, _spenders(tx, most_spenders) if most_spenders else ())


def own_spend(tx: Transaction) -> tuple[int, Picodollars]:
    """The number of users, and what they have spent themselves in their current windows: each entry once.

    The counter of whoever is a parent has the spend of the children too: there the user's own entries are added up.
    """
    parents = "(SELECT c.parent FROM accounts c WHERE c.project = :project AND c.parent IS NOT NULL)"
    users, *of_others = tx.one(
        f"SELECT COUNT(*), {sum_in_parts(f'CASE WHEN acc.account IN {parents} THEN 0 ELSE {SPENT} END')}"
        f" FROM {PRIMARY_LIMITS} WHERE {USERS}"
    ) or (0, 0, 0)
    of_parents = tx.one(
        f"SELECT {sum_in_parts('e.amount')} FROM {PRIMARY_LIMITS}"
        " JOIN entries e ON e.project = acc.project AND e.account = acc.account"
        " JOIN postings p ON p.project = e.project AND p.posting_set = e.posting_set AND p.limit_id = l.limit_id"
        f" AND p.generation = l.generation WHERE {USERS} AND acc.account IN {parents} AND {SPENT} <> 0"
        f" AND e.number > COALESCE(({_LAST_RESET}), 0)"
    ) or (0, 0)
    return users, Picodollars(from_parts(*of_others) + from_parts(*of_parents))


def _added_up(tx: Transaction) -> tuple[int, Picodollars, Picodollars, Picodollars]:
    """Users, spent, allowed and held, without those whose top-ups have ended: they are few."""
    row = tx.one(
        f"SELECT COUNT(*), {', '.join(sum_in_parts(f'is_top * {each}') for each in ('spent', 'allowance', 'held'))}"
        f" FROM (SELECT {SPENT} AS spent, l.amount + l.topped_up AS allowance, {HELD} AS held, {_IS_TOP} AS is_top"
        f" FROM {PRIMARY_LIMITS} WHERE {USERS} AND {NO_ENDED_TOP_UPS}) AS budgets"
    )
    users, *sums = row or [0] * 7
    spent, allowance, held = map(from_parts, sums[::2], sums[1::2])
    return users, spent, allowance, held


def _cap(tx: Transaction) -> list[Limit]:
    return _now(
        tx,
        tx.all(
            f"SELECT {LIMIT_COLUMNS} FROM {PRIMARY_LIMITS}"
            f" WHERE acc.project = :project AND acc.deleted_us = 0 AND acc.name = '{PROJECT}'"
        ),
    )


def _spenders(tx: Transaction, most: int) -> tuple[Standing, ...]:
    rows = tx.all(
        f"SELECT acc.name, {LIMIT_COLUMNS} FROM {PRIMARY_LIMITS} WHERE {USERS}"
        f" ORDER BY {SPENT} DESC, acc.name LIMIT :most",
        most=most,
    )
    limits = _now(tx, [row[1:] for row in rows])
    return tuple(Standing(row[0], limit) for row, limit in zip(rows, limits, strict=True))


def _now(tx: Transaction, rows: Sequence[Sequence[object]]) -> list[Limit]:
    return as_of_now(tx, [limit_from_row(row) for row in rows])
