"""Commits whose outcome is known also after a lost connection, and operations that are tried again.

A transaction leaves a mark, a row of its own: a client that was cut off while committing looks for the mark.
`pg_xact_status` would not do: a server that crashes before the transaction is on its disk may give the transaction's
number to another one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar, cast
from uuid import uuid4

import psycopg

from budgetctl.errors import StoreUnavailableError
from budgetctl.ledger.store import asked_operations
from budgetctl.stores.patience import Patience
from budgetctl.stores.postgres.connections import Connections, LostError, Session
from budgetctl.stores.postgres.functions import qualified

_LASTS_US = 3_600_000_000


class Patient(Protocol):
    """An object that says for how long its operations are tried again."""

    def patience(self) -> Patience:
        """Begin to try."""


P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


def retried(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """The method, done again whenever the server was lost before anything was changed."""

    @wraps(method)
    def again(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        patience = cast("Patient", self).patience()
        while True:
            try:
                return method(self, *args, **kwargs)
            except LostError as error:
                patience.wait(error)

    return again


def retry_marked(store: type[S]) -> type[S]:
    """A store whose shared operations are done again, as `retried` does: those that are read, or done once.

    Operations in batches and lists in pages are not: a part of them may be done, or told, already.
    """
    for name, asked in asked_operations().items():
        if asked.kind in ("read", "once") and not asked.is_iterated and name not in vars(store):
            setattr(store, name, retried(getattr(store, name)))
    return store


class CutOffError(Exception):
    """The server was lost in the midst of a commit."""


class Mark(NamedTuple):
    """A row that says that a transaction of a project has committed."""

    project: int
    made_us: int
    mark: str

    @classmethod
    def new(cls, project: int, now_us: int) -> Mark:
        """A mark that no other transaction has."""
        return cls(project, now_us, uuid4().hex)


def commit(session: Session, mark: Mark, *, sweep: bool) -> None:
    """Leave the mark and commit, in one round trip.

    `sweep` also removes old marks, which only a transaction may that has the whole project locked.
    """
    old = f"DELETE FROM marks WHERE project = {mark.project} AND made_us < {mark.made_us - _LASTS_US};"
    try:
        session.script(
            f"{old if sweep else ''} INSERT INTO marks VALUES ({mark.project}, {mark.made_us}, '{mark.mark}'); COMMIT"
        )
    except psycopg.OperationalError as error:
        if session.connection.closed:
            raise CutOffError from error
        raise


def require_committed(connections: Connections, mark: Mark) -> None:
    """Return if the transaction has committed.

    Raises `LostError` if it has not, and `StoreUnavailableError` if nobody knows.
    """
    try:
        with connections.session("BEGIN") as (session, _):
            # Whatever has become of the transaction, it still has this lock if it is not over.
            session.execute(f"SELECT {qualified('lock_project')}(:project, NULL)", mark._asdict())
            row = session.execute(
                "SELECT 1 FROM marks WHERE project = :project AND made_us = :made_us AND mark = :mark", mark._asdict()
            ).fetchone()
    except StoreUnavailableError as error:
        raise StoreUnavailableError(
            f"{connections.address} was lost while a change was committed: it may have been made, or not",
            hint="look whether it was before you try again",
        ) from error
    if row is None:
        raise LostError(f"{connections.address} was lost before a change was committed; nothing was changed")
