"""Connections to PostgreSQL: opened as they are needed, kept while idle, opened again when the server was away.

`psycopg_pool` is not used: it opens connections in threads of its own, which a short command would wait for and a fork
would lose, and says why a connection failed in a log only.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import make_conninfo

from budgetctl.errors import (
    BudgetctlError,
    CorruptStoreError,
    InvalidValueError,
    StoreBusyError,
    StoreUnavailableError,
)
from budgetctl.stores.patience import Patience
from budgetctl.stores.postgres.functions import SCHEMA, functions_schema
from budgetctl.stores.postgres.url import ServerAddress

_PLANNER = {
    "plan_cache_mode": "force_generic_plan",
    "join_collapse_limit": "1",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "seq_page_cost": "0",
    "random_page_cost": "0",
    "cpu_operator_cost": "0.0001",
    "jit": "off",
}
FAST = "; ".join(f"SET {name} = {value}" for name, value in _PLANNER.items())
"""Settings by which the functions in the database are planned: once a session, row by row through indexes, and in the
order in which statements name tables, also where the tables were small at that moment. Forbidden plans look so
expensive that PostgreSQL would compile them, which takes longer than running them."""

ORDINARY = "; ".join(["SET LOCAL statement_timeout = 0", *(f"SET LOCAL {name} = DEFAULT" for name in _PLANNER)])
"""Settings for all other statements, for one transaction: those of the database."""

MAX_CONNECTIONS = 16
"""How many connections a store opens at most, as so many threads use it at once."""

_IDLE_IN_TRANSACTION_S = 60
_LONGEST_CALL_MS = 30_000
_BUSY = frozenset({"55P03", "57014"})
"""Codes of a lock or a statement that took too long: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_NUL = frozenset({None, "22P05"})
"""Codes of a NUL in text (of psycopg, which has none) and in JSON (of the server)."""

_VALUES = frozenset({"22", "54"})
"""Classes of errors of a value: no value of its type, and too large for the server."""

_OWN = frozenset({"23", "XX"})
"""Classes of errors of the rows that a statement touches: a broken constraint, a damaged row."""

_UNPREPARED = frozenset({"08P01", "26000", "42883", "42P01", "42P05"})
"""Codes of a session without its set-up: its search path, and so its tables and functions, or its statements."""

_PRUNED = "3F000"
"""The code of a missing schema: `upgrade --prune` of another version has dropped this version's functions."""

_AGAIN = frozenset({_PRUNED, "23505", "40001", "40P01", "25006", "53300", "57P01", "57P02", "57P03"})
"""Codes of failures that changed nothing and may not happen again: two transactions were in each other's way, as when
both take a name that was free when they looked; or the server starts or stops."""

_DAMAGED = frozenset({"XX001", "XX002"})
"""Codes of damage: of a table, of an index."""

_GOING_UP_OR_DOWN = re.compile("start|shut|recover|accepting|too many|remaining connection")


class LostError(StoreUnavailableError):
    """The server was lost, or gave up this transaction for another; nothing was changed, and it may be repeated."""


class StatementError(StoreUnavailableError):
    """The server cannot do this request, although others may succeed; nothing was changed."""


class Session:
    """A connection for `Transaction`, and the project's key once it is known."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.project: int | None = None

    def execute(self, sql: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[Any]:
        """Run one statement with named parameters, as in `:user`."""
        return self.connection.execute(_translated(sql), parameters)

    def executemany(self, sql: str, parameters: Iterable[Mapping[str, Any]]) -> psycopg.Cursor[Any]:
        """Run one statement once for each of the parameters, without waiting between."""
        cursor = self.connection.cursor()
        cursor.executemany(_translated(sql), parameters)
        return cursor

    def script(self, sql: str) -> list[Any]:
        """Run statements without parameters in one round trip, and return the last one's first row."""
        cursor = self.connection.execute(sql.encode(), prepare=False)
        while cursor.nextset():
            pass
        return list(cursor.fetchone() or ()) if cursor.description else []


@cache
def _translated(sql: str) -> bytes:
    """The shared SQL with psycopg's placeholders. Here the project leads the keys that a conflict is about, too."""
    sql = re.sub(r"ON CONFLICT \((?!project\b)", "ON CONFLICT (project, ", sql.replace("%", "%%"))
    return re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", sql).encode()


