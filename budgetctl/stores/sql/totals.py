"""What the budgets of a project come to, added up by the database."""

from __future__ import annotations

from collections.abc import Sequence

from budgetctl.ledger.store import PROJECT
from budgetctl.ledger.totals import Totals
from budgetctl.ledger.values import Limit, Standing
from budgetctl.money import Picodollars
from budgetctl.stores.sql.remaining import HELD
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


def totals(tx: Transaction, most_spenders: int) -> Totals:
    """The totals now, in one snapshot, with at most so many users."""
    users, over, spent, allowance, held = _added_up(tx)
    for is_top, *row in tx.all(
        f"SELECT {_IS_TOP}, {LIMIT_COLUMNS} FROM {PRIMARY_LIMITS} WHERE {USERS} AND {ENDED_TOP_UPS}"
    ):
        limit = _now(tx, [row])[0]
        users += 1
        over += limit.spent >= limit.allowance
        if is_top:
            spent, allowance, held = spent + limit.spent, allowance + limit.allowance, held + limit.held
    cap = next(iter(_cap(tx)), None)
    return Totals(users, over, spent, allowance, held, cap, _spenders(tx, most_spenders) if most_spenders else ())


def _added_up(tx: Transaction) -> tuple[int, int, Picodollars, Picodollars, Picodollars]:
    """Users, those who are over, spent, allowed and held, without those whose top-ups have ended: they are few."""
    row = tx.one(
        f"SELECT COUNT(*), SUM(CASE WHEN spent >= allowance THEN 1 ELSE 0 END),"
        f" {', '.join(sum_in_parts(f'is_top * {each}') for each in ('spent', 'allowance', 'held'))} FROM"
        f" (SELECT {SPENT} AS spent, l.amount + l.topped_up AS allowance, {HELD} AS held, {_IS_TOP} AS is_top"
        f" FROM {PRIMARY_LIMITS} WHERE {USERS} AND {NO_ENDED_TOP_UPS}) AS budgets"
    )
    users, over, *sums = row or [0] * 8
    spent, allowance, held = map(from_parts, sums[::2], sums[1::2])
    return users, int(over or 0), spent, allowance, held


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
