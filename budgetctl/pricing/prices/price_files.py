"""The files of prices beside litellm's own: the user's prices, and a newer price map. Either may be missing."""

from __future__ import annotations

import functools
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from budgetctl.directories import config_directory, data_directory, make_private
from budgetctl.errors import StoreBusyError
from budgetctl.files.lock import FileLock
from budgetctl.files.opening import require_regular

_WAIT_S = 10.0

_State = tuple[int, int, int]


class PriceFiles:
    """Where the files are, and what tells that one has changed: None while it is not there.

    Compared by identity, which is fast: `seen` answers the same object until a file changes.
    """

    def __init__(self, own: Path, own_state: _State | None, newer_map: Path, map_state: _State | None) -> None:
        self.own = own
        self.own_state = own_state
        self.map = newer_map
        self.map_state = map_state


def seen() -> PriceFiles:
    """The files as they were within the last second: a price is asked for more often than they change."""
    return _seen(int(time.monotonic()))


def forget() -> None:
    """Have the next `seen` look again."""
    _seen.cache_clear()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from replacing the file meanwhile. Makes its directory."""
    make_private(path.parent)
    lock = FileLock(path.with_name(path.name + ".lock"))
    if not lock.acquire(_WAIT_S):
        raise StoreBusyError(f"another process has held {path} for {_WAIT_S:g} s; nothing was changed")
    try:
        yield
    finally:
        lock.release()
        lock.close()
        forget()


def replace(path: Path, content: bytes) -> None:
    """Put a file of this content in the place of the one that is there: whoever reads sees one or the other.

    Raises `OSError`, also where something else than a file is there, as a device behind a link.
    """
    path = path.resolve()  # the file, and not the link that somebody keeps in its place
    with suppress(FileNotFoundError):
        require_regular(path.stat(), path)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def is_own(status: os.stat_result) -> bool:
    """Whether a file is the user's, and nobody else can write it."""
    if sys.platform == "win32":
        return True
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not others_write


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
