"""What is left for a call of any model, in SQL: of all users at once, each with all that stand above it."""

from __future__ import annotations

from budgetctl.ledger.store import PROJECT
from budgetctl.stores.sql.rows import ENDED_TOP_UPS, LIMIT_COLUMNS, NO_ENDED_TOP_UPS, SPENT, USERS, limit_from_row
from budgetctl.stores.sql.standings import as_of_now
from budgetctl.stores.sql.transaction import Transaction

HELD = (
    "CASE WHEN l.held = 0 THEN 0 ELSE l.held - (SELECT COALESCE(SUM(x.amount), 0) FROM hold_postings x"
    " WHERE x.project = l.project AND x.limit_id = l.limit_id AND x.expires_us <= :now) END"
)
"""What is set aside in a limit, without holds that have expired."""

_OF_EVERY_CALL = "l.project = :project AND l.deleted_us = 0 AND l.models IS NULL"
"""The condition of limits that count calls of every model."""

_LIMITS = "limits l LEFT JOIN ended e ON e.limit_id = l.limit_id"
_LEFT = f"l.amount + l.topped_up - {SPENT} - {HELD}"
_LEFT_OF_ANY = f"l.amount + COALESCE(e.topped_up, l.topped_up) - {SPENT} - {HELD}"

_PARENTS = (
    "acc.deleted_us = 0"
    " AND acc.account IN (SELECT c.parent FROM accounts c WHERE c.project = :project AND c.parent IS NOT NULL)"
)


def with_remaining(tx: Transaction) -> str:
    """The `WITH` clause of a table `remaining (account, remaining)`: `Budget.remaining` of every user.

    What is left of each parent is worked out once, from the top downward, and then joined to all others.
    """
    return (
        f"WITH RECURSIVE {_ended(tx)}, cap (remaining) AS ("
        f"SELECT MIN({_LEFT_OF_ANY}) FROM {_LIMITS}"
        " JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
        f" WHERE {_OF_EVERY_CALL} AND acc.name = '{PROJECT}'"
        "), above (account, remaining) AS ("
        f"SELECT acc.account, {_left_of_account(_LEFT_OF_ANY)} FROM accounts acc"
        f" WHERE {USERS} AND acc.parent IS NULL AND {_PARENTS}"
        f" UNION ALL SELECT acc.account, {_left_of_account(_less('p.remaining', _LEFT_OF_ANY))} FROM above p"
        f" JOIN accounts acc ON acc.project = :project AND acc.parent = p.account WHERE {_PARENTS}"
        "), users (account, remaining) AS (SELECT b.account, MIN(b.remaining) FROM ("
        f"{_of_users('limits l CROSS JOIN accounts acc', _LEFT, NO_ENDED_TOP_UPS)} UNION ALL"
        # From these few on: joined to all limits, SQLite would go through all of them for each.
        f" {_of_users('ended e CROSS JOIN limits l CROSS JOIN accounts acc', _LEFT_OF_ANY, 'l.limit_id = e.limit_id')}"
        ") AS b GROUP BY b.account"
        "), remaining (account, remaining) AS ("
        f"SELECT u.account, {_less('c.remaining', 'u.remaining')} FROM users u CROSS JOIN cap c)"
    )


def _of_users(tables: str, left: str, condition: str) -> str:
    """What is left of limits of users, and at most what is left above them."""
    return (
        f"SELECT l.account AS account, {_less('p.remaining', left)} AS remaining FROM {tables}"
        f" LEFT JOIN above p ON p.account = acc.parent WHERE {_OF_EVERY_CALL} AND {condition}"
        f" AND {USERS} AND acc.account = l.account"
    )


def _left_of_account(left: str) -> str:
    """The least that is left of the limits of the account `acc`."""
    return f"(SELECT MIN({left}) FROM {_LIMITS} WHERE {_OF_EVERY_CALL} AND l.account = acc.account)"


def _ended(tx: Transaction) -> str:
    """The limits with ended top-ups, whose allowance only Python can tell, and what is on top of them now."""
    rows = tx.all(f"SELECT {LIMIT_COLUMNS} FROM limits l WHERE {_OF_EVERY_CALL} AND {ENDED_TOP_UPS}")
    limits = as_of_now(tx, [limit_from_row(row) for row in rows])
    values = [f"({limit.limit_id}, {int(limit.topped_up)})" for limit in limits]
    return f"ended (limit_id, topped_up) AS (VALUES {', '.join(values or ['(0, 0)'])})"


def _less(first: str, second: str) -> str:
    """The lesser of two amounts, the second where the first is NULL. The databases have no name in common for it."""
    return f"CASE WHEN {first} < {second} THEN {first} ELSE {second} END"
