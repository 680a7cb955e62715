"""Backups of SQLite stores, made and put back while others go on reading and writing.

A copy is one snapshot, made by SQLite itself, and called a backup only when it is sound. A restored state goes into the
store as one transaction: programs that have the store open see the old state or the new one, also after a crash.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from budgetctl.directories import make_private
from budgetctl.errors import (
    AlreadyExistsError,
    CorruptStoreError,
    InvalidValueError,
    NotFoundError,
    StoreBusyError,
    UnknownProjectError,
)
from budgetctl.files.lock import FileLock
from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.store import Store
from budgetctl.stores.sql.store import SqlStore
from budgetctl.stores.sql.transaction import Transaction
from budgetctl.stores.sql.verifying import CHECKS, differences
from budgetctl.stores.sqlite.file import (
    APPLICATION_ID,
    adopt,
    connect,
    end_at_interrupt,
    find_file,
    is_damage,
    lock_of,
    migrate,
    refuse_damaged,
    translate_errors,
    version,
)
from budgetctl.stores.sqlite.log import beside, check_log
from budgetctl.stores.sqlite.opening import BACKUP_ID, open_file
from budgetctl.stores.sqlite.store import SqliteStore

_PAGES = 2_000
"""How many pages are copied before an interrupt is looked at: a few milliseconds' work."""

_TOOLS = {"backup": "pg_dump", "restore": "pg_restore"}


class Backup(NamedTuple):
    """A backup of a file, its size, and the names of the projects in it: none in a backup of settings."""

    store: Path
    file: Path
    projects: list[str]
    size_bytes: int


class Restored(NamedTuple):
    """A store that was restored from a file, and the file with its state before, if it had one."""

    store: Path
    file: Path
    projects: list[str]
    replaced: Path | None


def sqlite_store(store: Store, command: str) -> SqliteStore:
    """The store, if it is a SQLite file. Raises `InvalidValueError` for others, and names the way to copy these."""
    if isinstance(store, SqliteStore):
        return store
    if isinstance(store, SqlStore):
        raise InvalidValueError(
            f"{store.location()} is a PostgreSQL database, for which there is {_TOOLS[command]}",
            hint="see docs/operating.md, which has the commands",
        )
    raise InvalidValueError(
        f"the store is on a server, and {command} is for the machine on which the server runs",
        hint=f"there: budgetctl {command} FILE",
    )


def back_up(store: Store, target: Path, *, force: bool = False) -> Backup:
    """Write the state of the store to a file, which must not exist yet, unless with `force`.

    Nobody waits meanwhile. The file appears under its name when it has been checked and is on the disk.

    Raises `CorruptStoreError` for a store that is damaged or whose counters are not the sums of their entries, and
    `InvalidValueError` for one that is not a SQLite file, or a target that is a store itself.
    """
    source = sqlite_store(store, "backup")
    if not source.exists():
        raise UnknownProjectError(f"the project {store.project!r} has nothing to back up", hint="budgetctl projects")
    target = target.resolve()  # the file, and not the link that somebody keeps in its place
    _refuse_store(target)
    if target.exists() and not force:
        raise AlreadyExistsError(f"{target} is there already", hint="name another file, or replace it with --force")
    with translate_errors(target), _written_beside(target, source.wait_s) as copy:
        with translate_errors(source.path), closing(connect(source.path, source.wait_s)) as connection:
            _copy(connection, copy, source.wait_s, source.on_progress)
        with closing(_opened_alone(copy)) as connection:
            projects = _checked(connection, source.path, source.now_us(), source.on_progress)
            connection.execute(f"PRAGMA application_id = {BACKUP_ID}")
        _publish(copy, target, force=force)
    return Backup(source.path, target, projects, target.stat().st_size)


def restore(store: Store, file: Path) -> Restored:
    """Put the state of a backup into a store. The store's own state is set aside, in a file beside it.

    The backup stays as it is. Programs that have the store open go on with the restored state.

    Raises `CorruptStoreError` for a file that is damaged or of another program, `NewerStoreError` for the file of a
    newer budgetctl, `NotFoundError` for a file that is missing or does not have the store's project, and
    `StoreBusyError` when other writers keep the store. Nothing is changed then.
    """
    target = sqlite_store(store, "restore")
    path, file = target.path.resolve(), file.absolute()
    if not file.is_file():
        raise NotFoundError(f"there is no backup {file}", hint="name the file that budgetctl backup has written")
    if path.exists() and file.samefile(path):
        raise InvalidValueError(f"{file} is the store itself: name a backup of it")
    with translate_errors(path), _written_beside(path, target.wait_s) as copy:
        with translate_errors(file), closing(_opened_to_read(file)) as found:
            version(found, file)
            _copy(found, copy, target.wait_s, target.on_progress)
        with closing(_opened_alone(copy)) as connection:
            projects = _made_store(connection, file, target)
        with target.in_line(create=True):
            replaced = _replace(target, path, copy)
    return Restored(target.path, file, projects, replaced)


