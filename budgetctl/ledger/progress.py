"""How far long work has come, told to whoever wants to know: the work knows of no terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = "Callable[[int, int | None, str], object]"
"""A function that is told how much is done, of how much, and of what: `(1000, 5000, "users")`.

How much there is to do is None where nobody knows. Parts of the work that have another noun follow one another. It is
called often, so it has to be quick, and in the thread that does the work.
"""

STEPS, ENTRIES = "steps", "entries"
"""The nouns for what a store does when it is opened, before the work that was asked for: it brings its tables up to
date, in steps, of which one may go through all entries."""


def unwatched(done: int, total: int | None, what: str) -> None:
    """Do nothing: nobody wants to know."""
