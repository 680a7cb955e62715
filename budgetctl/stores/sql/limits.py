"""Rows of limits, and the bounds of their terms."""

from __future__ import annotations

from functools import cache
from typing import Any

from budgetctl.errors import InvalidValueError
from budgetctl.ledger import windows
from budgetctl.ledger.store import BudgetChange
from budgetctl.ledger.values import Limit
from budgetctl.money import ZERO, Picodollars, format_usd
from budgetctl.periods import check_alignment, parse_duration
from budgetctl.stores.sql.transaction import Transaction

MAX_COUNTER = Picodollars(9_000_000 * 10**12)
"""The most that a 64-bit counter of picodollars holds, with room to spare: $9,000,000."""

MAX_LIMITS = 100
"""How many limits a user may have: each is looked at by every charge."""

_COLUMNS = Limit._fields[1:]
"""All that is stored of a limit beside its number: its fields have the names of their columns."""


def new_limit(tx: Transaction, name: str, change: BudgetChange, models: str | None, anchor_us: int) -> Limit:
    """A limit of these terms, whose windows count from the anchor. Raises `InvalidValueError`."""
    limit = Limit(
        limit_id=0,
        name=name,
        amount=ZERO,
        duration=None,
        align="rolling",
        zone="UTC",
        models=models,
        anchor_us=anchor_us,
        generation=1,
        window_start_us=anchor_us,
        window_end_us=None,
        spent=ZERO,
        generation_start_us=anchor_us,
    )
    limit = stated(limit, change)
    check_limit(tx, limit)
    return limit


def stated(limit: Limit, change: BudgetChange) -> Limit:
    """The limit with the terms that a change states, and its own where the change states none."""
    return limit._replace(
        amount=limit.amount if change.amount is None else change.amount,
        duration=limit.duration if change.duration is None else _canonical(change.duration),
        align=change.align or limit.align,
        zone=change.zone or limit.zone,
        warn_at=limit.warn_at if change.warn_at is None else change.warn_at,
    )


def insert_limit(tx: Transaction, account: int, limit: Limit) -> Limit:
    """Write a new limit in the window of now."""
    window = windows.limit_window(limit, tx.now_us)
    limit = limit._replace(window_start_us=window.start_us, window_end_us=window.end_us)
    limit_id = tx.insert(
        f"INSERT INTO limits (project, account, {', '.join(_COLUMNS)})"
        f" VALUES (:project, :account, {', '.join(f':{column}' for column in _COLUMNS)}) RETURNING limit_id",
        account=account,
        **_values(limit),
    )
    return limit._replace(limit_id=limit_id)


def update_limit(tx: Transaction, limit: Limit, saved: Limit) -> None:
    """Write the columns of a limit that have changed since it was saved: seldom more than its counters.

    These are written as differences, since what others set aside there may be let go beside an account that is open.
    """
    values: dict[str, Any] = {} if limit == saved._replace(spent=limit.spent, held=limit.held) else _values(limit)
    values.update(spent=limit.spent - saved.spent, held=limit.held - saved.held)
    tx.run(_update(*values), limit_id=limit.limit_id, **values)


@cache
def _update(*columns: str) -> str:
    stated = [f"{name} = {f'{name} + ' if name in ('spent', 'held') else ''}:{name}" for name in columns]
    return f"UPDATE limits SET {', '.join(stated)} WHERE project = :project AND limit_id = :limit_id"


def delete_limit(tx: Transaction, account: int, limit: Limit) -> None:
    """Take a limit away, with the holds in it. Its entries stay, and its name is free for a new limit."""
    row = tx.one(
        "SELECT MAX(deleted_us) FROM limits WHERE project = :project AND account = :account AND name = :name",
        account=account,
        name=limit.name,
    )
    tx.run("DELETE FROM hold_postings WHERE project = :project AND limit_id = :limit_id", limit_id=limit.limit_id)
    tx.run(
        "UPDATE limits SET held = 0, deleted_us = :deleted_us WHERE project = :project AND limit_id = :limit_id",
        limit_id=limit.limit_id,
        deleted_us=max(tx.now_us, row[0] + 1 if row else 1),
    )


def swept(tx: Transaction, limit: Limit) -> Limit:
    """The limit without the money of expired holds. They stay expired, should the clock go back."""
    gone = tx.all(
        "DELETE FROM hold_postings WHERE project = :project AND limit_id = :limit_id AND expires_us <= :now"
        " RETURNING hold, amount",
        limit_id=limit.limit_id,
    )
    for hold, _ in gone:
        tx.run(
            "UPDATE holds SET state = 'expired' WHERE project = :project AND hold = :hold AND state = 'open'",
            hold=hold,
        )
    return limit._replace(held=Picodollars(limit.held - sum(amount for _, amount in gone)))


def topped_up(tx: Transaction, limit: Limit, *, closes: bool = False) -> Limit:
    """The limit with the allowance of its top-ups now, or in its next generation when this one `closes`."""
    from budgetctl.stores.sql.top_ups import update  # seldom needed, and a common command starts without it

    return update(tx, limit, closes=closes)


def _values(limit: Limit) -> dict[str, Any]:
    """What is stored in `_COLUMNS`."""
    values = limit._asdict() | {"warn_at": ",".join(map(str, limit.warn_at))}
    del values["limit_id"]
    return values


def _canonical(duration: str) -> str | None:
    """The canonical text of a duration, None for none."""
    parsed = parse_duration(duration)
    return str(parsed) if parsed else None


def check_limit(tx: Transaction, limit: Limit) -> None:
    check_alignment(parse_duration(limit.duration) if limit.duration else None, limit.align)
    if tx.most is not None and limit.allowance > tx.most:
        raise InvalidValueError(
            f"a budget of {format_usd(limit.allowance)} is too large for a SQLite store,"
            f" which holds {format_usd(tx.most)}",
            hint="a PostgreSQL store holds larger amounts",
        )


def check_counter(tx: Transaction, value: int) -> Picodollars:
    if tx.most is not None and value > tx.most:
        raise InvalidValueError(
            f"what is spent would come to {format_usd(value)}: a SQLite store counts up to {format_usd(tx.most)}",
            hint="a PostgreSQL store holds larger amounts",
        )
    return Picodollars(value)