def _refuse_store(target: Path) -> None:
    """Refuse to write over a store: it may be in use."""
    if any(file.exists() for file in (lock_of(target), beside(target, "-wal"), beside(target, "-shm"))):
        raise InvalidValueError(
            f"{target} is a store: name another file", hint="budgetctl restore FILE puts a backup into a store"
        )


@contextlib.contextmanager
def _written_beside(target: Path, wait_s: float) -> Iterator[Path]:
    """The name of a new file beside the target, in whose place it may be put. It is removed at the end of the block.

    No other process writes the file meanwhile. One that a killed process has left is written over.
    """
    make_private(target.parent)
    partial = target.with_name(target.name + ".partial")
    lock = FileLock(lock_of(partial))
    try:
        while True:
            if not lock.acquire(wait_s):
                raise StoreBusyError(f"another process is writing {partial}; nothing was changed", hint="try again")
            if lock.has_name():
                break
            lock.release()
            lock.close()
        try:
            _remove(partial)
            yield partial
        finally:
            _remove(partial)
            lock_of(partial).unlink(missing_ok=True)
            lock.release()
    finally:
        lock.close()


def _remove(file: Path) -> None:
    for each in (file, *(beside(file, suffix) for suffix in ("-wal", "-shm", "-journal"))):
        each.unlink(missing_ok=True)


