"""The columns of tokens of entries that were written by a version which had none, or by one that still has none."""

from __future__ import annotations

from budgetctl.errors import CorruptStoreError
from budgetctl.ledger.counts import TokenCounts, token_counts
from budgetctl.stores.sql.documents import from_json
from budgetctl.stores.sql.transaction import Transaction

TOKEN_COLUMNS = tuple(f"{kind}_tokens" for kind in TokenCounts._fields)

_BATCH = 5_000
_NOT_COUNTED = "e.project = :project AND e.usage IS NOT NULL AND e.input_tokens IS NULL"


def uncounted(tx: Transaction) -> int:
    """The number of entries whose tokens are not in their columns."""
    row = tx.one(f"SELECT COUNT(*) FROM entries e WHERE {_NOT_COUNTED}")
    return int(row[0]) if row else 0


def count_next(tx: Transaction, after: int = 0) -> list[int]:
    """Count the tokens of the next entries behind a place, and return their places: none when all are counted."""
    rows = tx.all(
        f"SELECT e.entry, e.usage FROM entries e WHERE {_NOT_COUNTED} AND e.entry > :after"
        f" ORDER BY e.entry LIMIT {_BATCH}",
        after=after,
    )
    tx.run_many(
        f"UPDATE entries SET {', '.join(f'{column} = :{column}' for column in TOKEN_COLUMNS)}"
        " WHERE project = :project AND entry = :entry",
        (
            {"project": tx.project, "entry": entry, **dict(zip(TOKEN_COLUMNS, _counts(usage), strict=True))}
            for entry, usage in rows
        ),
    )
    return [entry for entry, _ in rows]


def _counts(usage: str) -> TokenCounts:
    """The tokens of a column, none where it is damaged: a sum is no reason not to open the store."""
    try:
        return token_counts(from_json(usage) or {})
    except CorruptStoreError:
        return TokenCounts()
