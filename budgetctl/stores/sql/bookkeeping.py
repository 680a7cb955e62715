"""The ledger of a store, in SQL that both databases understand: history, resets, corrections, crossings, checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.values import Charge, Entry, Reset
from budgetctl.money import Picodollars
from budgetctl.stores.sql.rows import ENTRY_COLUMNS, find_account, reset_from_row
from budgetctl.stores.sql.transaction import Transaction

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Correction, CorrectionRequest, Crossing, Difference, HistoryFilter
    from budgetctl.ledger.top_ups import Left, TopUpRequest


class SqlLedger(ABC):
    """The ledger of a store on a SQL database."""

    project: str
    on_progress: Progress = staticmethod(unwatched)

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """A snapshot to read from."""

    @abstractmethod
    def write(self, *, create: bool = False, user: str | None = None) -> AbstractContextManager[Transaction]:
        """A transaction that commits at the end of the block, or leaves nothing behind.

        `create` makes the store and the project where they are missing; without it nothing is made. `user` says that
        only this user's budget is changed, with those above it: others may be changed meanwhile.
        Within a block, another one of the same thread joins its transaction.
        """

    @abstractmethod
    def now_us(self) -> int:
        """The store's time."""

    def charges(
        self, model: str, *, user: str | None = None, since_us: int | None = None, after: tuple[str, int] | None = None
    ) -> Iterator[tuple[str, Entry, Picodollars]]:
        """Entries of charges that have a usage, for models of that pattern."""
        from budgetctl.stores.sql.corrections import charges_of

        return charges_of(self.read, model, user, since_us, after, self.on_progress)

    def correct(self, requests: Sequence[CorrectionRequest]) -> list[Correction]:
        """Make up the differences by entries that count where the corrected ones do."""
        from budgetctl.stores.sql.corrections import correct

        with self.write() as tx:
            return correct(tx, requests)

    def due(self, *, after: tuple[str, str] | None = None) -> Iterator[Reset]:
        """The resets that `reset_due` would make now."""
        from budgetctl.stores.sql.rollover import due_resets

        return due_resets(self.read, after)

    def reset_due(self, *, clock_is_right: bool = False) -> int:
        """Roll every window that has passed."""
        from budgetctl.stores.sql import clock
        from budgetctl.stores.sql.rollover import roll_due

        if clock_is_right:
            with self.write() as tx:
                clock.confirm(tx)
        return roll_due(self.read, self.write, self.on_progress)

    def unreported_resets(self, *, after: int | None = None) -> Iterator[tuple[int, Reset]]:
        """Every recorded reset since the last `report_resets`, oldest first."""
        from budgetctl.stores.sql import paging

        def page(tx: Transaction, place: int | None) -> tuple[Iterable[tuple[int, Reset]], int | None]:
            place = after if place is None else place
            if place is None:
                row = tx.one("SELECT reported_entry FROM projects WHERE project = :project")
                place = row[0] if row else 0
            rows = tx.all(
                f"SELECT e.entry, acc.name, l.zone, {ENTRY_COLUMNS} FROM entries e"
                " JOIN accounts acc ON acc.project = e.project AND acc.account = e.account"
                " JOIN limits l ON l.project = e.project AND l.limit_id = e.closed_limit"
                " LEFT JOIN models m ON m.project = e.project AND m.model = e.model"
                " WHERE e.project = :project AND e.closed_limit IS NOT NULL AND e.entry > :after"
                " ORDER BY e.entry LIMIT :page",
                after=place,
                page=paging.PAGE,
            )
            resets = ((entry, reset_from_row(user, zone, tuple(columns))) for entry, user, zone, *columns in rows)
            return resets, paging.place_behind(rows)

        return paging.in_snapshots(self.read, page)

    def report_resets(self, place: int) -> None:
        """Note that resets up to that place were reported."""
        with self.write() as tx:
            tx.run(
                "UPDATE projects SET reported_entry = :place WHERE project = :project AND reported_entry < :place",
                place=place,
            )

    def refund(self, user: str, number: int | None, amount: Picodollars | None, note: str | None) -> Charge:
        """Take a cost back."""
        from budgetctl.stores.sql.account import Account
        from budgetctl.stores.sql.corrections import refund

        with self.write() as tx:
            account = Account.open(tx, user)
            entry = refund(account, number, amount, note)
            account.save()
            return Charge(entry, account.budget(self.project))

    def top_up(self, request: TopUpRequest) -> Charge:
        """Give extra money to a limit, once for each key."""
        from budgetctl.stores.sql.account import Account
        from budgetctl.stores.sql.operations import once

        with self.write(user=request.user) as tx:
            account = Account.open(tx, request.user)
            entry, is_new = once(tx, account, request.key, lambda: account.top_up(request))
            account.save()
            return Charge(entry, account.budget(self.project), replayed=not is_new)

    def top_ups(self, user: str) -> list[Left]:
        """The user's own top-ups with the money that is left of each."""
        from budgetctl.stores.sql.top_ups import left_of

        with self.read() as tx:
            return left_of(tx, find_account(tx, user))

    def crossings(self, *, after: int = 0) -> Iterator[Crossing]:
        """The soft limits that are crossed, and that nobody was told of in this window."""
        from budgetctl.stores.sql import paging, thresholds

        def page(tx: Transaction, place: int | None) -> tuple[Iterable[Crossing], int | None]:
            return thresholds.crossed(tx, after if place is None else place)

        return paging.in_snapshots(self.read, page)

    def claim(self, crossing: Crossing) -> bool:
        """Claim a crossing in order to tell of it, and say whether nobody else has."""
        from budgetctl.stores.sql import thresholds

        with self.write() as tx:
            return thresholds.claim(tx, crossing)

    def tell(self, crossing: Crossing) -> bool:
        """Note that a crossing was told, and say whether that is news."""
        from budgetctl.stores.sql import thresholds

        with self.write() as tx:
            return thresholds.tell(tx, crossing)

    def forget(self, crossing: Crossing) -> None:
        """Take back that a crossing was told, or claimed."""
        from budgetctl.stores.sql import thresholds

        with self.write() as tx:
            thresholds.forget(tx, crossing)

    def verify(self) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings, in one snapshot."""
        from budgetctl.stores.sql.verifying import CHECKS, differences

        with self.read() as tx:
            self.on_progress(0, CHECKS, "checks")
            self._refuse_damaged(tx)
            self._plan_for_all(tx)
            found = list(differences(tx, self.on_progress))
        yield from found

    def repair(self) -> list[Difference]:
        """Set all counters to the sums of their postings, and say which were not."""
        from budgetctl.stores.sql.verifying import repair

        list(self.verify())  # which refuses what is damaged: sums of that are no repair
        with self.write() as tx:
            self._plan_for_all(tx)
            return repair(tx)

    def _refuse_damaged(self, tx: Transaction) -> None:  # noqa: B027  # as far as a database has a check of its own
        """Raise `CorruptStoreError` for damage that the database's own check finds."""

    def _plan_for_all(self, tx: Transaction) -> None:  # noqa: B027  # not every database needs it
        """Have the database plan the following statements for reading a whole project, where that helps."""

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first, those of a deleted budget too."""
        from budgetctl.stores.sql.history import entries_of

        return entries_of(self.read, user, before, wanted)

    def entries(
        self, *, before: int | None = None, wanted: HistoryFilter | None = None
    ) -> Iterator[tuple[int, str, Entry]]:
        """All users' entries, newest first."""
        from budgetctl.stores.sql.history import all_entries

        return all_entries(self.read, before, wanted)
