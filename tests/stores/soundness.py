"""The invariants of a store's file, read from the tables themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing

COUNTERS = """
    SELECT l.limit_id, l.spent, COALESCE(SUM(e.amount), 0) FROM limits l
    LEFT JOIN postings p ON p.limit_id = l.limit_id AND p.generation = l.generation
    LEFT JOIN entries e ON e.posting_set = p.posting_set
    GROUP BY l.limit_id
"""
MODEL_TOTALS = """
    SELECT t.limit_id, t.spent, COALESCE(SUM(e.amount), 0) FROM model_totals t
    LEFT JOIN postings p ON p.limit_id = t.limit_id AND p.generation = t.generation
    LEFT JOIN entries e ON e.posting_set = p.posting_set AND COALESCE(e.model, 0) = t.model
    GROUP BY t.limit_id, t.generation, t.model
"""
CLOSED = """
    SELECT c.closed_limit, c.closed_spent, COALESCE(SUM(e.amount), 0) FROM entries c
    JOIN postings p ON p.limit_id = c.closed_limit AND p.generation = c.closed_generation
    LEFT JOIN entries e ON e.posting_set = p.posting_set AND e.entry < c.entry -- corrections may come later
    GROUP BY c.entry
"""
HELD = """
    SELECT l.limit_id, l.held, COALESCE(SUM(p.amount), 0) FROM limits l
    LEFT JOIN hold_postings p ON p.limit_id = l.limit_id
    GROUP BY l.limit_id
"""
TOPPED_UP = """
    SELECT l.limit_id, l.extra, COALESCE(SUM(t.counts), 0) FROM limits l
    LEFT JOIN top_ups t ON t.limit_id = l.limit_id AND COALESCE(t.ended_generation, l.generation) = l.generation
    GROUP BY l.limit_id
"""
RESOLVED_AND_HELD = """
    SELECT o.name, p.limit_id FROM hold_postings p JOIN holds o ON o.hold = p.hold
    WHERE o.state NOT IN ('open', 'expired') OR o.amount <> p.amount OR o.expires_us <> p.expires_us
"""
NUMBERS = """
    SELECT h.last_number, COUNT(e.entry), COALESCE(MIN(e.number), 1), COALESCE(MAX(e.number), 0)
    FROM holders h LEFT JOIN entries e ON e.holder = h.holder GROUP BY h.holder
"""


def assert_sound(path):
    """Every counter is the sum of its postings, by limit, model and closed generation; numbers have no gaps.

    What is set aside in a limit is the sum of the holds that count there, all of which are open.
    """
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for query in (COUNTERS, HELD, TOPPED_UP, MODEL_TOTALS, CLOSED):
            for limit, counter, postings in connection.execute(query):
                assert counter == postings, (query, limit)
        assert connection.execute(RESOLVED_AND_HELD).fetchall() == []
        for last, count, lowest, highest in connection.execute(NUMBERS):
            assert (lowest, highest, last) == (1, count, count)