def _copy(source: sqlite3.Connection, target: Path, wait_s: float, on_progress: Progress = unwatched) -> None:
    """Copy all pages to a new file, readable by its owner only. It is not on the disk yet."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(open_file(target, "mode=rw")) as copy:
        copy.execute("PRAGMA synchronous = OFF")
        copy.execute("PRAGMA locking_mode = EXCLUSIVE")
        _copy_pages(source, copy, wait_s, on_progress)


def _copy_pages(
    source: sqlite3.Connection, target: sqlite3.Connection, wait_s: float, on_progress: Progress = unwatched
) -> None:
    deadline = time.monotonic() + wait_s

    def look(status: int, left: int, total: int) -> None:
        on_progress(total - left, total, "pages")
        # Python would try forever. It also looks at interrupts where Python code runs.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() >= deadline:
            raise StoreBusyError("another program has locked the store; nothing was changed", hint="try again")

    source.execute("BEGIN")  # one snapshot: otherwise it begins again whenever others write
    source.execute("SELECT 1 FROM sqlite_master").fetchone()
    source.backup(target, pages=_PAGES, progress=look, sleep=0.01)
    source.execute("ROLLBACK")


def _opened_to_read(file: Path) -> sqlite3.Connection:
    """A connection to a backup. A backup without a log is not touched, and may be in a place that is read-only."""
    log = beside(file, "-wal")
    if not log.exists() or not log.stat().st_size:
        return open_file(file, "mode=ro&immutable=1")
    check_log(file, 0)
    return open_file(file, "mode=ro")


def _opened_alone(copy: Path) -> sqlite3.Connection:
    """A connection to a copy that nobody else knows of. The copy has no log, and gets none."""
    connection = open_file(copy, "mode=rw")
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA journal_mode = DELETE")
    return connection


def _checked(connection: sqlite3.Connection, path: Path, now_us: int, on_progress: Progress) -> list[str]:
    """The projects of a file that is sound. Raises `CorruptStoreError` for another one."""
    end_at_interrupt(connection)
    on_progress(0, CHECKS, "checks")
    refuse_damaged(lambda sql: connection.execute(sql).fetchall(), path)
    projects = connection.execute("SELECT name, project FROM projects ORDER BY name").fetchall()
    for name, project in projects:
        if any(True for _ in differences(Transaction(connection, project, now_us), on_progress)):
            raise CorruptStoreError(
                f"{path} has counters in the project {name!r} that are not the sums of their entries",
                hint="set them right first, with budgetctl verify --repair",
            )
    return [name for name, _ in projects]


def _made_store(connection: sqlite3.Connection, file: Path, target: SqliteStore) -> list[str]:
    """Bring the copy of a backup to the state that the store is to have, and return its projects."""
    refuse_damaged(lambda sql: connection.execute(sql).fetchall(), file)
    migrate(connection, target.on_progress)
    projects = _checked(connection, file, target.now_us(), target.on_progress)
    if target.project not in projects:
        raise UnknownProjectError(
            f"{file} does not hold the project {target.project!r}, but {', '.join(map(repr, projects)) or 'none'}",
            hint="name the project with --project, or another file",
        )
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return projects


def _replace(target: SqliteStore, path: Path, copy: Path) -> Path | None:
    """Put the copy in the place of the store, and return the file with the old state. Nobody else writes meanwhile."""
    aside, wait_s = _aside(path, target.now_us()), target.wait_s
    try:
        is_there = find_file(path) is not None
        if is_there:
            check_log(path, wait_s)
            with closing(open_file(path, "mode=rw", wait_s)) as connection:
                _replace_content(target, connection, copy, aside)
            return aside
    except (CorruptStoreError, UnicodeDecodeError):
        is_there = True
    except sqlite3.Error as error:
        if not is_damage(error) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # tables that are not there
            raise
    # The file cannot be written into, or is not there: it is exchanged, and whoever has it open notices.
    with closing(_opened_alone(copy)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    aside.unlink(missing_ok=True)  # a copy that was made before the damage was met
    _set_aside(path, aside)
    _publish(copy, path, force=True)
    return aside if is_there else None


def _replace_content(target: SqliteStore, connection: sqlite3.Connection, copy: Path, aside: Path) -> None:
    """Write all of the copy into the store, in one transaction."""
    path, wait_s = target.path.resolve(), target.wait_s
    if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id not in (APPLICATION_ID, BACKUP_ID):
            raise InvalidValueError(
                f"{path} is another program's database; it was left as it is", hint="name another file with --store"
            )
        _keep_numbers(connection, copy)
    # Under one name whenever it is: so the next restore writes over what one that was killed has left.
    with _written_beside(path.with_name(path.name + ".replaced"), wait_s) as kept:
        _copy(connection, kept, wait_s, target.on_progress)
        _publish(kept, aside, force=False)
    adopt(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    with closing(_opened_alone(copy)) as source:
        _copy_pages(source, connection, wait_s, target.on_progress)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _keep_numbers(connection: sqlite3.Connection, copy: Path) -> None:
    """Give projects in the copy the numbers that they have in the store: programs that run know them by these.

    A project that was made since the backup is in the copy then, with nothing in it.
    """
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    with closing(_opened_alone(copy)) as restored:
        for project, name in connection.execute("SELECT project, name FROM projects").fetchall():
            restored.execute(
                "INSERT INTO projects (project, name, created_us) SELECT ?, ?, created_us FROM projects WHERE TRUE"
                " ON CONFLICT DO NOTHING",
                (project, name),
            )
            if restored.execute("SELECT project FROM projects WHERE name = ?", (name,)).fetchone() != (project,):
                raise InvalidValueError(
                    "the backup is of another store, which counts its projects otherwise; nothing was changed",
                    hint="move the store away first, when no program uses it",
                )
        if restored.execute("PRAGMA page_size").fetchone() != (page_size,):  # which a log cannot change
            restored.execute(f"PRAGMA page_size = {page_size}")
            restored.execute("VACUUM")


def _aside(path: Path, now_us: int) -> Path:
    """The name of a file beside the store that does not exist yet. It has the time in UTC."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_us // 1_000_000))
    names = (f"{path.name}.replaced-{moment}{-number or ''}" for number in itertools.count())
    return next(file for file in map(path.with_name, names) if not file.exists())


def _set_aside(path: Path, aside: Path) -> None:
    """Give a file that is to be replaced, and its log, a second name. The file keeps its own until it is replaced."""
    beside(path, "-shm").unlink(missing_ok=True)
    for suffix in ("-wal", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            beside(path, suffix).rename(aside.with_name(aside.name + suffix))
    with contextlib.suppress(FileNotFoundError):
        try:
            aside.hardlink_to(path)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without hard links
            path.rename(aside)


def _publish(copy: Path, target: Path, *, force: bool) -> None:
    """Give the copy the target's name, once all of it is on the disk."""
    _sync(copy, os.O_RDWR)
    if force:
        copy.replace(target)
    else:
        try:
            target.hardlink_to(copy)
            copy.unlink()
        except FileExistsError as error:
            raise AlreadyExistsError(f"{target} is there already", hint="name another file") from error
        except OSError:  # a file system without hard links
            copy.rename(target)
    with contextlib.suppress(OSError):  # some systems do not open directories
        _sync(target.parent, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
