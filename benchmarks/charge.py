"""What one durable charge takes, beside the raw SQLite statements that it needs, with few users and with many.

Run it as `python benchmarks/charge.py [USERS]`; it prints medians, and ratios within this run.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filling import fill

from budgetctl.ledger.store import ChargeRequest
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore

FEW = 100
ROUNDS = 40
CALLS_A_ROUND = 50
MODEL = "gpt-4o"
AMOUNT = 1_234_500
USAGE = {"model": MODEL, "uncached_input": 1_204, "text_output": 87}


def raw_charge(connection: sqlite3.Connection, user: str) -> None:
    """The statements of a charge, without anything around them."""
    run = connection.execute
    run("BEGIN IMMEDIATE")
    account, number = run(
        "SELECT account, last_number FROM accounts WHERE project = 1 AND name = ? AND deleted_us = 0", (user,)
    ).fetchone()
    limit_id, generation, spent, *_ = run(
        "SELECT limit_id, generation, spent, amount, duration, align, zone, anchor_us, window_start_us, window_end_us"
        " FROM limits WHERE project = 1 AND account = ? AND deleted_us = 0",
        (account,),
    ).fetchone()
    (model,) = run("SELECT model FROM models WHERE project = 1 AND name = ?", (MODEL,)).fetchone()
    (posting_set,) = run(
        "SELECT posting_set FROM posting_sets WHERE project = 1 AND members = ?", (f"{limit_id}:{generation}",)
    ).fetchone()
    now_us = time.time_ns() // 1000
    run(
        "INSERT INTO entries (project, account, number, kind, at_us, amount, model, posting_set, usage)"
        " VALUES (1, ?, ?, 'spend', ?, ?, ?, ?, ?)",
        (account, number + 1, now_us, AMOUNT, model, posting_set, '{"uncached_input":1204,"text_output":87}'),
    )
    run(
        "INSERT INTO model_totals (project, limit_id, generation, model, spent) VALUES (1, ?, ?, ?, ?)"
        " ON CONFLICT (limit_id, generation, model) DO UPDATE SET spent = spent + excluded.spent",
        (limit_id, generation, model, AMOUNT),
    )
    run("UPDATE limits SET spent = ? WHERE limit_id = ?", (spent + AMOUNT, limit_id))
    run("UPDATE accounts SET last_number = ?, updated_us = ? WHERE account = ?", (number + 1, now_us, account))
    run(
        "SELECT m.name, t.spent FROM model_totals t JOIN models m ON m.model = t.model"
        " WHERE t.limit_id = ? AND t.generation = ?",
        (limit_id, generation),
    ).fetchall()
    run("COMMIT")


def median_s(call: Callable[[str], object], users: list[str]) -> float:
    """How long the call takes for one of the users: the median."""
    times = []
    for user in users:
        began = time.perf_counter()
        call(user)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Charge in turns: the library and raw SQLite, few users and many."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chosen = random.Random(1)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        calls: dict[tuple[str, int], Callable[[str], object]] = {}
        for users in (FEW, many):
            store = SqliteStore(Path(directory, f"{users}.db"), "default")
            fill(store, users)
            connection = sqlite3.connect(store.path, isolation_level=None)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -16384")
            calls["library", users] = lambda user, store=store: store.charge(
                ChargeRequest(user, Picodollars(AMOUNT), model=MODEL, usage=USAGE)
            )
            calls["raw", users] = lambda user, connection=connection: raw_charge(connection, user)
        found: dict[tuple[str, int], list[float]] = {key: [] for key in calls}
        for _ in range(ROUNDS):
            for (what, users), call in calls.items():
                names = [f"user-{chosen.randrange(users):07d}" for _ in range(CALLS_A_ROUND)]
                found[what, users].append(median_s(call, names))
    times = {key: statistics.median(values) for key, values in found.items()}
    for (what, users), seconds in times.items():
        print(f"{what:8} {users:>9,} users  {seconds * 1e6:7.0f} µs")
    for users in (FEW, many):
        print(
            f"rate of the library to raw SQLite, {users:,} users: {times['raw', users] / times['library', users]:.2f}"
        )
    print(f"{many:,} users to {FEW}: {times['library', many] / times['library', FEW]:.2f}")


if __name__ == "__main__":
    main()
