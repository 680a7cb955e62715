"""Waiting for another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(condition: Callable[[], Found], what: str = "it did not happen", *, within_s: float = 60) -> Found:
    """Ask until the answer is true, and return it. Fails with `what` and the last answer when the time is over."""
    until = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} within {within_s:g} seconds: {found!r}"
        time.sleep(0.005)
    return found