class Connections:
    """The connections of one store. `prepare` is called with the first one."""

    def __init__(
        self, address: ServerAddress, wait_s: float, prepare: Callable[[psycopg.Connection[Any]], None]
    ) -> None:
        self.address = address
        self._wait_s = wait_s
        self._prepare = prepare
        self._begin_process()
        with _registry:
            _all.add(self)

    def _begin_process(self) -> None:
        self._idle: list[Session] = []
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._preparing = threading.Lock()
        self._is_prepared = False

    @contextlib.contextmanager
    def session(self, begin: str | None = None) -> Iterator[tuple[Session, list[Any]]]:
        """A session for the block alone, and the first row of the statements that it begins with.

        A connection that has died while it was idle is replaced. Errors come out as budgetctl's; work that is not
        committed is undone.
        """
        if not self._free.acquire(timeout=self._wait_s):
            raise StoreBusyError(
                f"all {MAX_CONNECTIONS} connections to {self.address} were in use for {self._wait_s:g} s",
                hint="try again",
            )
        try:
            session, row = self._begun(begin)
            try:
                with self._translate_errors():
                    yield session, row
            finally:
                self._give_back(session)
        finally:
            self._free.release()

    def _begun(self, begin: str | None) -> tuple[Session, list[Any]]:
        patience = Patience(self._wait_s)
        while True:
            try:
                with self._translate_errors():
                    session = (self._is_prepared and self._take_idle()) or self._opened()
                    try:
                        return session, session.script(begin) if begin else []
                    except BaseException:
                        self._give_back(session)
                        raise
            except LostError as error:
                patience.wait(error)

    def close(self) -> None:
        """Close the idle connections. New ones are opened on the next use."""
        while session := self._take_idle():
            session.connection.close()

    def _take_idle(self) -> Session | None:
        with contextlib.suppress(IndexError):  # another thread may take the last one
            return self._idle.pop()
        return None

    def _give_back(self, session: Session) -> None:
        connection = session.connection
        with contextlib.suppress(psycopg.Error):
            connection.rollback()
        if connection.closed:
            self.close()  # whatever ended this one has ended the others too
        elif connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()  # interrupted in the midst of a statement
        else:
            self._idle.append(session)

    def _opened(self) -> Session:
        wait_ms = max(round(self._wait_s * 1000), 1)
        defaults = {
            "connect_timeout": max(round(self._wait_s), 2),
            "application_name": "budgetctl",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": max(wait_ms, 10_000),
        }
        given = {**defaults, **self.address.parameters}
        connection = psycopg.connect(make_conninfo(**given), autocommit=True, client_encoding="utf8")
        try:
            connection.adapters.register_dumper(int, _IntDumper)
            connection.adapters.register_loader("numeric", _NumericLoader)
            connection.execute(
                # A commit is durable when it is answered, whatever the server's default is.
                f"SET search_path = {functions_schema()}, {SCHEMA}; SET synchronous_commit = on;"
                f" SET lock_timeout = {wait_ms};"
                f" SET statement_timeout = {2 * wait_ms + _LONGEST_CALL_MS};"
                f" SET idle_in_transaction_session_timeout = '{_IDLE_IN_TRANSACTION_S}s'; SET jit = off;"
                f" SET default_transaction_isolation = 'read committed'; {FAST}".encode(),
                prepare=False,
            )
            with self._preparing:
                if not self._is_prepared:
                    self._prepare(connection)
                    self._is_prepared = True
        except BaseException:
            connection.close()
            raise
        return Session(connection)

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self._translated(error) from error
        except UnicodeEncodeError as error:
            raise InvalidValueError("a text has half a character in it (a lone surrogate): give it in UTF-8") from error

    def _translated(self, error: psycopg.Error) -> BudgetctlError:
        reason = self.address.without_password(str(error).strip().split("\n")[0])
        if error.sqlstate in _BUSY:
            return StoreBusyError(
                f"others have held {self.address} for {self._wait_s:g} s; nothing was changed",
                hint="try again, or wait longer: --wait 60",
            )
        if isinstance(error, psycopg.DataError) and error.sqlstate in _NUL:
            return InvalidValueError("a text has a NUL character in it, which PostgreSQL does not keep")
        kind_of_error = (error.sqlstate or "")[:2]
        if kind_of_error in _VALUES:
            return InvalidValueError(f"PostgreSQL does not keep a value: {reason}; nothing was changed")
        if error.sqlstate in _DAMAGED:
            return CorruptStoreError(
                f"{self.address} is damaged: {reason}",
                hint="restore it from a backup; pg_amcheck finds what else is damaged",
            )
        if error.sqlstate == _PRUNED:
            self._is_prepared = False
        lost = error.sqlstate in _AGAIN or (error.sqlstate is None and isinstance(error, psycopg.OperationalError))
        # Of what a server says before there is a connection, only the text is known.
        refused = error.sqlstate is None and "FATAL:" in reason and not _GOING_UP_OR_DOWN.search(reason)
        others = StatementError if kind_of_error in _OWN else StoreUnavailableError
        kind = LostError if lost and not refused else others
        hint = "check the address, the password (PGPASSFILE) and whether the server runs"
        if error.sqlstate in _UNPREPARED:
            hint = f"PgBouncer must pool sessions (pool_mode = session); without one, is the schema {SCHEMA} gone?"
        return kind(f"cannot use the store {self.address}: {reason}; nothing was changed", hint=hint)


class _IntDumper(Dumper):
    """An integer of any size, whose type follows from where it stands."""

    def dump(self, obj: int) -> bytes:
        return b"%d" % obj


class _NumericLoader(Loader):
    """An amount: no column has decimals."""

    def load(self, data: Any) -> int:
        return int(bytes(data))


# A child of a fork has copies of the parent's connections: to use or close one would harm the parent's.

_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_registry = threading.Lock()
_inherited: list[list[Session]] = []


def _after_fork_in_child() -> None:
    global _registry  # noqa: PLW0603  # it may not have survived the fork
    _registry = threading.Lock()
    for connections in _all:
        _inherited.append(connections._idle)
        connections._begin_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
