"""Reads and administration of a store, in SQL that both databases understand.

A driver subclasses `SqlStore`: it provides `read` and `write` transactions and the operations that have to be fast.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from budgetctl.errors import UnknownUserError
from budgetctl.ledger.store import PROJECT, BudgetChange, IfExists, SortKey, sort_value
from budgetctl.ledger.values import PRIMARY, Budget, ProjectSummary, Reset
from budgetctl.stores.sql import clock
from budgetctl.stores.sql.bookkeeping import SqlLedger
from budgetctl.stores.sql.rows import (
    already_exists,
    find_account,
    spent_by_model,
)
from budgetctl.stores.sql.standings import standings_of
from budgetctl.stores.sql.transaction import Transaction

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Hold
    from budgetctl.ledger.hosted_saves import Posted
    from budgetctl.ledger.totals import Totals


class SqlStore(SqlLedger):
    """A store on a SQL database."""

    is_near = True
    concurrent_writes = 1

    def exists(self) -> bool:
        """Whether anything was ever stored for the project."""
        with self.read() as tx:
            return tx.project is not None

    def create_budget(self, user: str, change: BudgetChange, *, if_exists: IfExists) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new."""
        from budgetctl.stores.sql.account import Account

        with self.write(create=True) as tx:
            try:
                account = Account.open(tx, user)
            except UnknownUserError:
                clock.check(tx)
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
        from budgetctl.stores.sql.account import Account

        created: list[bool] = []
        self.on_progress(0, len(changes), "users")
        with self.write(create=True) as tx:
            clock.check(tx)
            for user, change in changes:
                self.on_progress(len(created), len(changes), "users")
                is_new = not tx.one(
                    "SELECT 1 FROM accounts WHERE project = :project AND name = :user AND deleted_us = 0",
                    user=user,
                )
                if is_new:
                    Account.create(tx, user, change).save()
                created.append(is_new)
        return created

    def change_budget(self, user: str, change: BudgetChange) -> Budget:
        """Change the terms of a budget that `change` states."""
        from budgetctl.stores.sql.account import Account

        with self.write(user=user if change.parent is None else None) as tx:
            account = Account.open(tx, user)
            account.change(change)
            account.save()
            return account.budget(self.project)

    def add_limit(self, user: str, name: str, change: BudgetChange, models: str | None) -> Budget:
        """Give the user another limit."""
        from budgetctl.stores.sql.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            account.add_limit(name, change, models)
            account.save()
            return account.budget(self.project)

    def remove_limit(self, user: str, name: str, *, by: str | None = None) -> Budget:
        """Take a limit away. Its entries stay."""
        from budgetctl.stores.sql.account import Account

        with self.write() as tx:
            account = Account.open(tx, user)
            account.remove_limit(name, by)
            account.save()
            return account.budget(self.project)

    def delete_budget(self, user: str) -> None:
        """Delete the budget, and keep its entries."""
        from budgetctl.stores.sql.holds import expire_all
        from budgetctl.stores.sql.structure import refuse_parent

        with self.write() as tx:
            found = find_account(tx, user)
            refuse_parent(tx, found)
            expire_all(tx, found)
            account = found.account_id
            # It tells the deleted of one name apart, also where the clock stands still or goes back.
            row = tx.one("SELECT MAX(deleted_us) FROM accounts WHERE project = :project AND name = :user", user=user)
            deleted_us = max(tx.now_us, row[0] + 1 if row else 1)
            for table in ("accounts", "limits"):
                tx.run(
                    f"UPDATE {table} SET deleted_us = :deleted_us WHERE project = :project AND account = :account"
                    " AND deleted_us = 0",
                    deleted_us=deleted_us,
                    account=account,
                )

    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""
        with self.read() as tx:
            account = find_account(tx, user)
            clock.hold_still(tx, account.updated_us)
            standings = standings_of(tx, account)
            limit = next(each for owner, each in standings if owner == user and each.name == PRIMARY)
            budget = account.budget(self.project, limit, spent_by_model(tx, limit))
            return budget._replace(standings=standings)

    def budgets(
        self,
        *,
        after: str | None = None,
        after_value: int | None = None,
        sort: SortKey = "user",
        over: bool = False,
        due: bool = False,
    ) -> Iterator[Budget]:
        """All budgets, page by page."""
        from budgetctl.stores.sql.listing import list_budgets

        if sort != "user" and after is not None and after_value is None:
            after_value = sort_value(sort, self.budget(after))
        return list_budgets(self.read, self.project, (after, after_value), sort, over=over, due=due)

    def holds(self, user: str | None = None, *, resolved: bool = False, after: str | None = None) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved` also those that have ended."""
        from budgetctl.stores.sql import paging
        from budgetctl.stores.sql.holds import hold_key, holds_of

        def page(tx: Transaction, place: int | None) -> tuple[Iterable[Hold], int | None]:
            if place is None:
                place = 0 if after is None else hold_key(tx, after)
            account = None if user is None else find_account(tx, user)
            keyed = holds_of(tx, account, resolved=resolved, after=place, page=paging.PAGE)
            return (hold for _, hold in keyed), paging.place_behind(keyed)

        return paging.in_snapshots(self.read, page)

    def reset(self, user: str) -> Reset:
        """Close the current generation of each of the user's limits."""
        from budgetctl.stores.sql.account import Account

        with self.write(user=user) as tx:
            account = Account.open(tx, user)
            reset = account.reset()
            account.save()
            return reset

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, in batches of a transaction each."""
        from budgetctl.ledger.paging import in_batches

        return in_batches(self.reset_next, lambda reset: reset.user)

    def reset_next(self, after: str | None) -> list[Reset]:
        """Reset the next users behind that one, by name, in one transaction."""
        from budgetctl.stores.sql import paging
        from budgetctl.stores.sql.account import Account

        resets = []
        with self.write() as tx:
            for (user,) in tx.all(
                "SELECT name FROM accounts WHERE project = :project AND deleted_us = 0 AND name > :after"
                " ORDER BY name LIMIT :page",
                after=after or PROJECT,
                page=paging.PAGE,
            ):
                account = Account.open(tx, user)
                resets.append(account.reset())
                account.save()
        return resets

    def once(self, key: bytes, request: bytes, act: Callable[[], str], *, create: bool = False) -> str:
        """Run `act`, and keep its answer in the same transaction. The same request again gets this answer.

        `key` and `request` are digests of 16 bytes. An error of `act` takes everything back, and is not kept.
        """
        from budgetctl.stores.sql import requests

        with self.write(create=create) as tx:
            answer = requests.remembered(tx, key, request)
            if answer is None:
                answer = act()
                requests.remember(tx, key, request, answer)
        return answer

    def forget_requests(self) -> None:
        """Forget the answers of requests that nobody repeats any more."""
        from budgetctl.stores.sql import requests

        if self.exists():
            with self.write() as tx:
                clock.check(tx)
                requests.prune(tx)

    def accept(self, records: Sequence[Posted]) -> None:
        """Record the meanings of a save by one of litellm's hosted clients, of all its records or of none."""
        from budgetctl.stores.sql import hosted_saves

        with self.write(create=any(record.incarnation is None for record in records)) as tx:
            hosted_saves.accept(tx, records)

    def conclude_saves(self) -> int:
        """Conclude the shadows whose pending record has waited long enough for another save. Returns their number."""
        from budgetctl.stores.sql import hosted_saves

        with self.read() as tx:
            if not hosted_saves.is_any_due(tx):
                return 0
        with self.write() as tx:
            clock.check(tx)
            return hosted_saves.conclude(tx)

    def summary(self) -> ProjectSummary:
        """How many users there are, and what they have spent in their current windows: each charge once."""
        from budgetctl.stores.sql.totals import own_spend

        with self.read() as tx:
            users, spent = own_spend(tx)
        return ProjectSummary(self.project, users, spent, self.size_bytes(), self.location())

    def totals(self, most_spenders: int) -> Totals:
        """What the budgets of the project come to in their current windows, and who has spent most."""
        from budgetctl.stores.sql.totals import totals

        with self.read() as tx:
            return totals(tx, most_spenders)

    @abstractmethod
    def size_bytes(self) -> int:
        """The size of the store on the disk, in bytes."""

    @abstractmethod
    def location(self) -> str:
        """Where the store is, for a person; never with a password."""
