"""Lists that are read page by page, so that nothing is held between two pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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


def in_batches(batch: Callable[[Place | None], Sequence[Item]], place_of: Callable[[Item], Place]) -> Iterator[Item]:
    """All items of batches, each of which begins behind the last item of the one before. An empty one is the end."""

    def page(place: Place | None) -> tuple[Sequence[Item], Place | None]:
        items = batch(place)
        return items, place_of(items[-1]) if items else None

    return in_pages(page)
