"""Rolling every window that has passed, a million of them if need be.

Batches go in key order, a transaction and a commit each, with a pause between, so that no other writer waits long.
Rows are rolled set-wise: the ledger's rule gives the next window, four statements write the batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from budgetctl import ledger
from budgetctl.models import Limit, Reset
from budgetctl.stores.rows import LIMIT_COLUMNS, limit_from_row
from budgetctl.stores.transaction import Transaction

_BATCH = 5_000
_PAUSE_S = 0.005

Begin = Callable[[], AbstractContextManager[Transaction]]


def due_resets(read: Begin) -> Iterator[Reset]:
    """The resets that rolling now would make, in key order."""
    after = 0
    while True:
        with read() as tx:
            batch = _due(tx, after)
        for _, _, user, limit in batch:
            yield Reset(user, ledger.closed_window(limit, tx.now_us), tx.now_us)
        if len(batch) < _BATCH:
            return
        after = batch[-1][3].limit_id


def roll_due(read: Begin, write: Begin) -> int:
    """Roll them all, and return how many there were. A read comes first: when nothing is due, nobody waits."""
    with read() as tx:
        if not _due(tx, 0, size=1):
            return 0
    count = after = 0
    while True:
        with write() as tx:
            batch = _due(tx, after)
            _roll(tx, batch)
        count += len(batch)
        if len(batch) < _BATCH:
            return count
        after = batch[-1][3].limit_id
        time.sleep(_PAUSE_S)


def _due(tx: Transaction, after: int, size: int = _BATCH) -> list[tuple[int, int, str, Limit]]:
    """The next limits whose window has passed: holder, number of its last entry, user, limit."""
    rows = tx.all(
        f"SELECT h.holder, h.last_number, h.name, {LIMIT_COLUMNS} FROM limits l"
        " JOIN holders h ON h.project = l.project AND h.holder = l.holder"
        " WHERE l.project = :project AND l.limit_id > :after AND l.window_end_us <= :now AND l.deleted_us = 0"
        " ORDER BY l.limit_id LIMIT :size",
        after=after,
        size=size,
    )
    return [(row[0], row[1], row[2], limit_from_row(row[3:])) for row in rows]


def _roll(tx: Transaction, batch: list[tuple[int, int, str, Limit]]) -> None:
    limits: list[dict[str, Any]] = []
    entries: list[dict[str, Any]] = []
    numbers: dict[int, int] = {}
    common = {"project": tx.project, "now": tx.now_us}
    for holder, last_number, _, limit in batch:
        opened = ledger.next_generation(limit, tx.now_us)
        limits.append(
            {
                **common,
                "limit_id": limit.limit_id,
                "generation": opened.generation,
                "start": opened.window_start_us,
                "end": opened.window_end_us,
            }
        )
        if not limit.spent:
            continue
        numbers[holder] = numbers.get(holder, last_number) + 1
        entries.append(
            {
                **common,
                "holder": holder,
                "number": numbers[holder],
                "limit_id": limit.limit_id,
                "generation": limit.generation,
                "start": limit.window_start_us,
                "end": limit.window_end_us,
                "spent": limit.spent,
            }
        )
    tx.run_many(
        "UPDATE limits SET generation = :generation, window_start_us = :start, window_end_us = :end, spent = 0"
        " WHERE project = :project AND limit_id = :limit_id",
        limits,
    )
    tx.run_many(
        "INSERT INTO entries (project, holder, number, kind, at_us, amount,"
        " closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent)"
        " VALUES (:project, :holder, :number, 'reset', :now, 0, :limit_id, :generation, :start, :end, :spent)",
        entries,
    )
    tx.run_many(
        "UPDATE holders SET last_number = :number, updated_us = :now WHERE project = :project AND holder = :holder",
        ({**common, "holder": holder, "number": number} for holder, number in numbers.items()),
    )
