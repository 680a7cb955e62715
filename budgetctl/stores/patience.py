"""How long to go on trying a server that does not answer."""

from __future__ import annotations

import random
import time

from budgetctl.errors import StoreUnavailableError


class Patience:
    """Tries go on for up to so many seconds after the first failure, with pauses that grow."""

    def __init__(self, wait_s: float, *, pause_s: float = 0.01, most_s: float = 0.5) -> None:
        self._wait_s = wait_s
        self._until: float | None = None
        self._pause_s, self._most_s = pause_s, most_s

    def wait(self, error: StoreUnavailableError) -> None:
        """Pause before the next try, or raise the error when there has been enough of that."""
        now = time.monotonic()
        self._until = now + self._wait_s if self._until is None else self._until
        if now + self._pause_s > self._until:
            raise error
        # Not all at once: those who were cut off together would come back together.
        time.sleep(self._pause_s * random.uniform(0.5, 1))  # noqa: S311
        self._pause_s = min(self._pause_s * 2, self._most_s)
