"""The file of a SQLite store: opening, creating and migrating it, and naming its errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from budgetctl.errors import (
    BudgetctlError,
    CorruptStoreError,
    InvalidValueError,
    NewerStoreError,
    StoreBusyError,
    StoreUnavailableError,
)
from budgetctl.ledger.progress import ENTRIES, STEPS, Progress, unwatched
from budgetctl.stores.location import network_filesystem
from budgetctl.stores.sql.token_columns import count_next, uncounted
from budgetctl.stores.sql.transaction import Row, Transaction
from budgetctl.stores.sqlite.log import beside, check_log
from budgetctl.stores.sqlite.opening import BACKUP_ID, is_backup, open_file
from budgetctl.stores.sqlite.schema import MIGRATIONS, VERSION, WHOLE, whole_schema

APPLICATION_ID = 0x62646774
"""The application id in the header of a budgetctl store ("bdgt")."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_OPERATIONS = 1_000_000
"""How many of SQLite's operations a statement makes before an interrupt is looked at: some ten milliseconds' work."""

VALUE_ERRORS = (sqlite3.DataError, OverflowError, UnicodeEncodeError)
"""The errors of a value that no column takes. They are raised before anything is written."""


class FileId(NamedTuple):
    """The device and the inode of a file, which tell it from others under whatever name."""

    device: int
    inode: int


def find_file(path: Path) -> FileId | None:
    """The file of that name, if a writer has begun to fill it.

    Raises `CorruptStoreError` for a file that was cut off, and `StoreUnavailableError` for one that has other names.
    """
    try:
        found = os.stat(path)  # noqa: PTH116  # at every operation: a Path takes half as long again
    except (FileNotFoundError, NotADirectoryError):
        return None
    if found.st_size < 2 or found.st_nlink > 1:
        if not stat.S_ISREG(found.st_mode):
            return FileId(found.st_dev, found.st_ino)
        if found.st_nlink > 1:
            raise StoreUnavailableError(
                f"{path} has other names (hard links): SQLite keeps a log for each name, so that what is written under"
                " one would be lost under another",
                hint="remove the other names: find DIRECTORY -samefile FILE",
            )
        if found.st_size == 1 or _was_store(path):
            raise CorruptStoreError(
                f"{path} has been cut off: it is all but empty, and was a store; it was left as it is",
                hint="restore it from a backup (budgetctl restore FILE), or delete it to start anew",
            )
        return None
    return FileId(found.st_dev, found.st_ino)


def lock_of(path: Path) -> Path:
    """The file that writers of the store lock, in whose line they wait."""
    return path.with_name(path.name + ".lock")


def _was_store(path: Path) -> bool:
    """Whether an empty file has been a store: its write-ahead log is left, or its lock file says so."""
    left = [beside(path, "-wal"), lock_of(path)]
    return any(file.exists() and file.stat().st_size for file in left)


def remember_store(path: Path) -> None:
    """Note in the lock file that there is a store, so that a store which is cut off is not taken for a new one."""
    with contextlib.suppress(OSError):
        if not lock_of(path).stat().st_size:
            lock_of(path).write_bytes(b"1")


def create_file(path: Path) -> FileId:
    """Make an empty file, readable by its owner only. A file that exists is left alone."""
    _refuse_network(path)
    if not path.exists():
        # What a deleted store has left would make this one look like one that was cut off.
        beside(path, "-wal").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.truncate(lock_of(path), 0)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    found = path.stat()
    return FileId(found.st_dev, found.st_ino)


