"""Lists of a store, read page by page: each page is a snapshot of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from budgetctl.ledger.paging import in_pages
from budgetctl.stores.sql.transaction import Row, Transaction

Item = TypeVar("Item")
Place = TypeVar("Place")

PAGE = 1_000
"""How many rows are read at once."""

FIRST_PAGE = 100
"""How many of a list are read at first of which often no more is wanted."""


def in_snapshots(
    read: Callable[[], AbstractContextManager[Transaction]],
    page: Callable[[Transaction, Place | None], tuple[Iterable[Item], Place | None]],
) -> Iterator[Item]:
    """All items of a list: `in_pages`, of which each page is read in a transaction."""

    def read_page(place: Place | None) -> tuple[Iterable[Item], Place | None]:
        with read() as tx:
            return page(tx, place)

    return in_pages(read_page)


def place_behind(rows: Sequence[Row]) -> int | None:
    """Where the page after these rows begins, by the key that is their first column. None where they are the last."""
    return rows[-1][0] if len(rows) == PAGE else None
