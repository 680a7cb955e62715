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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from budgetctl.directories import make_private
from budgetctl.errors import BudgetctlError, InvalidValueError, StoreBusyError
from budgetctl.files.lock import FileLock
from budgetctl.ledger.matching import names_of_call
from budgetctl.ledger.store import CommitRequest
from budgetctl.money import PICODOLLARS_PER_USD, Picodollars, format_usd
from budgetctl.stores.sql.limits import MAX_COUNTER
from budgetctl.stores.sql.standings import decided
from budgetctl.stores.sql.store import SqlStore
from budgetctl.stores.sql.transaction import Transaction
from budgetctl.stores.sqlite.file import (
    FileId,
    adopt,
    connect,
    connect_empty,
    create_file,
    find_file,
    lock_of,
    refuse_damaged,
    remember_store,
    translate_errors,
)
from budgetctl.stores.sqlite.log import LogInUse, beside
from budgetctl.stores.sqlite.opening import is_backup

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Difference
    from budgetctl.ledger.holds import Decision, Hold, HoldRequest
    from budgetctl.ledger.store import Answer, ChargeRequest, Request
    from budgetctl.ledger.values import Charge

MAX_AMOUNT = Picodollars(1_000_000 * PICODOLLARS_PER_USD)
"""The most that one entry may move: counters are 64-bit."""

