"""Reads and administration of a store, in SQL that both databases understand.

A driver subclasses `SqlStore`: it provides `read` and `write` transactions and the operations that have to be fast.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from budgetctl import ledger
from budgetctl.errors import InvalidValueError, UnknownUserError
from budgetctl.models import PRIMARY, Budget, Charge, Entry, ProjectSummary, Reset
from budgetctl.money import PICODOLLARS_PER_USD, Picodollars
from budgetctl.stores.base import PROJECT, BudgetChange, IfExists, SortKey
from budgetctl.stores.rows import (
    ENTRY_COLUMNS,
    HOLDER_COLUMNS,
    HOLDER_WIDTH,
    LIMIT_COLUMNS,
    Holder,
    already_exists,
    entry_from_row,
    find_holder,
    limit_from_row,
    reset_from_row,
    spent_by_model,
    standings_of,
    stored_model_totals,
    unknown_user,
    without_expired,
)
from budgetctl.stores.transaction import Transaction

if TYPE_CHECKING:
    from budgetctl.audit import Correction, CorrectionRequest, Crossing, Difference, HistoryFilter
    from budgetctl.permission import Hold

_PAGE = 1_000
_SORTED_PAGE = 20_000
"""Each sorted page scans all budgets, so that nothing is held open between two: few large pages."""

_SPENT = "CASE WHEN l.window_end_us <= :now THEN 0 ELSE l.spent END"
_SORT_EXPRESSIONS: dict[SortKey, str] = {
    "spent": _SPENT,
    "budget": "l.amount",
    "remaining": (
        f"{_SPENT} + l.held - l.amount - (SELECT COALESCE(SUM(x.amount), 0) FROM hold_postings x"
        " WHERE x.project = l.project AND x.limit_id = l.limit_id AND x.expires_us <= :now)"
    ),
}
_PRIMARY_LIMITS = (
    "holders h JOIN limits l ON l.project = h.project AND l.holder = h.holder"
    f" AND l.name = '{PRIMARY}' AND l.deleted_us = 0"
)


class SqlStore(ABC):
    """A store on a SQL database."""

    project: str

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """A snapshot to read from."""

    @abstractmethod
    def write(self, *, create: bool = False) -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end of the block, or leaves nothing behind.

        `create` makes the store and the project, should they not be there. Otherwise there is nothing to change, and
        nothing is made.
        """

    @abstractmethod
    def now_us(self) -> int:
        """The store's time."""

    def exists(self) -> bool:
        """Whether anything was ever stored for the project."""
        with self.read() as tx:
            return tx.project is not None

    def create_budget(self, user: str, change: BudgetChange, *, if_exists: IfExists) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new."""
        from budgetctl.stores.account import Account

        with self.write(create=True) as tx:
            try:
                account = Account.open(tx, user)
            except UnknownUserError:
                account = Account.create(tx, user, change)
                account.save()
                return account.budget(self.project), True
            if if_exists == "error":
                raise already_exists(user, change.amount)
            if if_exists == "change":
                account.change(change._replace(created_us=None))
            account.save()
            return account.budget(self.project), False

    def create_budgets(self, changes: Sequence[tuple[str, BudgetChange]]) -> list[bool]:
        """Create budgets for those who have none, all in one transaction, and say who was new."""
        from budgetctl.stores.account import Account

        created = []
        with self.write(create=True) as tx:
            for user, change in changes:
                is_new = not tx.one(
                    "SELECT 1 FROM holders WHERE project = :project AND name = :user AND deleted_us = 0",
                    user=user,
                )
                if is_new:
                    Account.create(tx, user, change).save()
                created.append(is_new)
        return created

    def change_budget(self, user: str, change: BudgetChange) -> Budget:
        """Change what `change` states."""
        from budgetctl.stores.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            account.change(change)
            account.save()
            return account.budget(self.project)

    def add_limit(self, user: str, name: str, change: BudgetChange, models: str | None) -> Budget:
        """Give the user another limit."""
        from budgetctl.stores.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            account.add_limit(name, change, models)
            account.save()
            return account.budget(self.project)

    def remove_limit(self, user: str, name: str) -> Budget:
        """Take a limit away. Its entries stay."""
        from budgetctl.stores.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            account.remove_limit(name)
            account.save()
            return account.budget(self.project)

    def delete_budget(self, user: str) -> None:
        """Delete the budget, and keep its entries."""
        from budgetctl.stores.holds import release_all
        from budgetctl.stores.structure import has_children

        with self.write() as tx:
            found = find_holder(tx, user)
            if has_children(tx, found):
                raise InvalidValueError(f"{user} is the parent of others, and cannot be deleted before they are moved")
            release_all(tx, found)
            holder = found.holder
            # It tells the deleted of one name apart, also where the clock stands still or goes back.
            row = tx.one("SELECT MAX(deleted_us) FROM holders WHERE project = :project AND name = :user", user=user)
            deleted_us = max(tx.now_us, row[0] + 1 if row else 1)
            for table in ("holders", "limits"):
                tx.run(
                    f"UPDATE {table} SET deleted_us = :deleted_us WHERE project = :project AND holder = :holder"
                    " AND deleted_us = 0",
                    deleted_us=deleted_us,
                    holder=holder,
                )

    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""
        with self.read() as tx:
            holder = find_holder(tx, user)
            standings = standings_of(tx, holder)
            limit = next(each for owner, each in standings if owner == user and each.name == PRIMARY)
            budget = holder.budget(self.project, limit, spent_by_model(tx, limit))
            return budget._replace(standings=standings)

    def budgets(
        self, *, after: str | None = None, sort: SortKey = "user", over: bool = False, due: bool = False
    ) -> Iterator[Budget]:
        """All budgets, page by page."""
        filters = [f"{_SPENT} >= l.amount"] if over else []
        filters += ["l.window_end_us <= :now"] if due else []
        order, size = "h.name", _PAGE
        position: dict[str, Any] = {"after_user": after}
        if sort != "user":
            key = _SORT_EXPRESSIONS[sort]
            order, size = f"{key} DESC, h.name", _SORTED_PAGE
            position["after_key"] = None if after is None else _sort_value(sort, self.budget(after))
        while True:
            where = list(filters)
            if position["after_user"] is not None:
                behind = "h.name > :after_user"
                where.append(behind if sort == "user" else f"({key} < :after_key OR ({key} = :after_key AND {behind}))")
            with self.read() as tx:
                page = self._page(tx, " AND ".join(where) or "1 = 1", position, order, size)
            yield from page
            if len(page) < size:
                return
            position["after_user"] = page[-1].user
            if sort != "user":
                position["after_key"] = _sort_value(sort, page[-1])

    def holds(self, user: str | None = None, *, resolved: bool = False) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved` all that there ever were."""
        from budgetctl.stores.holds import holds_of

        after = 0
        while True:
            with self.read() as tx:
                holder = None if user is None else find_holder(tx, user)
                page = holds_of(tx, holder, resolved=resolved, after=after, page=_PAGE)
            yield from (hold for _, hold in page)
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def charges(
        self, model: str, *, user: str | None = None, since_us: int | None = None
    ) -> Iterator[tuple[str, Entry, Picodollars]]:
        """Entries of charges that have a usage, for models of that pattern."""
        from budgetctl.stores.corrections import charges_of

        return charges_of(self.read, model, user, since_us)

    def correct(self, requests: Sequence[CorrectionRequest]) -> list[Correction]:
        """Make up the differences by entries that count where the corrected ones do."""
        from budgetctl.stores.corrections import correct

        with self.write() as tx:
            return correct(tx, requests)

    def reset(self, user: str) -> Reset:
        """Close the current generation of each of the user's limits."""
        from budgetctl.stores.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            reset = account.reset()
            account.save()
            return reset

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, in batches of a transaction each."""
        from budgetctl.stores.account import Account

        after = ""
        while True:
            with self.write() as tx:
                users = tx.all(
                    "SELECT name FROM holders WHERE project = :project AND deleted_us = 0 AND name > :after"
                    " ORDER BY name LIMIT :page",
                    after=after,
                    page=_PAGE,
                )
                resets = []
                for (user,) in users:
                    account = Account.open(tx, user)
                    resets.append(account.reset())
                    account.save()
            yield from resets
            if len(users) < _PAGE:
                return
            after = users[-1][0]

    def due(self) -> Iterator[Reset]:
        """What `reset_due` would reset now."""
        from budgetctl.stores.rollover import due_resets

        return due_resets(self.read)

    def reset_due(self) -> int:
        """Roll every window that has passed."""
        from budgetctl.stores.rollover import roll_due

        return roll_due(self.read, self.write)

    def unreported_resets(self) -> Iterator[tuple[int, Reset]]:
        """Every recorded reset since the last `report_resets`, oldest first."""
        after: int | None = None
        while True:
            with self.read() as tx:
                if after is None:
                    row = tx.one("SELECT reported_entry FROM projects WHERE project = :project")
                    after = row[0] if row else 0
                rows = tx.all(
                    f"SELECT e.entry, h.name, {ENTRY_COLUMNS} FROM entries e JOIN holders h ON h.project = e.project"
                    " AND h.holder = e.holder JOIN limits l ON l.project = e.project AND l.limit_id = e.closed_limit"
                    " LEFT JOIN models m ON m.project = e.project AND m.model = e.model"
                    " WHERE e.project = :project AND e.closed_limit IS NOT NULL AND e.entry > :after"
                    " ORDER BY e.entry LIMIT :page",
                    after=after,
                    page=_PAGE,
                )
            for entry, user, *columns in rows:
                yield entry, reset_from_row(user, tuple(columns))
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def report_resets(self, place: int) -> None:
        """Take resets up to that place as reported."""
        with self.write() as tx:
            tx.run(
                "UPDATE projects SET reported_entry = :place WHERE project = :project AND reported_entry < :place",
                place=place,
            )

    def refund(self, user: str, number: int | None, amount: Picodollars | None, note: str | None) -> Charge:
        """Take a cost back."""
        from budgetctl.stores.account import Account
        from budgetctl.stores.corrections import refund

        with self.write() as tx:
            account = Account.open(tx, user)
            entry = refund(account, number, amount, note)
            account.save()
            return Charge(entry, account.budget(self.project))

    def crossings(self) -> Iterator[Crossing]:
        """The soft limits that are crossed, and were not told in this window."""
        from budgetctl.stores import thresholds

        after: int | None = 0
        while after is not None:
            with self.read() as tx:
                found, after = thresholds.crossed(tx, after)
            yield from found

    def tell(self, crossing: Crossing) -> bool:
        """Note that it was told, and say whether it was not yet."""
        from budgetctl.stores import thresholds

        with self.write() as tx:
            return thresholds.tell(tx, crossing)

    def forget(self, crossing: Crossing) -> None:
        """Take back that it was told."""
        from budgetctl.stores import thresholds

        with self.write() as tx:
            thresholds.forget(tx, crossing)

    def verify(self) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings, in one snapshot."""
        from budgetctl.stores.verifying import differences

        with self.read() as tx:
            found = list(differences(tx))
        yield from found

    def repair(self) -> list[Difference]:
        """Set all counters to the sums of their postings, and say which were not."""
        from budgetctl.stores.verifying import repair

        with self.write() as tx:
            return repair(tx)

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first, those of a deleted budget too."""
        holder: int | None = None
        where, values = _wanted(wanted)
        pattern = None if wanted is None else wanted.model
        while True:
            with self.read() as tx:
                if holder is None:
                    row = tx.one(
                        "SELECT holder FROM holders WHERE project = :project AND name = :user"
                        " ORDER BY holder DESC LIMIT 1",
                        user=user,
                    )
                    if row is None:
                        raise unknown_user(user)
                    holder = row[0]
                rows = tx.all(
                    f"SELECT {ENTRY_COLUMNS} FROM entries e"
                    " LEFT JOIN models m ON m.project = e.project AND m.model = e.model"
                    " LEFT JOIN limits l ON l.project = e.project AND l.limit_id = e.closed_limit"
                    " WHERE e.project = :project AND e.holder = :holder"
                    + (" AND e.number < :before" if before is not None else "")
                    + where
                    + " ORDER BY e.number DESC LIMIT :page",
                    holder=holder,
                    before=before,
                    page=_PAGE,
                    **values,
                )
            for entry in map(entry_from_row, rows):
                if pattern is None or (entry.model is not None and fnmatchcase(entry.model, pattern)):
                    yield entry
            if len(rows) < _PAGE:
                return
            before = rows[-1][0]

    def summary(self) -> ProjectSummary:
        """How many users there are and what they have spent in their current windows."""
        with self.read() as tx:
            # Summed as dollars and the rest: a 64-bit sum of picodollars overflows at $9.2 million.
            row = tx.one(
                f"SELECT COUNT(*), SUM(({_SPENT}) / {PICODOLLARS_PER_USD}), SUM(({_SPENT}) % {PICODOLLARS_PER_USD})"
                f" FROM {_PRIMARY_LIMITS} WHERE h.project = :project AND h.deleted_us = 0 AND h.name <> '{PROJECT}'"
            )
        users, dollars, rest = row or (0, 0, 0)
        spent = Picodollars((dollars or 0) * PICODOLLARS_PER_USD + (rest or 0))
        return ProjectSummary(self.project, users, spent, self.size_bytes(), self.location())

    @abstractmethod
    def size_bytes(self) -> int:
        """What the store takes on disk."""

    @abstractmethod
    def location(self) -> str:
        """Where the store is, for a person; never with a password."""

    def _page(self, tx: Transaction, where: str, parameters: dict[str, Any], order: str, size: int) -> list[Budget]:
        rows = tx.all(
            f"SELECT {HOLDER_COLUMNS}, {LIMIT_COLUMNS} FROM {_PRIMARY_LIMITS}"
            f" WHERE h.project = :project AND h.deleted_us = 0 AND h.name <> '{PROJECT}' AND {where}"
            f" ORDER BY {order} LIMIT :page",
            page=size,
            **parameters,
        )
        limits = without_expired(tx, [limit_from_row(row[HOLDER_WIDTH:]) for row in rows])
        totals = stored_model_totals(tx, [limit.limit_id for limit in limits if not ledger.is_due(limit, tx.now_us)])
        return [
            Holder(*row[:HOLDER_WIDTH]).budget(
                self.project, ledger.rolled(limit, tx.now_us), totals.get(limit.limit_id, {})
            )
            for row, limit in zip(rows, limits, strict=True)
        ]


def _wanted(wanted: HistoryFilter | None) -> tuple[str, dict[str, Any]]:
    """The conditions of a filter that a database can check."""
    if wanted is None:
        return "", {}
    conditions = {
        "since": (" AND e.at_us >= :since", wanted.since_us),
        "until": (" AND e.at_us < :until", wanted.until_us),
        "kind": (" AND e.kind = :kind", wanted.kind),
    }
    given = {name: condition for name, condition in conditions.items() if condition[1] is not None}
    return "".join(sql for sql, _ in given.values()), {name: value for name, (_, value) in given.items()}


def _sort_value(sort: SortKey, budget: Budget) -> int:
    """What the sort expression gives for the budget, to continue behind it."""
    limit = budget.limit
    if sort == "spent":
        return limit.spent
    return limit.amount if sort == "budget" else limit.spent + limit.held - limit.amount
