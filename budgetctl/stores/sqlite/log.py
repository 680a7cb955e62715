"""Whether the write-ahead log beside a store's file, and the index of the log, belong to the file.

SQLite goes by names: it plays a log of the store's name into whatever file has the name now, and makes a new index
where one is missing, even if other processes still use the deleted one. Both lose charges without a word. So the log is
checked before SQLite opens the store, since even closing the store again would write the log into the file.
"""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from budgetctl.errors import CorruptStoreError, StoreUnavailableError
from budgetctl.stores.sqlite.opening import is_backup, open_file

_HEADER = struct.Struct(">8I")  # https://sqlite.org/fileformat2.html#the_write_ahead_log
_FRAME = struct.Struct(">6I")
_MAGIC = (0x377F0682, 0x377F0683)  # checksums of little-endian words, and of big-endian ones
_LOCK_BYTE = 0x40000000
"""The page with this byte holds locks, and is never written."""

_PAUSE_S = 0.01


def beside(path: Path, suffix: str) -> Path:
    """The file that SQLite names like the store, with `-wal`, `-shm` or `-journal` behind it.

    Where the store is a symbolic link, the name is that of its target.
    """
    path = path.resolve()
    return path.with_name(path.name + suffix)


def check_log(path: Path, wait_s: float) -> None:
    """Raise `CorruptStoreError` for the log of another file, and `StoreUnavailableError` for a half-deleted one.

    Nothing is changed, except that the log of a store without users may be written into it, as SQLite would do.
    """
    log, index = beside(path, "-wal"), beside(path, "-shm")
    if log.exists() and log.stat().st_size:
        _refuse_foreign(path, log)
    deadline = time.monotonic() + wait_s
    # For a moment there is one without the other whenever somebody opens or closes a store.
    while log.exists() != index.exists() and _is_used(path):
        if time.monotonic() >= deadline:
            gone = index if log.exists() else log
            raise StoreUnavailableError(
                f"{gone} was deleted while other programs use the store: what is written now would be lost",
                hint=f"end the programs that use {path}, which keeps what they wrote, and try again",
            )
        time.sleep(_PAUSE_S)


class LogInUse:
    """Whether the log that a connection writes still has its name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._name = ""
        self._inode: int | None = None

    def note(self) -> None:
        """Note the log of now as the connection's own."""
        self._name = os.fspath(beside(self._path, "-wal"))
        self._inode = self._found()

    def is_lost(self) -> bool:
        """Whether the log was deleted. Raises `StoreUnavailableError` when others have begun a new log since."""
        found = self._found()
        if self._inode is None:  # nothing was written to a log yet
            self._inode = found
        if found == self._inode:
            return False
        if found is not None:
            raise StoreUnavailableError(
                f"{self._name} was deleted while this program used the store, and others have begun another one:"
                " what this program has written last may be lost",
                hint=f"end the programs that use {self._path}, and look at its history",
            )
        return True

    def _found(self) -> int | None:
        try:
            return os.stat(self._name).st_ino  # noqa: PTH116  # at every write
        except FileNotFoundError:
            return None


def _is_used(path: Path) -> bool:
    """Whether another connection has the store open."""
    with contextlib.closing(open_file(path, "mode=rw")) as alone:
        try:
            alone.execute("PRAGMA locking_mode = EXCLUSIVE")  # which needs no index
            alone.execute("BEGIN EXCLUSIVE")
            alone.execute("ROLLBACK")
        except sqlite3.Error as error:  # others are told by whoever opens the store
            return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return False


def _refuse_foreign(path: Path, log: Path) -> None:
    if _is_backup(path) or _lacks_pages(path, log):
        raise CorruptStoreError(
            f"{log} is not the log of {path.name}, which was put in the place of another file;"
            " both were left as they are",
            hint="put a backup back with budgetctl restore FILE, which sets aside what is there",
        )


def _is_backup(path: Path) -> bool:
    """Whether the file itself, without its log, is a backup."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(open_file(path, "mode=ro&immutable=1")) as file:
        return is_backup(file)
    return False


class _Log(NamedTuple):
    """A write-ahead log: its page size, the salts in its frames, and the start of its checksums."""

    file: io.FileIO
    page_size: int
    salts: tuple[int, int]
    checksum: tuple[int, int]
    words: str

    def read(self, at: int, size: int) -> bytes:
        """Bytes of the file; fewer at its end."""
        self.file.seek(at)
        return self.file.read(size) or b""


class _Frame(NamedTuple):
    """A page in a log. `pages` is the size of the file in pages after this one, if it ends a transaction, else 0."""

    page: int
    pages: int
    checksum: tuple[int, int]


def _lacks_pages(path: Path, log_path: Path) -> bool:
    """Whether pages are missing both in the file and in its log, as when the file is older than the log.

    A log begins at the end of the file, and has all pages from there on.
    """
    try:
        with log_path.open("rb", buffering=0) as file:
            log = _opened(file)
            if log is None:
                return False
            pages = _pages_after_first(log)
            missing = set(range(_pages(path, log) + 1, pages + 1)) - {_LOCK_BYTE // log.page_size + 1}
            for frame in _frames(log) if missing else ():
                missing.discard(frame.page)
                if not missing:
                    break
            # Asked again: others may write the log into the file meanwhile, and begin it anew.
            return bool(missing) and _is_sound(log) and _pages(path, log) < pages
    except FileNotFoundError:
        return False


def _pages(path: Path, log: _Log) -> int:
    return path.stat().st_size // log.page_size


def _opened(file: io.FileIO) -> _Log | None:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, _, page_size, _, *salts_and_sums = _HEADER.unpack(header)
    if magic not in _MAGIC or not page_size:
        return None
    salt, other_salt, *checksum = salts_and_sums
    return _Log(file, page_size, (salt, other_salt), (checksum[0], checksum[1]), "<>"[magic & 1])


def _frames(log: _Log) -> Iterator[_Frame]:
    """The frames of the log's salts. Frames behind them are the rest of an earlier log."""
    at = _HEADER.size
    while len(header := log.read(at, _FRAME.size)) == _FRAME.size:
        page, pages, salt, other_salt, *checksum = _FRAME.unpack(header)
        if (salt, other_salt) != log.salts:
            return
        yield _Frame(page, pages, (checksum[0], checksum[1]))
        at += _FRAME.size + log.page_size


def _pages_after_first(log: _Log) -> int:
    """The size of the file in pages after the log's first transaction, 0 without a transaction."""
    return next((frame.pages for frame in _frames(log) if frame.pages), 0)


def _is_sound(log: _Log) -> bool:
    """Whether the first transaction of the log was written whole. SQLite passes over one that was not."""
    checksum = log.checksum
    size = _FRAME.size + log.page_size
    for number, frame in enumerate(_frames(log)):
        content = log.read(_HEADER.size + number * size, size)
        if len(content) < size:
            return False
        checksum = _added(checksum, content[:8] + content[_FRAME.size :], log.words)
        if checksum != frame.checksum:
            return False
        if frame.pages:
            return True
    return False


def _added(checksum: tuple[int, int], content: bytes, words: str) -> tuple[int, int]:
    """SQLite's checksum: https://sqlite.org/fileformat2.html#checksum_algorithm."""
    first, second = checksum
    values = iter(struct.unpack(f"{words}{len(content) // 4}I", content))
    for one, other in zip(values, values, strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
