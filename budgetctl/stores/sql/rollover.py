"""Rolling all windows that have passed, up to millions of them.

Batches go in key order, a transaction and a commit each, with a pause between, so that no other writer waits long.
A batch is a range of keys, and rolled by a few statements over that range: row by row it would take a minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.values import Align, Limit, Reset
from budgetctl.ledger.windows import closed_window, fixed_length_us
from budgetctl.periods import Duration, Window, parse_duration, window_at
from budgetctl.stores.sql import clock, paging
from budgetctl.stores.sql.limits import topped_up
from budgetctl.stores.sql.rows import LIMIT_COLUMNS, limit_from_row
from budgetctl.stores.sql.transaction import Row, Transaction

_FIRST_BATCH, _MIN_BATCH, _MAX_BATCH = 1_000, 100, 5_000
_LOCK_S = 0.03
"""How long a batch should keep other writers waiting; nobody may wait for 0.1 s."""

_PAUSE_S = 0.001
_DAY_US = 24 * 3600 * 1_000_000

_DUE = "l.project = :project AND l.window_end_us <= :now AND l.deleted_us = 0"
_DUE_IN_BATCH = f"{_DUE} AND l.limit_id BETWEEN :first AND :last"

Begin = Callable[[], AbstractContextManager[Transaction]]


class _Batch(NamedTuple):
    """A range of keys of limits."""

    first: int
    last: int


class _Terms(NamedTuple):
    """The terms of a limit that its windows follow from, beside its anchor."""

    duration: str
    align: Align
    zone: str


def due_resets(read: Begin, behind: tuple[str, str] | None) -> Iterator[Reset]:
    """The resets that rolling now would make, in key order, from behind a user's limit of a name on."""

    def page(tx: Transaction, place: int | None) -> tuple[Iterable[Reset], int | None]:
        if place is None:
            place = 0 if behind is None else _place(tx, *behind)
        # A cross join keeps the tables in this order: from the accounts on, each page would read all of them.
        rows = tx.all(
            f"SELECT l.limit_id, acc.name, {LIMIT_COLUMNS} FROM limits l CROSS JOIN accounts acc"
            f" WHERE {_DUE} AND l.limit_id > :after AND acc.project = l.project AND acc.account = l.account"
            " ORDER BY l.limit_id LIMIT :page",
            after=place,
            page=paging.PAGE,
        )
        due = ((user, limit_from_row(tuple(columns))) for _, user, *columns in rows)
        resets = (Reset(user, closed_window(limit, tx.now_us), tx.now_us, limit.zone) for user, limit in due)
        return resets, paging.place_behind(rows)

    return paging.in_snapshots(read, page)


def _place(tx: Transaction, user: str, name: str) -> int:
    row = tx.one(
        "SELECT MAX(l.limit_id) FROM limits l JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
        " WHERE acc.project = :project AND acc.name = :user AND l.name = :name",
        user=user,
        name=name,
    )
    return (row[0] if row else None) or 0


def roll_due(read: Begin, write: Begin, on_progress: Progress = unwatched) -> int:
    """Roll all windows that have passed, and return their number.

    A snapshot finds the next limits that are due, so that no writer waits while there are none.
    """
    count = after = 0
    size = _FIRST_BATCH
    total = None if on_progress is unwatched else _number_due(read)
    while True:
        with read() as tx:
            row = tx.one(
                f"SELECT l.limit_id FROM limits l WHERE {_DUE} AND l.limit_id > :after ORDER BY l.limit_id LIMIT 1",
                after=after,
            )
            if row is not None and not count:
                clock.check(tx)
        if row is None:
            return count
        on_progress(count, total, "windows")
        if count:
            time.sleep(_PAUSE_S)
        batch = _Batch(row[0], row[0] + size - 1)
        with write() as tx:
            began = time.monotonic()
            count += _roll(tx, batch)
        after = batch.last
        pace = _LOCK_S / max(time.monotonic() - began, 0.001)
        size = min(max(round(size * min(pace, 2)), _MIN_BATCH), _MAX_BATCH)


def _number_due(read: Begin) -> int:
    with read() as tx:
        row = tx.one(f"SELECT COUNT(*) FROM limits l WHERE {_DUE}")
    return int(row[0]) if row else 0


