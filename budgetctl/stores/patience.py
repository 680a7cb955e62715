"""The time for which a server that does not answer is tried again."""

from __future__ import annotations

import random
import time

from budgetctl.errors import StoreUnavailableError


class Patience:
    """Tries that go on for some seconds after the first failure, with growing pauses."""

    def __init__(self, wait_s: float, *, pause_s: float = 0.01, most_s: float = 0.5) -> None:
        self._wait_s = wait_s
        self._until: float | None = None
        self._pause_s, self._most_s = pause_s, most_s

    def wait(self, error: StoreUnavailableError) -> None:
        """Pause before the next try, or raise the error when the time is over."""
        now = time.monotonic()
        self._until = now + self._wait_s if self._until is None else self._until
        if now + self._pause_s > self._until:
            raise error
        # Not all at once: those who were cut off together would come back together.
        time.sleep(self._pause_s * random.uniform(0.5, 1))  # noqa: S311
        self._pause_s = min(self._pause_s * 2, self._most_s)
