"""The store of a project on a server that speaks litellm's protocol alone: two requests, for all records at once.

Each operation loads the records, and a change posts all of them again. Changes that others have posted in between are
lost, which the protocol has nothing to prevent. Operations that it does not have, such as holds, limits and history,
are errors.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.ledger.records import change_of, record_of
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest, IfExists, SortKey
from budgetctl.ledger.values import Budget, Charge, ProjectSummary, Reset
from budgetctl.stores.remote.link import Link, OddAnswerError
from budgetctl.stores.sqlite.file import connect_empty
from budgetctl.stores.sqlite.store import SqliteStore, system_clock

if TYPE_CHECKING:
    import sqlite3

    from budgetctl.ledger.holds import Decision
    from budgetctl.money import Picodollars

T = TypeVar("T")


class LitellmStore:
    """The operations of a store that such a server can do. `__getattr__` answers for all others."""

    def __init__(self, link: Link, project: str) -> None:
        self.project = project
        self._link = link

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        """Raise an error for an operation, and say so when it is asked for."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *_, **__: self._refuse(f"cannot do this ({name.replace('_', ' ')})")

    def is_answered(self) -> bool:
        """Whether the server speaks the protocol."""
        try:
            self._loaded()
        except BudgetctlError:
            return False
        return True

    def now_us(self) -> int:
        """This machine's clock: the protocol tells no other."""
        return system_clock()

    def change_token(self) -> object:
        """The stored records: the token changes with every change, also with this store's own."""
        return json.dumps(self._loaded(), sort_keys=True)

    def exists(self) -> bool:
        """Whether anything was ever stored for the project."""
        return self._loaded() is not None

    def create_budget(self, user: str, change: BudgetChange, *, if_exists: IfExists) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new."""
        self._check(user, change)
        return self._change(lambda store: store.create_budget(user, change, if_exists=if_exists))

    def create_budgets(self, changes: Sequence[tuple[str, BudgetChange]]) -> list[bool]:
        """Create budgets for those who have none, and say who was new."""
        for user, change in changes:
            self._check(user, change)
        return self._change(lambda store: store.create_budgets(changes))

    def change_budget(self, user: str, change: BudgetChange) -> Budget:
        """Change what `change` states."""
        self._check(user, change)
        return self._change(lambda store: store.change_budget(user, change))

    def delete_budget(self, user: str) -> None:
        """Delete the budget."""
        self._change(lambda store: store.delete_budget(user))

    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""
        with self._copy() as store:
            return store.budget(user)

    def budgets(
        self,
        *,
        after: str | None = None,
        after_value: int | None = None,
        sort: SortKey = "user",
        over: bool = False,
        due: bool = False,
    ) -> Iterator[Budget]:
        """All budgets as they stood when the first was asked for."""
        with self._copy() as store:
            yield from store.budgets(after=after, after_value=after_value, sort=sort, over=over, due=due)

    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost: it is added to what the user has spent, and no entry of it is kept."""
        if request.key is not None:
            self._refuse(
                "cannot know whether this was charged before",
                hint="charge it without a key: by --again, and without --id",
            )
        return self._change(lambda store: store.charge(request))

    def check(self, user: str, cost: Picodollars | None, model: str | None, called: tuple[str, ...] = ()) -> Decision:
        """Whether the budget would allow a cost now."""
        with self._copy() as store:
            return store.check(user, cost, model, called)

    def reset(self, user: str) -> Reset:
        """Start again from nothing spent."""
        return self._change(lambda store: store.reset(user))

    def reset_next(self, after: str | None) -> list[Reset]:
        """Reset the next users behind that one."""
        return self._change(lambda store: store.reset_next(after))

    def due(self, *, after: tuple[str, str] | None = None) -> Iterator[Reset]:
        """The resets that `reset_due` would make now."""
        with self._copy() as store:
            yield from store.due(after=after)

    def reset_due(self, *, clock_is_right: bool = False) -> int:
        """Roll every window that has passed."""
        return self._change(lambda store: store.reset_due(clock_is_right=clock_is_right))

    def summary(self) -> ProjectSummary:
        """How many users the project has and what they have spent."""
        with self._copy() as store:
            return store.summary()._replace(location=self._link.address, size_bytes=0)

    # Within

    def _check(self, user: str, change: BudgetChange) -> None:
        if user == PROJECT or change.parent is not None or change.warn_at is not None:
            self._refuse("keeps no cap, parents and thresholds")
        if change.align == "calendar" or change.zone is not None:
            self._refuse("keeps no calendars and time zones")

    def _refuse(self, what: str, *, hint: str | None = None) -> NoReturn:
        raise InvalidValueError(
            f"{self._link.address} speaks litellm's protocol alone, which {what}",
            hint=hint or "use a budgetctl server: budgetctl serve",
        )

    def _loaded(self) -> dict[str, Any] | None:
        """The records by user, or None when there is no such project."""
        document = self._link.post("/get_budget", {"project_name": self.project}).document
        if "status" not in document:
            raise OddAnswerError(f"{self._link.address} is no server of budgets", hint="check the address")
        data = document.get("data") if document["status"] == "success" else None
        if not isinstance(data, dict | None):
            raise self._link.odd("something else than records of users")
        return data

    @contextlib.contextmanager
    def _copy(self) -> Iterator[_Copy]:
        """A store in memory with the server's records."""
        store = _Copy(self.project)
        try:
            records = self._loaded()
            if records is not None:
                with self._link.reading():
                    store.create_budgets([(user, change_of(record, None)) for user, record in records.items()])
            yield store
        finally:
            store.close()

    def _change(self, act: Callable[[_Copy], T]) -> T:
        """Change a copy of the records, and post the copy."""
        with self._copy() as store:
            done = act(store)
            records = {budget.user: record_of(budget) for budget in store.budgets()}
            for record in records.values():
                change_of(record, None)  # what cannot be read back is not posted
        answer = self._link.post("/set_budget", {"project_name": self.project, "user_dict": records}).document
        if answer.get("status") != "success":
            raise OddAnswerError(f"{self._link.address} did not take the change", hint="try again")
        return done


class _Copy(SqliteStore):
    """A store in memory."""

    def __init__(self, project: str) -> None:
        super().__init__(Path("copy"), project)

    def size_bytes(self) -> int:
        """Nothing of it is on a disk."""
        return 0

    @contextlib.contextmanager
    def _in_line(self, *, create: bool) -> Iterator[None]:  # noqa: ARG002
        yield

    def _connected(self, *, create: bool = False) -> sqlite3.Connection:  # noqa: ARG002
        if self._connection is None:
            self._connection = connect_empty()
        return self._connection
