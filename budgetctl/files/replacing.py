"""Replacing a file that others read, one program at a time."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from budgetctl.directories import make_private
from budgetctl.errors import StoreBusyError
from budgetctl.files.lock import FileLock
from budgetctl.files.opening import require_regular

_WAIT_S = 10.0


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


def replace(path: Path, content: bytes) -> None:
    """Put a file of this content in the place of the old one. Readers see the whole old file, or the whole new one.

    Raises `OSError`, also where something else than a file is in the place, as a device behind a link.
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