def _roll(tx: Transaction, batch: _Batch) -> int:
    """Roll the limits of the batch that are due: record the windows that close, then open the next ones."""
    groups = tx.all(
        f"SELECT l.name, l.duration, l.align, l.zone, COUNT(*) FROM limits l WHERE {_DUE_IN_BATCH}"
        " GROUP BY l.name, l.duration, l.align, l.zone",
        **batch._asdict(),
    )
    with_top_ups = f"SELECT {LIMIT_COLUMNS} FROM limits l WHERE {_DUE_IN_BATCH} AND l.topped_up <> 0"
    for row in tx.all(with_top_ups, **batch._asdict()):
        _update(tx, limit_from_row(row))
    for name in {row[0] for row in groups}:
        _record(tx, batch, name)
    for terms in {_Terms(*row[1:4]) for row in groups}:
        _open_next(tx, batch, terms)
    return sum(row[4] for row in groups)


def _update(tx: Transaction, limit: Limit) -> None:
    """Write the money that is left of a limit's top-ups, which are few."""
    limit = topped_up(tx, limit)
    tx.run(
        "UPDATE limits SET topped_up = :topped_up, topped_up_until_us = :until"
        " WHERE project = :project AND limit_id = :limit_id",
        limit_id=limit.limit_id,
        topped_up=limit.topped_up,
        until=limit.topped_up_until_us,
    )


def _record(tx: Transaction, batch: _Batch, name: str) -> None:
    """Record the resets of the limits of a name. An account has at most one of it, and so gets at most one entry."""
    spent = f"{_DUE_IN_BATCH} AND l.name = :name AND l.spent <> 0"
    tx.run(
        "INSERT INTO entries (project, account, number, kind, at_us, amount,"
        " closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent)"
        " SELECT l.project, l.account, acc.last_number + 1, 'reset', :now, 0,"
        " l.limit_id, l.generation, l.window_start_us, l.window_end_us, l.spent"
        f" FROM limits l CROSS JOIN accounts acc WHERE {spent} AND acc.project = l.project AND acc.account = l.account",
        name=name,
        **batch._asdict(),
    )
    tx.run(
        "UPDATE accounts SET last_number = last_number + 1, updated_us = :now"
        f" WHERE (project, account) IN (SELECT l.project, l.account FROM limits l WHERE {spent})",
        name=name,
        **batch._asdict(),
    )


def _open_next(tx: Transaction, batch: _Batch, terms: _Terms) -> None:
    """Open the next generation of all limits of these terms, as `next_generation` does of one."""
    duration = parse_duration(terms.duration)
    if duration is None:
        raise ValueError("a limit without a duration is never due")
    update = (
        "UPDATE limits AS l SET generation = l.generation + 1, spent = 0,"
        " window_start_us = {0}, generation_start_us = {0}, window_end_us = {1} WHERE "
    )
    matching = f"{_DUE_IN_BATCH} AND l.duration = :duration AND l.align = :align AND l.zone = :zone"
    values: dict[str, Any] = {**batch._asdict(), **terms._asdict()}
    length_us = fixed_length_us(duration, terms.zone)
    if length_us is not None:
        passed = "(:now - l.window_start_us) / :length"
        start, end = (f"l.window_start_us + ({passed} + {more}) * :length" for more in (0, 1))
        tx.run(update.format(start, end) + matching, length=length_us, **values)
    elif terms.align == "calendar":
        window = window_at(tx.now_us, anchor_us=0, duration=duration, align="calendar", zone=terms.zone)
        tx.run(update.format(":start", ":end") + matching, start=window.start_us, end=window.end_us, **values)
    else:
        anchors = tx.all(f"SELECT l.limit_id, l.anchor_us FROM limits l WHERE {matching}", **values)
        tx.run_many(
            update.format(":start", ":end") + "l.project = :project AND l.limit_id = :limit_id",
            _rolling_windows(tx, anchors, duration, terms.zone),
        )


def _rolling_windows(tx: Transaction, anchors: list[Row], duration: Duration, zone: str) -> Iterator[dict[str, Any]]:
    """The windows of now that count from these anchors, with the keys of their limits.

    In UTC all that count from one day are alike but for the time of day, so that few have to be computed.
    """
    windows: dict[tuple[int, int], Window] = {}
    for limit_id, anchor_us in anchors:
        time_us = anchor_us % _DAY_US if zone == "UTC" else 0
        now_us = (tx.now_us - time_us) // _DAY_US * _DAY_US if zone == "UTC" else tx.now_us
        key = (anchor_us - time_us, now_us)
        window = windows.get(key)
        if window is None:
            window = windows[key] = window_at(now_us, anchor_us=key[0], duration=duration, align="rolling", zone=zone)
        start_us, end_us = window
        yield {
            "project": tx.project,
            "limit_id": limit_id,
            "start": start_us + time_us,
            "end": end_us and end_us + time_us,
        }
