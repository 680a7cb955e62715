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
NUMBERS = "SELECT holder, COUNT(*), MIN(number), MAX(number) FROM entries GROUP BY holder"


def assert_sound(path):
    """Every counter is the sum of its postings, by limit, model and closed generation; numbers have no gaps."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        for query in (COUNTERS, MODEL_TOTALS, CLOSED):
            for limit, counter, postings in connection.execute(query):
                assert counter == postings, (query, limit)
        for _, count, lowest, highest in connection.execute(NUMBERS):
            assert (lowest, highest) == (1, count)
