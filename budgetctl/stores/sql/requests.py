"""The answers of requests that came over a network, inside a write transaction: a repeated one gets the same again.

Charges, holds, commits and releases do without: the ledger's own keys make their repetition change nothing.
"""

from __future__ import annotations

from budgetctl.errors import KeyConflictError
from budgetctl.stores.sql.transaction import Transaction

KEPT_US = 24 * 3600 * 1_000_000
"""How long an answer is remembered. A client gives up after seconds."""

_PRUNED = 10_000


def remembered(tx: Transaction, key: bytes, request: bytes) -> str | None:
    """The answer to the request of this key, if there is one. Raises `KeyConflictError` for another request."""
    row = tx.one(
        "SELECT request, answer FROM requests WHERE project = :project AND digest = :digest AND at_us > :since",
        digest=key,
        since=tx.now_us - KEPT_US,
    )
    if row is None:
        return None
    if row[0] != request:
        raise KeyConflictError(
            "this idempotency key was used before for another request; nothing was changed",
            hint="give each request a key of its own",
        )
    return str(row[1])


def remember(tx: Transaction, key: bytes, request: bytes, answer: str) -> None:
    """Keep the answer of a request, in the transaction that does the request."""
    if tx.project is None:  # nothing is stored, so that nothing was changed
        return
    tx.run(
        "INSERT INTO requests (project, digest, request, answer, at_us)"
        " VALUES (:project, :digest, :request, :answer, :now)"
        " ON CONFLICT (project, digest) DO UPDATE SET request = excluded.request, answer = excluded.answer,"
        " at_us = excluded.at_us",
        digest=key,
        request=request,
        answer=answer,
    )


def prune(tx: Transaction) -> None:
    """Forget answers that are old, not too many at once."""
    tx.run(
        "DELETE FROM requests WHERE project = :project AND digest IN (SELECT r.digest FROM requests r"
        " WHERE r.project = :project AND r.at_us <= :before ORDER BY r.at_us LIMIT :page)",
        before=tx.now_us - KEPT_US,
        page=_PRUNED,
    )
