"""Soft limits that are crossed, and that nobody was told of in this window."""

from __future__ import annotations

from hashlib import blake2b

from budgetctl.ledger import decisions
from budgetctl.ledger.corrections import Crossing
from budgetctl.ledger.values import Standing
from budgetctl.stores.sql import paging
from budgetctl.stores.sql.rows import LIMIT_COLUMNS, limit_from_row
from budgetctl.stores.sql.standings import as_of_now
from budgetctl.stores.sql.transaction import Transaction

CLAIMED_US = 45 * 1_000_000
"""How long a claim to a crossing lasts: a hook has 30 seconds, and `tell` ten."""


def crossed(tx: Transaction, after: int) -> tuple[list[Crossing], int | None]:
    """A page of thresholds that are crossed and not told, in key order, and the place at which the next one begins."""
    rows = tx.all(
        # A cross join keeps the tables in this order: from the accounts on, each page would read all of them.
        f"SELECT l.limit_id, acc.name, {LIMIT_COLUMNS} FROM limits l CROSS JOIN accounts acc"
        " WHERE l.project = :project AND l.limit_id > :after AND l.deleted_us = 0 AND l.spent > 0"
        " AND l.spent >= l.amount / 100 AND acc.project = l.project AND acc.account = l.account"
        " ORDER BY l.limit_id LIMIT :page",
        after=after,
        page=paging.PAGE,
    )
    stored = [limit_from_row(tuple(columns)) for _, _, *columns in rows]
    found = [
        Crossing(Standing(user, limit), percent)
        for (_, user, *_), limit in zip(rows, as_of_now(tx, stored), strict=True)
        if limit.spent
        for percent in _untold(tx, limit.limit_id, limit.generation, decisions.crossed(limit))
    ]
    return found, paging.place_behind(rows)


def claim(tx: Transaction, crossing: Crossing) -> bool:
    """Claim a crossing for as long as it takes to tell of it, and say whether nobody else has.

    A claim is a row among the answers to requests, which are kept for a while and then forgotten, as claims are.
    """
    limit = crossing.standing.limit
    if not _untold(tx, limit.limit_id, limit.generation, [crossing.percent]):
        return False
    row = tx.one(
        "INSERT INTO requests (project, digest, request, answer, at_us)"
        " VALUES (:project, :digest, :digest, '', :now)"
        " ON CONFLICT (project, digest) DO UPDATE SET at_us = excluded.at_us WHERE requests.at_us <= :before"
        " RETURNING at_us",
        digest=_claim_digest(crossing),
        before=tx.now_us - CLAIMED_US,
    )
    return row is not None


def tell(tx: Transaction, crossing: Crossing) -> bool:
    """Note that a threshold was told, and say whether that is news."""
    limit = crossing.standing.limit
    _unclaim(tx, crossing)
    if not _untold(tx, limit.limit_id, limit.generation, [crossing.percent]):
        return False
    tx.run(
        "INSERT INTO told_thresholds (project, limit_id, generation, percent)"
        " SELECT :project, l.limit_id, :generation, :percent FROM limits l"
        " WHERE l.project = :project AND l.limit_id = :limit_id",
        limit_id=limit.limit_id,
        generation=limit.generation,
        percent=crossing.percent,
    )
    return True


def forget(tx: Transaction, crossing: Crossing) -> None:
    """Take back that a threshold was told, or claimed."""
    _unclaim(tx, crossing)
    tx.run(
        "DELETE FROM told_thresholds WHERE project = :project AND limit_id = :limit_id AND generation = :generation"
        " AND percent = :percent",
        limit_id=crossing.standing.limit.limit_id,
        generation=crossing.standing.limit.generation,
        percent=crossing.percent,
    )


def _unclaim(tx: Transaction, crossing: Crossing) -> None:
    tx.run("DELETE FROM requests WHERE project = :project AND digest = :digest", digest=_claim_digest(crossing))


def _claim_digest(crossing: Crossing) -> bytes:
    limit = crossing.standing.limit
    return blake2b(f"claim {limit.limit_id} {limit.generation} {crossing.percent}".encode(), digest_size=16).digest()


def _untold(tx: Transaction, limit_id: int, generation: int, percents: list[int]) -> list[int]:
    if not percents:
        return []
    told = {
        row[0]
        for row in tx.all(
            "SELECT percent FROM told_thresholds WHERE project = :project AND limit_id = :limit_id"
            " AND generation = :generation",
            limit_id=limit_id,
            generation=generation,
        )
    }
    return [percent for percent in percents if percent not in told]
