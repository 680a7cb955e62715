"""The PostgreSQL driver: many machines, one database, one round trip for each of the operations that have to be fast.

The fast operations are functions in the database (`sql/functions.sql`, which also says in which order locks are taken).
They do the common case. To all others they answer `slow`: the shared code then does the request under the same locks.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from budgetctl.errors import BudgetctlError, InvalidValueError, StoreUnavailableError
from budgetctl.ledger import decisions, windows
from budgetctl.ledger.matching import means, names_of_call
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, ReleaseRequest, Request
from budgetctl.ledger.values import Charge, Reset
from budgetctl.stores.patience import Patience
from budgetctl.stores.postgres.calls import answered, standings_from, statement, with_key
from budgetctl.stores.postgres.changes import FINISHED, OwnTransactions
from budgetctl.stores.postgres.commits import CutOffError, Mark, commit, require_committed, retried, retry_marked
from budgetctl.stores.postgres.connections import ORDINARY, Connections, Session, StatementError
from budgetctl.stores.postgres.functions import SCHEMA, qualified, upgrade
from budgetctl.stores.postgres.schema import migrate
from budgetctl.stores.postgres.url import ServerAddress
from budgetctl.stores.sql import operations
from budgetctl.stores.sql.clock import MAX_PAUSE_US
from budgetctl.stores.sql.rows import unknown_user
from budgetctl.stores.sql.standings import decided
from budgetctl.stores.sql.store import SqlStore
from budgetctl.stores.sql.transaction import Transaction, WholeProjectNeededError

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Decision, Hold, HoldRequest
    from budgetctl.ledger.values import Budget
    from budgetctl.money import Picodollars


_REFUSALS = (InvalidValueError, StatementError)
"""Errors of one request, which it would raise again, however the others are done."""


@retry_marked
class PostgresStore(SqlStore):
    """A project's store in a PostgreSQL database, whose tables are made on the first use."""

    is_near = False
    concurrent_writes = 4

    def __init__(self, url: str, project: str, *, wait_s: float = 10.0, clock: Callable[[], int] | None = None) -> None:
        self.project = project
        self._address = ServerAddress(url)
        self._wait_s = wait_s
        self._clock = clock
        self._connections = Connections(self._address, wait_s, migrate)
        self._own = OwnTransactions()
        self._joined = threading.local()

    def patience(self) -> Patience:
        """The tries after the server was lost: none within a transaction, where its beginner decides."""
        return Patience(0 if self._transaction_of_thread() else self._wait_s)

    def location(self) -> str:
        """The database, without a password."""
        return str(self._address)

    def close(self) -> None:
        """Close the connections. They are opened again on the next use."""
        self._connections.close()

    # Transactions

    @contextlib.contextmanager
    def read(self) -> Iterator[Transaction]:
        """A snapshot."""
        if joined := self._transaction_of_thread():
            yield joined
            return
        begin = f"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {ORDINARY}; {_clock()}"
        with self._connections.session(begin) as (session, (now_us,)):
            yield self._transaction(session, now_us)

    @contextlib.contextmanager
    def write(self, *, create: bool = False, user: str | None = None) -> Iterator[Transaction]:
        """A transaction, durable when the outermost block has ended.

        It locks the rows of a user and of those above, or without one the whole project.
        """
        if joined := self._transaction_of_thread():
            yield joined
            return
        with self._own.transaction() as own:
            try:
                with self._connections.session(f"BEGIN; {ORDINARY}; {_clock()}") as (session, (now_us,)):
                    tx = self._transaction(session, now_us)
                    if tx.project is None and create:
                        tx.project = _create_project(tx, self.project)
                    if tx.project is not None:
                        tx.now_us = _lock(tx, user, self._now())
                        tx.has_whole_project = user is None
                    self._joined.tx = tx
                    try:
                        yield tx
                    finally:
                        self._joined.tx = None
                    if tx.project is not None:
                        mark = Mark.new(tx.project, now_us)
                        commit(session, mark, sweep=user is None)
                    session.project = tx.project
            except CutOffError:
                require_committed(self._connections, mark)
            own.finished = 0 if tx.project is None else 1

    def _transaction_of_thread(self) -> Transaction | None:
        """The write transaction that this thread is in."""
        joined: Transaction | None = getattr(self._joined, "tx", None)
        return joined

    def _transaction(self, session: Session, now_us: int) -> Transaction:
        if session.project is None:
            row = session.execute("SELECT project FROM projects WHERE name = :name", {"name": self.project}).fetchone()
            session.project = row and row[0]
        return Transaction(session, session.project, self._clock() if self._clock else now_us)

    # What the shared code does, done again when the server was lost: beside these, all that `retry_marked` finds

    once = retried(SqlStore.once)
    accept = retried(SqlStore.accept)
    conclude_saves = retried(SqlStore.conclude_saves)

    def unreported_resets(self, *, after: int | None = None) -> Iterator[tuple[int, Reset]]:
        """Every recorded reset since the last `report_resets`, oldest first.

        An entry may have a lower place than one that was committed before it. While nobody else writes, none is left
        out below the highest.
        """
        with self.write() as tx:
            row = tx.one("SELECT MAX(entry) FROM entries WHERE project = :project")
        highest = row[0] if row else None
        for place, reset in super().unreported_resets(after=after):
            if highest is None or place > highest:
                return
            yield place, reset

    # What is PostgreSQL's own

    def _plan_for_all(self, tx: Transaction) -> None:
        """Plan without nested loops, which would make a project's sums again for each limit.

        The planner chooses them for a project that its statistics do not know yet, as it looks empty.
        """
        tx.run("SET LOCAL enable_nestloop = off")

    @retried
    def now_us(self) -> int:
        """The database's clock."""
        if self._clock:
            return self._clock()
        with self._connections.session(_clock()) as (_, (now_us,)):
            return int(now_us)

    @retried
    def change_token(self) -> object:
        """Another connection's commit changes it, this store's own do not."""
        state = self._own.state()
        with self._connections.session(FINISHED) as (_, (finished,)):
            epoch, own, is_quiet = self._own.state()
            return (epoch, finished - own) if (epoch, own, is_quiet) == state and is_quiet else object()

    @retried
    def size_bytes(self) -> int:
        """The size of all tables in bytes, whatever their projects."""
        sizes = (
            f"SELECT SUM(pg_total_relation_size(c.oid)) FROM pg_class c WHERE c.relnamespace = '{SCHEMA}'::regnamespace"
        )
        with self._connections.session(sizes + " AND c.relkind = 'r'") as (_, (size,)):
            return int(size)

    @retried
    def upgrade(self, *, prune: bool = False) -> list[str]:
        """Bring the database up to date, and let all who may use its tables use the functions of this version.

        With `prune`, drop the functions of all other versions. Returns the names of the schemas that were dropped.
        """
        with self._connections.session() as (session, _):
            return upgrade(session.connection, prune=prune)

    @retried
    def projects(self) -> list[str]:
        """The projects that the database holds, by name."""
        with self.read() as tx:
            return [name for (name,) in tx.all("SELECT name FROM projects ORDER BY name")]

    @retried
    def check(self, user: str, cost: Picodollars | None, model: str | None, called: tuple[str, ...] = ()) -> Decision:
        """Whether all limits would allow a cost now."""
        names = names_of_call(called, model)
        with self._connections.session() as (session, _):
            project = self._transaction(session, 0).project
            values = {"project": project, "now": self._now(), "user": user}
            row = session.execute(f"SELECT {qualified('look')}(:project, :now, :user)", values).fetchone()
        found = row[0] if row else {}
        if not found.get("standings"):
            raise unknown_user(user)
        now_us, updated_us, standings = found["at_us"], found["updated_us"], standings_from(found["standings"])
        is_unclear = any(windows.has_ended_top_ups(standing.limit, now_us) for standing in standings)
        if is_unclear or now_us - updated_us > MAX_PAUSE_US:
            with self.read() as tx:
                return decided(tx, user, cost, names)
        standings = tuple(each._replace(limit=windows.rolled(each.limit, now_us)) for each in standings)
        decision = decisions.decide(user, standings, cost, names, now_us)
        if decision.reason != "held":
            return decision
        with self.read() as tx:  # which finds the holds as they stand with the limits
            return decided(tx, user, cost, names)

    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost, once for each key."""
        return cast("Charge", self._perform(with_key(request)))

    def reserve(self, request: HoldRequest) -> Hold:
        """Set money aside, if all limits allow it."""
        return cast("Hold", self._perform(request))

    def commit(self, hold_id: str, request: ChargeRequest) -> Charge:
        """Record what a call did cost, and let go of what was set aside for it."""
        return cast("Charge", self._perform(with_key(CommitRequest(hold_id, request))))

    def release(self, hold_id: str) -> Hold:
        """Let go of what was set aside."""
        return cast("Hold", self._perform(ReleaseRequest(hold_id)))

    def apply(self, requests: Sequence[Request]) -> list[Answer | BudgetctlError]:
        """Do all that is asked for, in as few transactions as have to be.

        A slow request has a transaction of its own, between one for the requests before it and one for those after. So
        all are done in their order, and all are durable before any is answered.
        """
        return self._perform_all([with_key(request) for request in requests])

    @retried
    def apply_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Do all requests in one transaction, or none of them. Others wait for it only where they share its limits."""
        users = {request.user if isinstance(request, ChargeRequest) else None for request in requests}
        try:
            with self.write(user=users.pop() if len(users) == 1 else None) as tx:
                return operations.perform_all(tx, self.project, requests)
        except WholeProjectNeededError:
            with self.write() as tx:
                return operations.perform_all(tx, self.project, requests)

    def _perform(self, request: Request) -> Answer:
        if joined := self._transaction_of_thread():
            return operations.perform(joined, self.project, request)
        (answer,) = self._perform_all([request])
        if isinstance(answer, BudgetctlError):
            raise answer
        return answer

    @retried
    def _perform_all(self, requests: list[Request]) -> list[Answer | BudgetctlError]:
        """Do a list. A list that the database refuses is halved until the request alone is left that is to blame."""
        done: list[Answer | BudgetctlError] = []
        most = len(requests)
        while left := requests[len(done) : len(done) + most]:
            sql, asked = statement(left)
            budgets: dict[str, Budget] = {}
            try:
                answers = self._call(sql, **asked) or [{"what": "slow", "user": None}]
            except _REFUSALS as error:
                if len(left) == 1:
                    done.append(error)
                most = len(left) // 2 or len(requests)
                continue
            for answer in answers:
                request = requests[len(done)]
                try:
                    if answer["what"] == "unmatched":
                        self._match(answer["names"], answer["patterns"])
                    elif answer["what"] == "slow":
                        done.append(self._perform_slowly(request, answer["user"]))
                    else:
                        done.append(answered(self.project, request, answer, budgets))
                except BudgetctlError as error:
                    if isinstance(error, StoreUnavailableError) and not isinstance(error, _REFUSALS):
                        raise
                    done.append(error)
        return done

    def _call(self, sql: str, **values: Any) -> list[Any]:
        """The answers of a function in the database, in a transaction of its own; none without a project."""
        with self._own.transaction() as own, self._connections.session() as (session, _):
            values |= {"project": self._transaction(session, 0).project, "now": self._now()}
            if values["project"] is None:
                own.finished = 0
                return []
            rows = session.execute(f"{sql}, pg_current_xact_id_if_assigned() IS NOT NULL", values).fetchall()
            own.finished = int(any(has_written for _, has_written in rows))
            return [answer for answer, _ in rows]

    def _perform_slowly(self, request: Request, user: str | None) -> Answer:
        """Do a request by the shared code, under the lock of the user's chain or, without one, the project's."""
        try:
            with self.write(user=user) as tx:
                answer = operations.perform(tx, self.project, request)
        except WholeProjectNeededError:
            return self._perform_slowly(request, None)
        key = request.key if isinstance(request, ChargeRequest) else None
        if isinstance(answer, Charge) and key and key.kind == "operation" and answer.cost is None:
            return answer._replace(replayed=False)  # nobody but this store asked before
        return answer

    def _match(self, names: str, patterns: Sequence[str]) -> None:
        """Note whether patterns mean a model of some names, which the database cannot tell."""
        with self._own.transaction() as own, self._connections.session() as (session, _):
            for pattern in sorted({pattern for pattern in patterns if pattern is not None}):
                session.execute(
                    "INSERT INTO model_matches (project, key, matches)"
                    f" VALUES (:project, {qualified('match_key')}(:pattern, :names), :matches) ON CONFLICT DO NOTHING",
                    {
                        "project": session.project,
                        "pattern": pattern,
                        "names": names,
                        "matches": means(pattern, names),
                    },
                )
            own.finished = None

    def _now(self) -> int | None:
        return self._clock() if self._clock else None


def _clock() -> str:
    return f"SELECT {qualified('clock_us')}()"


def _create_project(tx: Transaction, name: str) -> int:
    row = tx.one(
        "INSERT INTO projects (name, created_us) VALUES (:name, :now) ON CONFLICT DO NOTHING RETURNING project",
        name=name,
    ) or tx.one("SELECT project FROM projects WHERE name = :name", name=name)
    if row is None:
        raise ValueError("a project that was there is gone")
    return int(row[0])


def _lock(tx: Transaction, user: str | None, now_us: int | None) -> int:
    """Lock the project, or the chain of a user, and return the time."""
    function = "lock_project" if user is None else "share_project"
    row = tx.one(f"SELECT {qualified(function)}(:project, :stated)", stated=now_us)
    if user is not None:
        tx.one(f"SELECT {qualified('lock_chain')}(:project, :user)", user=user)
    return int(row[0]) if row else tx.now_us
