"""What many entries take: bringing a store of before up to date, and adding up its entries by day, user and model.

Run it as `python benchmarks/entries.py [ENTRIES]`; it prints seconds, by the clock and of this process.
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.file import APPLICATION_ID
from budgetctl.stores.sqlite.schema import MIGRATIONS

USERS = 1_000
MODELS = 5
DAYS = 30
BEFORE = 10
"""The number of steps before that which has times, identities and columns of tokens."""

_DAY_US = 86_400_000_000
_NOW_US = 1_795_800_000_000_000
_FIRST_DAY = (_NOW_US - DAYS * _DAY_US) // _DAY_US

_OF_A_DAY = (
    "SELECT e.account, e.model, COUNT(*), SUM(e.amount / 1000000000000), SUM(e.amount % 1000000000000),"
    " SUM(e.input_tokens), SUM(e.cache_read_tokens), SUM(e.cache_write_tokens), SUM(e.output_tokens),"
    " SUM(e.reasoning_tokens) FROM entries e WHERE e.project = :project AND e.at_us >= :since AND e.at_us < :until"
    " AND e.kind = 'spend' GROUP BY e.account, e.model"
)


def make_store(path: Path, entries: int) -> None:
    """A store as it was before, with entries of a month."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        for _, script in MIGRATIONS[:BEFORE]:
            store.executescript(script)
        store.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        store.execute(f"PRAGMA user_version = {BEFORE}")
        store.execute("BEGIN")
        store.execute("INSERT INTO projects VALUES (1, 'p', 0, 1, 0)")
        for user in range(1, USERS + 1):
            store.execute(
                "INSERT INTO accounts (project, account, name, last_number, created_us, updated_us)"
                " VALUES (1, ?, ?, ?, 1, ?)",
                (user, f"user-{user}", entries // USERS, _NOW_US),
            )
            store.execute(
                "INSERT INTO limits (project, limit_id, account, name, amount, align, zone, anchor_us, generation,"
                " window_start_us, spent) VALUES (1, ?, ?, 'total', 9000000000000000000, 'rolling', 'UTC', 1, 1, 1, ?)",
                (user, user, entries // USERS * 10**9),
            )
            store.execute("INSERT INTO posting_sets VALUES (1, ?, ?)", (user, f"{user}:1"))
            store.execute("INSERT INTO postings VALUES (1, ?, ?, 1)", (user, user))
        for model in range(1, MODELS + 1):
            store.execute("INSERT INTO models VALUES (1, ?, ?)", (model, f"model-{model}"))
        store.executemany(
            "INSERT INTO entries (project, account, number, kind, at_us, amount, model, posting_set, usage)"
            " VALUES (1, ?, ?, 'spend', ?, 1000000000, ?, ?, ?)",
            _entries(entries),
        )
        store.execute("INSERT INTO model_totals SELECT 1, account, 1, model, SUM(amount) FROM entries GROUP BY 2, 4")
        store.execute("COMMIT")


def _entries(number: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(1)
    for each in range(number):
        user = each % USERS + 1
        usage = {
            "model": "gpt-4o",
            "request_id": f"chatcmpl-{chance.getrandbits(120):x}",
            "uncached_input": chance.randrange(5_000),
            "cache_read": chance.randrange(9_000),
            "text_output": chance.randrange(900),
        }
        at_us = _NOW_US - DAYS * _DAY_US + each * DAYS * _DAY_US // number
        model = chance.randrange(MODELS) + 1
        yield user, each // USERS + 1, at_us, model, user, json.dumps(usage, separators=(",", ":"))


def timed(what: str, act: Callable[[], object]) -> None:
    """Print how long something takes."""
    began, used = time.monotonic(), time.process_time()
    found = act()
    print(f"{what}: {time.monotonic() - began:.2f} s, CPU {time.process_time() - used:.2f} s, {found}")


def main(entries: int) -> None:
    """Make a store of before, and print what it takes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "p.db"
        make_store(path, entries)
        with closing(SqliteStore(path, "p")) as store:
            timed(f"{entries:,} entries brought up to date", lambda: store.budget("user-1").limit.name)

            def sums() -> str:
                with store.read() as tx:
                    days = [
                        tx.all(_OF_A_DAY, since=day * _DAY_US, until=(day + 1) * _DAY_US)
                        for day in range(_FIRST_DAY, _FIRST_DAY + DAYS + 1)
                    ]
                return f"{sum(map(len, days)):,} sums of {sum(row[2] for day in days for row in day):,} entries"

            timed("added up by day, user and model", sums)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