DEFAULT_WAIT_S = 10.0

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
"""The errors by which Python tells of damaged values: numbers in place of texts, unknown names."""


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
        self.path = path = path.absolute()
        self.project = project
        self.wait_s = wait_s
        self._clock = clock
        self._line = FileLock(lock_of(path))
        self._mutex = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._file: FileId | None = None
        self._connections = 0
        self._log = LogInUse(path)
        self._is_backup = False
        self._project_id: int | None = None
        self._writer: tuple[int, Transaction] | None = None
        with _registry:
            _stores.add(self)

    def now_us(self) -> int:
        """This machine's clock."""
        return self._clock()

    def location(self) -> str:
        """The file."""
        return str(self.path)

    def size_bytes(self) -> int:
        """The file and its write-ahead log."""
        size = 0
        for file in (self.path, beside(self.path, "-wal")):
            with contextlib.suppress(FileNotFoundError):
                size += file.stat().st_size
        return size

    def change_token(self) -> object:
        """Another connection's commit changes it, this store's own do not."""
        with self.read() as tx:
            return self._connections, tx.one("PRAGMA data_version")

    def projects(self) -> list[str]:
        """The projects that the file holds, by name."""
        with self.read() as tx:
            return [name for (name,) in tx.all("SELECT name FROM projects ORDER BY name")]

    def close(self) -> None:
        """Close the file. It is opened again on the next use."""
        with self._exclusive():
            self._disconnect()
        self._line.close()

    @contextlib.contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot, an empty one while there is no file. Within a transaction of this thread, that transaction."""
        if self._writer is not None and self._writer[0] == threading.get_ident():
            yield self._writer[1]
            return
        with translate_errors(self.path), self._exclusive():
            connection = self._connected()
            try:  # from the first statement on: an interrupt may come right behind it
                connection.execute("BEGIN")
                yield self._transaction(connection)
            except _UNREADABLE as error:
                self._refuse_unreadable(error, connection)
                raise
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def write(self, *, create: bool = False, user: str | None = None) -> Iterator[Transaction]:  # noqa: ARG002
        """A transaction, durable when the outermost block has ended. Waits for other writers.

        A store that is not there is made in memory first: a change that is refused leaves no file.
        """
        if self._writer is not None and self._writer[0] == threading.get_ident():
            yield self._writer[1]
            return
        with translate_errors(self.path), self.in_line(create=create), self._exclusive():
            made = self._empty_for_file() if create else None
            connection = self._connected_to_write(create=create) if made is None else made
            try:
                connection.execute("BEGIN IMMEDIATE")
                tx = self._transaction(connection)
                if create and tx.project is None:
                    tx.project = tx.insert(
                        "INSERT INTO projects (name, created_us) VALUES (:name, :now) RETURNING project",
                        name=self.project,
                    )
                self._writer = threading.get_ident(), tx
                yield tx
                connection.execute("COMMIT")
                if made is not None:
                    made.backup(self._connected(create=True))
            except _UNREADABLE as error:
                self._refuse_unreadable(error, connection)
                raise
            finally:
                self._writer = None
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if made is not None:
                    made.close()

    def verify(self) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings, if the file is sound.

        The check has a connection of its own, so that no thread of this process waits for it.
        """
        with contextlib.closing(SqliteStore(self.path, self.project, wait_s=self.wait_s, clock=self._clock)) as apart:
            apart.on_progress = self.on_progress
            yield from super(SqliteStore, apart).verify()

    def _refuse_damaged(self, tx: Transaction) -> None:
        refuse_damaged(tx.all, self.path)

    def _refuse_unreadable(self, error: Exception, connection: sqlite3.Connection) -> None:
        """Raise `CorruptStoreError` when an error comes of damage, as SQLite's own check tells."""
        if not isinstance(error, BudgetctlError):
            refuse_damaged(lambda sql: connection.execute(sql).fetchall(), self.path)

    def apply(self, requests: Sequence[Request]) -> list[Answer | BudgetctlError]:
        """Do all requests in one transaction, each of them as a whole or not at all."""
        from budgetctl.stores.sqlite import batches

        with self.write() as tx:
            return batches.apply(tx, self.project, requests, _check_amount)

    def apply_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Do all requests in one transaction, or none of them."""
        from budgetctl.stores.sqlite import batches

        with self.write() as tx:
            return batches.apply_all(tx, self.project, requests, _check_amount)

    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost, once for each key."""
        from budgetctl.stores.sql import operations

        _check_amount(request.amount)
        with self.write() as tx:
            return operations.charge(tx, self.project, request)

    def check(self, user: str, cost: Picodollars | None, model: str | None, called: tuple[str, ...] = ()) -> Decision:
        """Whether all limits would allow a cost now."""
        names = names_of_call(called, model)
        with self.read() as tx:
            return decided(tx, user, cost, names)

    def reserve(self, request: HoldRequest) -> Hold:
        """Set money aside, if all limits allow it."""
        from budgetctl.stores.sql import holds

        _check_amount(request.amount)
        with self.write() as tx:
            return holds.reserve(tx, request)

    def commit(self, hold_id: str, request: ChargeRequest) -> Charge:
        """Record what a call did cost, and let go of what was set aside for it."""
        from budgetctl.stores.sql import operations

        _check_amount(request.amount)
        with self.write() as tx:
            return operations.commit(tx, self.project, CommitRequest(hold_id, request))

    def release(self, hold_id: str) -> Hold:
        """Let go of what was set aside."""
        from budgetctl.stores.sql import operations

        with self.write() as tx:
            return operations.release(tx, hold_id)

    def _transaction(self, connection: sqlite3.Connection) -> Transaction:
        if self._project_id is None:  # a restored backup keeps the numbers of projects
            row = connection.execute("SELECT project FROM projects WHERE name = ?", (self.project,)).fetchone()
            self._project_id = row[0] if row else None
        return Transaction(connection, self._project_id, self.now_us(), most=MAX_COUNTER)

    @contextlib.contextmanager
    def in_line(self, *, create: bool) -> Iterator[None]:
        """One writer at a time. Without a file there is no line, and none is made unless the file will be."""
        if create:
            make_private(self.path.parent)
        elif self._file is None and find_file(self.path) is None:
            yield
            return
        try:
            if not self._line.acquire(self.wait_s):
                raise self._busy()
            yield
        finally:
            try:
                self._line.release()
            finally:
                self._line.release()  # once more, for an interrupt in the midst of the first time

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One thread at a time, as they share a connection. A writer waits in line before, so that others can read."""
        if self._mutex._is_owned():  # type: ignore[attr-defined]
            yield  # within what this thread does already
            return
        try:
            if not self._mutex.acquire(timeout=self.wait_s):
                raise self._busy()
            with self._mutex:  # which no interrupt keeps from being released, as a call of `release` might be
                self._mutex.release()
                yield
        except BaseException:
            # Asked of the lock itself: an interrupt may come when it is acquired and nothing else knows it yet.
            if self._mutex._is_owned():  # type: ignore[attr-defined]
                self._mutex.release()
            raise

    def _busy(self) -> StoreBusyError:
        return StoreBusyError(
            f"other writers have held {self.path} for {self.wait_s:g} s; nothing was changed",
            hint="try again, or wait longer: --wait 60",
        )

    def _connected(self, *, create: bool = False) -> sqlite3.Connection:
        """A connection to the file of now, or to an empty store in memory while there is none.

        The file may have been deleted or replaced since: changes in a file without a name would be lost.
        """
        file = find_file(self.path)
        if file is None and create:
            file = create_file(self.path)
        if self._connection is None or file != self._file:
            self._disconnect()
            self._connection = connect_empty() if file is None else connect(self.path, self.wait_s, self.on_progress)
            self._file = file
            self._connections += 1
            self._is_backup = is_backup(self._connection)
            self._log.note()
            if file is not None:
                remember_store(self.path)
        return self._connection

    def _empty_for_file(self) -> sqlite3.Connection | None:
        """A new store in memory, where there is no file to change, and no other process can make one meanwhile."""
        if not self._line.is_between_processes or find_file(self.path) is not None:
            return None
        self._disconnect()  # from a file that is gone, or from nothing
        return connect_empty()

    def _connected_to_write(self, *, create: bool) -> sqlite3.Connection:
        """A connection whose log still has its name: changes in a deleted log would be lost."""
        connection = self._connected(create=create)
        if self._is_backup:
            adopt(connection)
            self._is_backup = False
            self._log.note()
        if self._log.is_lost():
            # Nobody else has opened the store since: what is in the log can be saved, and another one begun.
            connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
            self._disconnect()
            connection = self._connected()
        return connection

    def _disconnect(self) -> None:
        # Forgotten first: after an interrupt between, a closed one would be used.
        connection = self._connection
        self._connection = self._project_id = None
        if connection is not None:
            connection.close()

    def _begin_process(self) -> None:
        if self._connection is not None:
            # In use while the process was forked. Even to close it here would harm the parent's.
            _inherited.append(self._connection)
        self._connection = self._project_id = None
        self._mutex = threading.RLock()
        self._line.begin_process()


# SQLite counts locks by process: a child that has a copy of an open connection takes the parent's locks for its own,
# and what it writes is lost when the parent closes. So connections are closed before a fork, and opened again after it.

_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_registry = threading.Lock()
_paused: list[SqliteStore] = []
_inherited: list[sqlite3.Connection] = []


def _before_fork() -> None:
    _registry.acquire()
    for store in _stores:
        if store._mutex.acquire(timeout=store.wait_s):
            _paused.append(store)
            if store._connection is not None and not store._connection.in_transaction:
                store._disconnect()


def _after_fork_in_parent() -> None:
    while _paused:
        _paused.pop()._mutex.release()
    _registry.release()


def _after_fork_in_child() -> None:
    global _registry  # noqa: PLW0603  # as each store's own lock, it may not have survived the fork
    _paused.clear()
    _registry = threading.Lock()
    for store in _stores:
        store._begin_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


def _check_amount(amount: Picodollars) -> None:
    if amount > MAX_AMOUNT:
        raise InvalidValueError(
            f"{format_usd(amount)} is too large for one entry of a SQLite store, which holds {format_usd(MAX_AMOUNT)}",
            hint="a PostgreSQL store holds larger amounts",
        )