def connect(path: Path, wait_s: float, on_progress: Progress = unwatched) -> sqlite3.Connection:
    """A connection to a file that exists, with its schema brought up to date."""
    _refuse_network(path)
    check_log(path, wait_s)
    connection = open_file(path, "mode=rw", wait_s)
    try:
        if on_progress is not unwatched:
            end_at_interrupt(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # In KiB. With the 2 MiB that are the default, a batch of bulk work reads pages that it has just written.
        connection.execute("PRAGMA cache_size = -16384")
        if sys.platform == "darwin":
            # There, fsync returns before the disk has the data.
            connection.execute("PRAGMA fullfsync = ON")
        if version(connection, path) < VERSION:
            adopt(connection)
            migrate(connection, on_progress)
    except BaseException:
        connection.close()
        raise
    return connection


def end_at_interrupt(connection: sqlite3.Connection) -> None:
    """Have Ctrl-C end a statement that takes long. Python would look at it when the statement is done."""
    # SQLite calls back into Python, where the interrupt is noticed; of that, Python tells SQLite that it shall stop.
    connection.set_progress_handler(lambda: None, _OPERATIONS)


def adopt(connection: sqlite3.Connection) -> None:
    """Make a store of a backup. Its file says so before it has a log, so that no backup ever has one."""
    if is_backup(connection):
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")


def connect_empty() -> sqlite3.Connection:
    """An empty store in memory, for reads while there is no file, and for the first change."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    return connection


def _refuse_network(path: Path) -> None:
    filesystem = network_filesystem(path)
    if filesystem is not None:
        raise StoreUnavailableError(
            f"{path} is on a network file system ({filesystem}), where SQLite's locks do not hold",
            hint="name a local file with --store",
        )


def version(connection: sqlite3.Connection, path: Path) -> int:
    """The store's schema version, 0 for an empty file. Raises for a newer version, and for a file that is no store."""
    # In one snapshot, as another process may be making the store right now.
    connection.execute("BEGIN")
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    connection.execute("ROLLBACK")
    if application_id not in (APPLICATION_ID, BACKUP_ID) and (tables or found or application_id):
        raise CorruptStoreError(
            f"{path} is a SQLite database, but not a budgetctl store; it was left as it is",
            hint="name another file with --store",
        )
    if found > VERSION:
        raise NewerStoreError(
            f"{path} was written by a newer budgetctl (schema {found}, this one knows {VERSION}); it was left as it is",
            hint="upgrade: pip install --upgrade budgetctl",
        )
    return int(found)


def migrate(connection: sqlite3.Connection, on_progress: Progress = unwatched) -> None:
    """Bring the schema up to date: each step and its record in one transaction. Two at once do each step once."""
    connection.execute("PRAGMA journal_mode = WAL")
    done, (found,) = 0, connection.execute("PRAGMA user_version").fetchone()
    on_progress(0, VERSION - found, STEPS)
    while _migrate_step(connection, on_progress):
        done += 1
        on_progress(done, VERSION - found, STEPS)


def _migrate_step(connection: sqlite3.Connection, on_progress: Progress) -> bool:
    """Make the tables of a new store, or take the next step, if there is one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found >= VERSION:
            return False
        script, reached = (MIGRATIONS[found][1], found + 1) if found else (whole_schema(), WHOLE)
        for statement in _statements(script):
            connection.execute(statement)
        if found:
            _count_tokens(connection, on_progress)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {reached}")
        connection.execute("COMMIT")
        return True
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _count_tokens(connection: sqlite3.Connection, on_progress: Progress) -> None:
    """Write the tokens of all entries into their columns, where these are new."""
    if not connection.execute("SELECT 1 FROM pragma_table_info('entries') WHERE name = 'input_tokens'").fetchone():
        return
    for (project,) in connection.execute("SELECT project FROM projects").fetchall():
        tx, done, after = Transaction(connection, project, 0), 0, 0
        total = uncounted(tx)
        while counted := count_next(tx, after):
            done, after = done + len(counted), counted[-1]
            on_progress(done, total, ENTRIES)


def refused_value(error: Exception) -> InvalidValueError:
    """The error of budgetctl's for one of `VALUE_ERRORS`."""
    return InvalidValueError(f"SQLite does not keep a value: {error}; nothing was changed")


@contextlib.contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into budgetctl's."""
    try:
        yield
    except VALUE_ERRORS as error:
        raise refused_value(error) from error
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    except UnicodeDecodeError as error:  # in what SQLite tells of a schema that is damaged
        raise damaged(path, "a text in it is no text") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreUnavailableError(
            f"cannot use the store {path}: {reason}",
            hint="check the path, its permissions and the free space",
        ) from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that a file is damaged or no database."""
    # Extended codes carry the primary code in their low byte: https://sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in _DAMAGED or str(error).startswith("Could not decode")  # said by Python, without a code


def _translated(error: sqlite3.Error, path: Path) -> BudgetctlError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt from error
    if code in _BUSY:
        return StoreBusyError(f"{path} is locked by another program; nothing was changed", hint="try again")
    if is_damage(error):
        return damaged(path, str(error))
    return StoreUnavailableError(
        f"cannot use the store {path}: {error}; nothing was changed",
        hint="check the path, its permissions and the free space",
    )


def refuse_damaged(rows: Callable[[str], list[Row]], path: Path) -> None:
    """Raise `CorruptStoreError` if SQLite's own check finds damage: of pages, indexes, types and references.

    `rows` runs a statement on a connection to the file, and returns its rows.
    """
    try:
        found = [text for (text,) in rows("PRAGMA integrity_check(20)") if text != "ok"]
        found += [
            f"a row of {table} refers to one of {parent} that is not there"
            for table, _, parent, _ in rows("PRAGMA foreign_key_check")
        ]
    except sqlite3.Error as error:
        raise _translated(error, path) from error
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise damaged(path, f"{' '.join(found[0].split())}{more}")


def damaged(path: Path, reason: str) -> CorruptStoreError:
    """The error of a damaged file."""
    return CorruptStoreError(
        f"{path} is damaged or not a budgetctl store ({reason}); it was left as it is",
        hint="restore it from a backup (budgetctl restore FILE), or name another file with --store",
    )


def _statements(script: str) -> Iterator[str]:
    *pieces, _ = script.split(";")
    pending = ""
    for piece in pieces:
        pending += piece + ";"
        if sqlite3.complete_statement(pending):  # not one within a comment, a text or a trigger
            yield pending
            pending = ""
