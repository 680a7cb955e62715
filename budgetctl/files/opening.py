"""Reading files under names where others may have put anything.

A pipe blocks its reader until somebody writes, and a device may have no end. So only regular files are read here, and
no more bytes of them than the caller wants.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

# Opening does not wait for the other end of a pipe, and makes no terminal the process's own.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


def open_regular(path: Path, *, more_flags: int = 0) -> BinaryIO:
    """The file, opened to read bytes. Raises `OSError` also for a directory, a pipe or a device."""
    descriptor = os.open(path, _FLAGS | more_flags)
    try:
        require_regular(os.fstat(descriptor), path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(status: os.stat_result, path: Path) -> None:
    """Raise `OSError` for a directory, a pipe or a device: they are neither to be read nor to be replaced."""
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", str(path))


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The content of a file. Raises `OSError` also for one that is larger, a directory, a pipe or a device."""
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {_size(most_bytes)}", str(path))
    return content


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
