"""The files of prices beside litellm's own: the user's prices, and a newer price map. Either may be missing."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from budgetctl.directories import config_directory, data_directory
from budgetctl.files import replacing

_State = tuple[int, int, int]


class PriceFiles:
    """The paths of the files, and the state of each by which a change is told; None while the file is missing.

    It may be compared by identity, which is fast: `seen` answers the same object until a file changes.
    """

    def __init__(self, own: Path, own_state: _State | None, newer_map: Path, map_state: _State | None) -> None:
        self.own = own
        self.own_state = own_state
        self.map = newer_map
        self.map_state = map_state


def seen() -> PriceFiles:
    """The files as they were within the last second, as prices are asked for more often than files change."""
    return _seen(int(time.monotonic()))


def forget() -> None:
    """Have the next `seen` look again."""
    _seen.cache_clear()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from replacing one of the files in the block, and look at the files again after it."""
    try:
        with replacing.locked(path):
            yield
    finally:
        forget()


@functools.lru_cache(maxsize=1)
def _seen(_second: int) -> PriceFiles:
    own = config_directory() / "prices.toml"
    newer = data_directory() / "model_prices.json"
    return _files(own, _state(own), newer, _state(newer))


_files = functools.lru_cache(maxsize=1)(PriceFiles)


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
