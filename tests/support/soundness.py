"""The invariants of a store, read from the tables themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from budgetctl.stores.sql.store import SqlStore

COUNTERS = """
    SELECT l.limit_id, l.spent, COALESCE(SUM(e.amount), 0) FROM limits l
    LEFT JOIN postings p ON p.project = l.project AND p.limit_id = l.limit_id AND p.generation = l.generation
    LEFT JOIN entries e ON e.project = p.project AND e.posting_set = p.posting_set
    WHERE l.project = :project GROUP BY l.project, l.limit_id
"""
MODEL_TOTALS = """
    SELECT t.limit_id, t.spent, COALESCE(SUM(e.amount), 0) FROM model_totals t
    LEFT JOIN postings p ON p.project = t.project AND p.limit_id = t.limit_id AND p.generation = t.generation
    LEFT JOIN entries e ON e.project = p.project AND e.posting_set = p.posting_set AND COALESCE(e.model, 0) = t.model
    WHERE t.project = :project GROUP BY t.project, t.limit_id, t.generation, t.model
"""
CLOSED = """
    SELECT c.closed_limit, c.closed_spent, COALESCE(SUM(e.amount), 0) FROM entries c
    JOIN postings p ON p.project = c.project AND p.limit_id = c.closed_limit AND p.generation = c.closed_generation
    LEFT JOIN entries e ON e.project = p.project AND e.posting_set = p.posting_set
        AND +e.entry < c.entry -- corrections may come later; SQLite does not go by what has a plus
    WHERE c.project = :project GROUP BY c.project, c.entry
"""
HELD = """
    SELECT l.limit_id, l.held, COALESCE(SUM(p.amount), 0) FROM limits l
    LEFT JOIN hold_postings p ON p.project = l.project AND p.limit_id = l.limit_id
    WHERE l.project = :project GROUP BY l.project, l.limit_id
"""
TOPPED_UP = """
    SELECT l.limit_id, l.topped_up, COALESCE(SUM(t.counts), 0) FROM limits l
    LEFT JOIN top_ups t ON t.project = l.project AND t.limit_id = l.limit_id
        AND COALESCE(t.ended_generation, l.generation) = l.generation
    WHERE l.project = :project GROUP BY l.project, l.limit_id
"""
RESOLVED_AND_HELD = """
    SELECT o.name, p.limit_id FROM hold_postings p JOIN holds o ON o.project = p.project AND o.hold = p.hold
    WHERE p.project = :project
    AND (o.state NOT IN ('open', 'expired') OR o.amount <> p.amount OR o.expires_us <> p.expires_us)
"""
NUMBERS = """
    SELECT acc.last_number, COUNT(e.entry), COALESCE(MIN(e.number), 1), COALESCE(MAX(e.number), 0)
    FROM accounts acc LEFT JOIN entries e ON e.project = acc.project AND e.account = acc.account
    WHERE acc.project = :project GROUP BY acc.project, acc.account
"""


def assert_sound(kept):
    """Check that every counter is the sum of its postings, by limit, model and closed generation.

    Entries are numbered without gaps. The money that is set aside in a limit is the sum of the holds that count there,
    all of which are open. `kept` is a store, or the file of one.
    """
    path = getattr(kept, "path", kept)
    if isinstance(path, Path):
        _assert_sound_file(path)
    elif isinstance(kept, SqlStore):
        with kept.read() as tx:
            kept._plan_for_all(tx)
            _assert_sound(tx.all)


def _assert_sound_file(path):
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        # At one moment; and by limit, for which the file has no index: all would be looked through for each user.
        connection.execute("BEGIN")
        connection.execute("CREATE TEMP TABLE postings AS SELECT * FROM main.postings")
        connection.execute("CREATE INDEX temp.postings_by_limit ON postings (project, limit_id, generation)")
        for (project,) in connection.execute("SELECT project FROM projects").fetchall():
            _assert_sound(lambda query, project=project: connection.execute(query, {"project": project}).fetchall())


def _assert_sound(rows):
    for query in (COUNTERS, HELD, TOPPED_UP, MODEL_TOTALS, CLOSED):
        for limit, counter, postings in rows(query):
            assert counter == postings, (query, limit)
    assert rows(RESOLVED_AND_HELD) == []
    for last, count, lowest, highest in rows(NUMBERS):
        assert (lowest, highest, last) == (1, count, count)
