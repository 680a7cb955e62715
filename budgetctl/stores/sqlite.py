"""The SQLite driver: one file, any number of threads and processes on one machine.

Writers stand in line for a lock file, then `BEGIN IMMEDIATE`; readers see a snapshot and wait for nobody. The
database file is never opened by other means: closing such a descriptor would drop SQLite's own locks.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from budgetctl.errors import InvalidValueError, KeyConflictError, StoreBusyError
from budgetctl.models import Charge, Entry
from budgetctl.money import PICODOLLARS_PER_USD, Picodollars, format_usd
from budgetctl.stores.account import Account
from budgetctl.stores.base import ChargeRequest, IdempotencyKey
from budgetctl.stores.filelock import FileLock
from budgetctl.stores.migrations import VERSION
from budgetctl.stores.rows import ENTRY_COLUMNS, entry_from_row
from budgetctl.stores.sql import SqlStore
from budgetctl.stores.sqlite_file import (
    connect,
    connect_empty,
    create_file,
    migrate,
    translate_errors,
    version,
)
from budgetctl.stores.transaction import Transaction

MAX_AMOUNT = Picodollars(1_000_000 * PICODOLLARS_PER_USD)
"""The most that one entry may move: counters are 64-bit."""

DEFAULT_WAIT_S = 10.0


def system_clock() -> int:
    """This machine's clock: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class SqliteStore(SqlStore):
    """A store in a SQLite file, which is made on the first write."""

    def __init__(
        self,
        path: Path,
        project: str,
        *,
        wait_s: float = DEFAULT_WAIT_S,
        clock: Callable[[], int] = system_clock,
    ) -> None:
        self.path = path
        self.project = project
        self._wait_s = wait_s
        self._clock = clock
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        self._connection: sqlite3.Connection | None = None
        self._empty: sqlite3.Connection | None = None
        self._project_id: int | None = None
        self._mutex = threading.RLock()
        _stores.add(self)

    def now_us(self) -> int:
        """This machine's clock."""
        return self._clock()

    def location(self) -> str:
        """The file."""
        return str(self.path)

    def size_bytes(self) -> int:
        """The file and its write-ahead log."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def change_token(self) -> object:
        """Another connection's commit changes it, this store's own do not."""
        with self._exclusive(), translate_errors(self.path):
            connection = self._reader()
            return id(connection), connection.execute("PRAGMA data_version").fetchone()

    def projects(self) -> list[str]:
        """The projects that the file holds, by name."""
        with self.read() as tx:
            return [name for (name,) in tx.all("SELECT name FROM projects ORDER BY name")]

    def close(self) -> None:
        """Close the file. It is opened again on the next use."""
        with self._exclusive():
            for connection in (self._connection, self._empty):
                if connection is not None:
                    connection.close()
            self._connection = self._empty = self._project_id = None
            self._lock.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot. While there is no file, an empty one."""
        with self._exclusive(), translate_errors(self.path):
            connection = self._reader()
            connection.execute("BEGIN")
            try:
                yield self._transaction(connection)
            finally:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction, durable when the block has ended. Waits for other writers."""
        deadline = time.monotonic() + self._wait_s
        with self._exclusive(), translate_errors(self.path), self._in_line(deadline):
            connection = self._writer()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._transaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                self._project_id = None
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost, once for each key."""
        if request.amount > MAX_AMOUNT:
            raise InvalidValueError(
                f"{format_usd(request.amount)} is too large for one entry of a SQLite store,"
                f" which holds {format_usd(MAX_AMOUNT)}",
                hint="a PostgreSQL store holds larger amounts",
            )
        with self.write() as tx:
            account = Account.open(tx, request.user)
            earlier = _replayed(tx, account.holder.holder, request.key) if request.key else None
            entry = earlier or account.post(
                "spend",
                request.amount,
                model=request.model,
                usage=request.usage,
                pricing=request.pricing,
                note=request.note,
            )
            if request.key and not earlier:
                tx.run(
                    "INSERT INTO idempotency_keys (project, holder, kind, digest, request, number)"
                    " VALUES (:project, :holder, :kind, :digest, :request, :number)",
                    holder=account.holder.holder,
                    kind=request.key.kind,
                    digest=request.key.digest,
                    request=request.key.request,
                    number=entry.number,
                )
            account.save()
            return Charge(entry, account.budget(self.project), replayed=earlier is not None)

    def ensure_project(self, tx: Transaction) -> None:
        """Record the project on its first write."""
        if tx.project is None:
            tx.project = tx.insert(
                "INSERT INTO projects (name, created_us) VALUES (:name, :now) RETURNING project",
                name=self.project,
            )

    def _transaction(self, connection: sqlite3.Connection) -> Transaction:
        if self._project_id is None:
            row = connection.execute("SELECT project FROM projects WHERE name = ?", (self.project,)).fetchone()
            self._project_id = row[0] if row else None
        return Transaction(connection, self._project_id, self.now_us())

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One thread at a time: they share a connection."""
        if not self._mutex.acquire(timeout=self._wait_s):
            raise self._busy()
        try:
            yield
        finally:
            self._mutex.release()

    @contextlib.contextmanager
    def _in_line(self, deadline: float) -> Iterator[None]:
        """One writing process at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.ExitStack() as line:
            try:
                line.enter_context(self._lock.held(max(0.0, deadline - time.monotonic())))
            except TimeoutError as error:
                raise self._busy() from error
            yield

    def _busy(self) -> StoreBusyError:
        return StoreBusyError(
            f"other writers have held {self.path} for {self._wait_s:g} s; nothing was changed",
            hint="try again, or wait longer: --wait 60",
        )

    def _reader(self) -> sqlite3.Connection:
        """A connection to read with. While there is no file, one to an empty store in memory."""
        if self._connection is None and self._has_data():
            connection = connect(self.path, self._wait_s)
            try:
                outdated = version(connection, self.path) < VERSION
            except BaseException:
                connection.close()
                raise
            if not outdated:
                self._connection = connection
                return connection
            connection.close()
            with self._in_line(time.monotonic() + self._wait_s):
                return self._writer()
        if self._connection is not None:
            return self._connection
        if self._empty is None:
            self._empty = connect_empty()
        return self._empty

    def _writer(self) -> sqlite3.Connection:
        """A connection to write with, to a file that has the current schema. The caller stands in line."""
        if self._connection is not None:
            return self._connection
        if not self.path.exists():
            create_file(self.path)
        connection = connect(self.path, self._wait_s)
        try:
            if version(connection, self.path) < VERSION:
                migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _has_data(self) -> bool:
        """Whether there is a file that a writer has begun to fill."""
        try:
            return self.path.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _begin_process(self) -> None:
        """Start without a connection in a new process.

        A connection must not cross a fork, not even to be closed: the child keeps it untouched.
        """
        _inherited.append(self._connection)
        self._connection = self._empty = self._project_id = None
        self._mutex = threading.RLock()
        self._lock.close()


_inherited: list[sqlite3.Connection | None] = []
_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for store in _stores:
        store._begin_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _replayed(tx: Transaction, holder: int, key: IdempotencyKey) -> Entry | None:
    """The entry that the key made before. Raises `KeyConflictError` when it was for another request."""
    row = tx.one(
        f"SELECT k.request, {ENTRY_COLUMNS} FROM idempotency_keys k"
        " JOIN entries e ON e.project = k.project AND e.holder = k.holder AND e.number = k.number"
        " LEFT JOIN models m ON m.project = e.project AND m.model = e.model"
        " LEFT JOIN limits l ON l.project = e.project AND l.limit_id = e.closed_limit"
        " WHERE k.project = :project AND k.holder = :holder AND k.kind = :kind AND k.digest = :digest",
        holder=holder,
        kind=key.kind,
        digest=key.digest,
    )
    if row is None:
        return None
    entry = entry_from_row(row[1:])
    if row[0] != key.request:
        raise KeyConflictError(
            f"this key was used before for another charge, entry {entry.number} of {format_usd(entry.amount)};"
            " nothing was added",
            hint="give each call a key of its own",
        )
    return entry
