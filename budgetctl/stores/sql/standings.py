"""Standings: all limits that count a user's charges, as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from budgetctl.ledger.decisions import decide
from budgetctl.ledger.holds import Decision
from budgetctl.ledger.values import Limit, Standing
from budgetctl.ledger.windows import has_ended_top_ups, rolled
from budgetctl.money import Picodollars
from budgetctl.stores.sql import clock
from budgetctl.stores.sql.rows import AccountRow, accounts_above, find_account, keys_in_sql, limits_of
from budgetctl.stores.sql.transaction import Transaction

_HOLDS_AT_FIRST = 1_000


def standings_of(tx: Transaction, account: AccountRow) -> tuple[Standing, ...]:
    """All limits that the account's charges may count against as they stand now, the account's own first."""
    owners = [account, *accounts_above(tx, account)]
    stored = [(owner.name, limit) for owner in owners for limit in limits_of(tx, owner)]
    limits = as_of_now(tx, [limit for _, limit in stored])
    return tuple(Standing(name, limit) for (name, _), limit in zip(stored, limits, strict=True))


def decided(tx: Transaction, user: str, cost: Picodollars | None, names: str | None) -> Decision:
    """Whether all limits of a user would allow a cost now. Raises `UnknownUserError` and `ClockError`."""
    account = find_account(tx, user)
    clock.check(tx, account.updated_us)
    return decide(user, standings_of(tx, account), cost, names, tx.now_us, partial(freeing, tx))


def freeing(tx: Transaction, limit: Limit, amount: Picodollars) -> tuple[int | None, int]:
    """When holds of so many picodollars of a limit have expired, None for never, and how many count now."""
    counting = "FROM hold_postings WHERE project = :project AND limit_id = :limit_id AND expires_us > :now"
    (holds,) = tx.one(f"SELECT COUNT(*) {counting}", limit_id=limit.limit_id) or (0,)
    read, frees_us = 0, None
    while frees_us is None and read < holds:  # seldom more than once: a cost needs few of many
        read = read * 10 or _HOLDS_AT_FIRST
        (frees_us,) = tx.one(
            "SELECT MIN(CASE WHEN freed >= :amount THEN expires_us END) FROM ("
            " SELECT expires_us, SUM(amount) OVER (ORDER BY expires_us, hold) AS freed FROM ("
            f" SELECT expires_us, hold, amount {counting} ORDER BY expires_us, hold LIMIT :read) first_ones) all_ones",
            limit_id=limit.limit_id,
            amount=amount,
            read=read,
        ) or (None,)
    return frees_us, holds


def as_of_now(tx: Transaction, limits: Sequence[Limit]) -> list[Limit]:
    """The limits as a read shows them: without expired holds and top-ups, and rolled where a window has passed."""
    if any(has_ended_top_ups(limit, tx.now_us) for limit in limits):
        from budgetctl.stores.sql.top_ups import with_current

        limits = [with_current(tx, limit) if has_ended_top_ups(limit, tx.now_us) else limit for limit in limits]
    return [rolled(limit, tx.now_us) for limit in _without_expired_holds(tx, limits)]


def _without_expired_holds(tx: Transaction, limits: Sequence[Limit]) -> Sequence[Limit]:
    held = [limit.limit_id for limit in limits if limit.held]
    if not held:
        return limits
    expired: dict[int, int] = dict(
        tx.all(
            "SELECT limit_id, SUM(amount) FROM hold_postings WHERE project = :project AND expires_us <= :now"
            f" AND limit_id IN ({keys_in_sql(held)}) GROUP BY limit_id"
        )
    )
    return [limit._replace(held=Picodollars(limit.held - expired.get(limit.limit_id, 0))) for limit in limits]
