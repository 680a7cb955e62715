"""Stores with many users, filled set-wise: one by one they would take minutes."""

from __future__ import annotations

import sqlite3

from budgetctl.stores import SqliteStore

DAY_US = 24 * 3600 * 1_000_000


def fill(
    store: SqliteStore,
    users: int,
    *,
    duration: str | None = None,
    align: str = "rolling",
    zone: str = "UTC",
    age_days: int = 0,
) -> None:
    """Give `user-0000000` and the following budgets of $1,000, each with one charge of $0.01.

    They were created at times of 200 days, until `age_days` ago. With a duration, their windows ended a day later.
    """
    with store.write(create=True):
        pass
    now_us = store.now_us()
    created = f"{now_us - age_days * DAY_US} - row.value * 977001 % {200 * DAY_US}"
    connection = sqlite3.connect(store.path)
    with connection:
        rows = f"WITH RECURSIVE row (value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM row WHERE value < {users - 1})"
        run = connection.execute
        run("INSERT INTO models (project, model, name) VALUES (1, 1, 'gpt-4o')")
        run(
            f"{rows} INSERT INTO accounts (project, account, name, last_number, created_us, updated_us)"
            f" SELECT 1, value + 1, printf('user-%07d', value), 1, {created}, {now_us} FROM row"
        )
        run(
            "INSERT INTO limits (project, limit_id, account, name, amount, duration, align, zone, anchor_us,"
            " generation, window_start_us, window_end_us, spent)"
            " SELECT 1, account, account, 'total', 1000000000000000, ?, ?, ?, created_us, 1,"
            " created_us, created_us + ?, 10000000000 FROM accounts",
            (duration, align, zone, DAY_US if duration else None),
        )
        run("INSERT INTO posting_sets (project, posting_set, members) SELECT 1, limit_id, limit_id || ':1' FROM limits")
        run(
            "INSERT INTO postings (project, posting_set, limit_id, generation)"
            " SELECT 1, limit_id, limit_id, 1 FROM limits"
        )
        run(
            "INSERT INTO model_totals (project, limit_id, generation, model, spent)"
            " SELECT 1, limit_id, 1, 1, spent FROM limits"
        )
        run(
            "INSERT INTO entries (project, account, number, kind, at_us, amount, model, posting_set)"
            " SELECT 1, account, 1, 'spend', created_us, 10000000000, 1, account FROM accounts"
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
