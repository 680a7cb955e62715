"""Whether every counter is the sum of its postings. Windows, patterns and parents are not derived again.

The queries return only the differences, so that a large store takes no memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from budgetctl.ledger.corrections import Difference
from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.values import PRIMARY
from budgetctl.money import Picodollars
from budgetctl.stores.sql.transaction import Row, Transaction

_OWNER = "JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
_POSTED = (
    "SELECT p.limit_id, p.generation, {by} SUM(e.amount) AS posted FROM entries e"
    " JOIN postings p ON p.project = e.project AND p.posting_set = e.posting_set"
    " WHERE e.project = :project GROUP BY p.limit_id, p.generation{group}"
)

_SPENT = (
    "SELECT acc.name, 'spent', l.name, l.generation, NULL, l.spent, COALESCE(s.posted, 0), l.limit_id, 0"
    f" FROM limits l {_OWNER}"
    f" LEFT JOIN ({_POSTED.format(by='', group='')}) s ON s.limit_id = l.limit_id AND s.generation = l.generation"
    " WHERE l.project = :project AND l.spent <> COALESCE(s.posted, 0)"
)
_HELD = (
    "SELECT acc.name, 'held', l.name, l.generation, NULL, l.held, COALESCE(s.posted, 0), l.limit_id, 0"
    f" FROM limits l {_OWNER}"
    " LEFT JOIN (SELECT limit_id, SUM(amount) AS posted FROM hold_postings WHERE project = :project"
    "  GROUP BY limit_id) s ON s.limit_id = l.limit_id"
    " WHERE l.project = :project AND l.held <> COALESCE(s.posted, 0)"
)
_TOPPED_UP = (
    "SELECT acc.name, 'topped up', l.name, l.generation, NULL, l.topped_up, COALESCE(s.posted, 0), l.limit_id, 0"
    f" FROM limits l {_OWNER} LEFT JOIN (SELECT t.limit_id, SUM(t.counts) AS posted FROM top_ups t"
    "  JOIN limits o ON o.project = t.project AND o.limit_id = t.limit_id"
    "  WHERE t.project = :project AND (t.ended_generation IS NULL OR t.ended_generation = o.generation)"
    "  GROUP BY t.limit_id) s ON s.limit_id = l.limit_id"
    " WHERE l.project = :project AND l.topped_up <> COALESCE(s.posted, 0)"
)
_BY_MODEL = _POSTED.format(by="COALESCE(e.model, 0) AS model,", group=", COALESCE(e.model, 0)")
_SAME = "s.limit_id = t.limit_id AND s.generation = t.generation AND s.model = t.model"
_MODELS = (
    "SELECT acc.name, 'spent by model', l.name, t.generation, COALESCE(m.name, ''), t.spent, COALESCE(s.posted, 0),"
    " t.limit_id, t.model"
    f" FROM model_totals t JOIN limits l ON l.project = t.project AND l.limit_id = t.limit_id {_OWNER}"
    f" LEFT JOIN models m ON m.project = t.project AND m.model = t.model LEFT JOIN ({_BY_MODEL}) s ON {_SAME}"
    " WHERE t.project = :project AND t.spent <> COALESCE(s.posted, 0)"
)
_MISSING_MODELS = (
    "SELECT acc.name, 'spent by model', l.name, s.generation, COALESCE(m.name, ''), 0, s.posted, s.limit_id, s.model"
    f" FROM ({_BY_MODEL}) s JOIN limits l ON l.project = :project AND l.limit_id = s.limit_id {_OWNER}"
    f" LEFT JOIN models m ON m.project = :project AND m.model = s.model LEFT JOIN model_totals t ON {_SAME}"
    f" WHERE l.name = '{PRIMARY}' AND t.spent IS NULL AND s.posted <> 0"
)
_CLOSED = (
    "SELECT acc.name, 'closed', l.name, c.closed_generation, NULL, c.closed_spent, COALESCE(SUM(s.amount), 0), 0, 0"
    f" FROM entries c JOIN limits l ON l.project = c.project AND l.limit_id = c.closed_limit {_OWNER}"
    # A table of its own: SQLite makes no index for a query on postings, and would read all of them for each window.
    " LEFT JOIN (SELECT p.limit_id, p.generation, e.entry, e.amount FROM entries e"
    "  JOIN postings p ON p.project = e.project AND p.posting_set = e.posting_set WHERE e.project = :project) s"
    # Corrections may come later: the record of a closed window stays what it was.
    "  ON s.limit_id = c.closed_limit AND s.generation = c.closed_generation AND s.entry < c.entry"
    " WHERE c.project = :project AND c.closed_limit IS NOT NULL"
    " GROUP BY acc.name, l.name, c.entry, c.closed_generation, c.closed_spent"
    " HAVING c.closed_spent <> COALESCE(SUM(s.amount), 0)"
)


_QUERIES = (_SPENT, _HELD, _TOPPED_UP, _MODELS, _MISSING_MODELS, _CLOSED)

CHECKS = 1 + len(_QUERIES)
"""How many checks there are: the database's own, which comes first, and those of the sums."""


def differences(tx: Transaction, on_progress: Progress = unwatched) -> Iterator[Difference]:
    """Every counter, and every record of a closed window, that is not the sum of its postings."""
    for number, query in enumerate(_QUERIES, start=1):
        on_progress(number, CHECKS, "checks")
        yield from (_difference(row) for row in tx.all(query))
    on_progress(CHECKS, CHECKS, "checks")


def repair(tx: Transaction) -> list[Difference]:
    """Set the counters to the sums of their postings. Entries are never touched."""
    found = list(differences(tx))
    for query, counter in ((_SPENT, "spent"), (_HELD, "held"), (_TOPPED_UP, "topped_up")):
        for row in tx.all(query):
            tx.run(
                f"UPDATE limits SET {counter} = :posted WHERE project = :project AND limit_id = :limit_id",
                posted=row[6],
                limit_id=row[7],
            )
    for row in (*tx.all(_MODELS), *tx.all(_MISSING_MODELS)):
        tx.run(
            "INSERT INTO model_totals (project, limit_id, generation, model, spent)"
            " VALUES (:project, :limit_id, :generation, :model, :posted)"
            " ON CONFLICT (limit_id, generation, model) DO UPDATE SET spent = excluded.spent",
            posted=row[6],
            limit_id=row[7],
            generation=row[3],
            model=row[8],
        )
    return found


def _difference(row: Row) -> Difference:
    user, what, limit, generation, model, stored, posted, *_ = row
    return Difference(user, what, limit, generation, model, Picodollars(stored), Picodollars(posted))
