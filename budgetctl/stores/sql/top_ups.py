"""Rows of top-ups: money that adds to the allowance of a limit, until it is burned or has expired."""

from __future__ import annotations

from budgetctl.ledger import top_ups
from budgetctl.ledger.top_ups import Left, TopUp, TopUpRequest
from budgetctl.ledger.values import Limit
from budgetctl.money import Picodollars
from budgetctl.stores.sql.rows import AccountRow, limits_of
from budgetctl.stores.sql.transaction import Transaction


def insert_top_up(tx: Transaction, limit: Limit, number: int, request: TopUpRequest) -> Limit:
    """Write a top-up that an entry makes. Returns the limit with the added allowance."""
    limit = update(tx, limit)
    tx.run(
        "INSERT INTO top_ups (project, limit_id, number, amount, counts, burned, at_spent, expires_us)"
        " VALUES (:project, :limit_id, :number, :amount, :amount, 0, :spent, :expires)",
        limit_id=limit.limit_id,
        number=number,
        amount=request.amount,
        spent=limit.spent,
        expires=request.expires_us,
    )
    return top_ups.topped_up(limit, top_ups_of(tx, limit))


def top_ups_of(tx: Transaction, limit: Limit) -> list[TopUp]:
    """The top-ups that count in the limit's generation, as they are stored."""
    rows = tx.all(
        "SELECT t.top_up, t.counts, t.burned, t.at_spent, t.expires_us, t.ended_generation FROM top_ups t"
        " WHERE t.project = :project AND t.limit_id = :limit_id"
        " AND (t.ended_generation IS NULL OR t.ended_generation = :generation) ORDER BY t.top_up",
        limit_id=limit.limit_id,
        generation=limit.generation,
    )
    return [TopUp(row[0], *map(Picodollars, row[1:4]), *row[4:]) for row in rows]


def with_current(tx: Transaction, limit: Limit) -> Limit:
    """The limit with the allowance of its top-ups now, as a read shows it."""
    return top_ups.current(limit, top_ups_of(tx, limit), tx.now_us)[0]


def left_of(tx: Transaction, account: AccountRow) -> list[Left]:
    """The account's own top-ups with the money that is left of each now, in the order in which they were made."""
    found = []
    for limit in limits_of(tx, account):
        current = top_ups.current(limit, top_ups_of(tx, limit), tx.now_us)[1]
        for each in (each for each in current if each.ended_generation is None):
            row = tx.one(
                "SELECT t.number, e.at_us, t.amount, e.note FROM top_ups t JOIN entries e"
                " ON e.project = t.project AND e.account = :account AND e.number = t.number"
                " WHERE t.project = :project AND t.top_up = :top_up",
                account=account.account_id,
                top_up=each.top_up,
            )
            if row is not None:
                number, at_us, amount, note = row
                left = Picodollars(each.counts - each.burned)
                found.append(Left(limit.name, number, at_us, Picodollars(amount), left, each.expires_us, note))
    return sorted(found, key=lambda each: each.number)


def update(tx: Transaction, limit: Limit, *, closes: bool = False) -> Limit:
    """The limit as `with_current` returns it. Writes which top-ups have expired or burned: see `top_ups.current`."""
    before = top_ups_of(tx, limit)
    updated, after = top_ups.current(limit, before, tx.now_us, closes=closes)
    for old, new in zip(before, after, strict=True):
        if new != old:
            tx.run(
                "UPDATE top_ups SET counts = :counts, burned = :burned, at_spent = :spent, ended_generation = :ended"
                " WHERE project = :project AND top_up = :top_up",
                counts=new.counts,
                burned=new.burned,
                spent=new.at_spent,
                ended=new.ended_generation,
                top_up=new.top_up,
            )
    return updated


def carry(tx: Transaction, limit: Limit, generation: int) -> None:
    """Have top-ups that ended in the limit's generation count in another one, into which its spend is carried."""
    tx.run(
        "UPDATE top_ups SET ended_generation = :carried"
        " WHERE project = :project AND limit_id = :limit_id AND ended_generation = :generation",
        limit_id=limit.limit_id,
        generation=limit.generation,
        carried=generation,
    )
