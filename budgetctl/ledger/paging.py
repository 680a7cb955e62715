"""Lists that are read page by page, so that nothing is held between two pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Place = TypeVar("Place")


def in_pages(page: Callable[[Place | None], tuple[Iterable[Item], Place | None]]) -> Iterator[Item]:
    """All items of a list. Nothing is read before the first is asked for.

    `page` reads the items behind a place, None for the beginning, and says at which place the next page begins, None
    at the end.
    """
    place: Place | None = None
    while True:
        items, place = page(place)
        yield from items
        if place is None:
            return
