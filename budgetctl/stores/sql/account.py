"""One user's budget inside a write transaction.

An account is opened, its elapsed windows are rolled, its terms are changed or entries are posted, and it is saved.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from budgetctl.errors import AlreadyExistsError, InvalidValueError, NotFoundError, UnknownUserError
from budgetctl.ledger import windows
from budgetctl.ledger.store import BudgetChange
from budgetctl.ledger.values import PRIMARY, Budget, Entry, Limit, Reset
from budgetctl.money import ZERO, Picodollars
from budgetctl.stores.sql import clock
from budgetctl.stores.sql.counters import Counters
from budgetctl.stores.sql.documents import to_json
from budgetctl.stores.sql.entries import insert_entry, insert_reset, model_key
from budgetctl.stores.sql.limits import (
    MAX_LIMITS,
    check_limit,
    delete_limit,
    insert_limit,
    new_limit,
    stated,
    swept,
    topped_up,
)
from budgetctl.stores.sql.rows import AccountRow, accounts_above, find_account, limits_of, spent_by_model
from budgetctl.stores.sql.structure import placed
from budgetctl.stores.sql.transaction import Transaction

if TYPE_CHECKING:
    from budgetctl.ledger.top_ups import TopUpRequest


class Account(Counters):
    """One user's budget: its counters, and the changes of its terms."""

    @classmethod
    def open(
        cls, tx: Transaction, user: str, opened: dict[int, Account] | None = None, *, is_told: bool = False
    ) -> Account:
        """The user's account, with elapsed windows rolled and expired holds let go. Raises `UnknownUserError`.

        `opened` are the accounts that are open already, to which this one adds those that it opens. Raises
        `ClockError`, unless `is_told`: to record an event that has happened, the time stands still instead.
        """
        return cls.of(tx, find_account(tx, user), opened, is_told=is_told)

    @classmethod
    def of(
        cls, tx: Transaction, row: AccountRow, opened: dict[int, Account] | None = None, *, is_told: bool = False
    ) -> Account:
        """Open an account, which may be deleted, as `open` does a user's."""
        (clock.hold_still if is_told else clock.check)(tx, row.updated_us)
        chain = [row, *accounts_above(tx, row)]
        accounts = {} if opened is None else opened
        for place in reversed(range(len(chain))):
            key = chain[place].account_id
            if key not in accounts:
                accounts[key] = cls._current(
                    tx, chain[place], [accounts[each.account_id] for each in chain[place + 1 :]]
                )
        return accounts[row.account_id]

    @classmethod
    def find(cls, tx: Transaction, user: str) -> Account | None:
        """The user's account as `open` returns it, or None for a user without a budget."""
        try:
            return cls.open(tx, user)
        except UnknownUserError:
            return None

    @classmethod
    def _current(cls, tx: Transaction, row: AccountRow, above: list[Account]) -> Account:
        account = cls(tx, row, limits_of(tx, row), above)
        if row.deleted_us:  # its windows have come to an end: what is yet to be counted is of the last ones
            return account
        for index, limit in enumerate(account._limits):
            if limit.held:
                account._limits[index] = limit = swept(tx, limit)
            if windows.is_due(limit, tx.now_us):
                account._advance(index)
            elif windows.has_ended_top_ups(limit, tx.now_us):
                account._limits[index] = topped_up(tx, limit)
        return account

    @classmethod
    def create(cls, tx: Transaction, user: str, change: BudgetChange) -> Account:
        """A new account with the primary limit that `change` describes."""
        created_us = tx.now_us if change.created_us is None else min(change.created_us, tx.now_us)
        account_id = tx.insert(
            "INSERT INTO accounts (project, name, created_us, updated_us)"
            " VALUES (:project, :name, :created, :now) RETURNING account",
            name=user,
            created=created_us,
        )
        limit = insert_limit(tx, account_id, new_limit(tx, PRIMARY, change, None, created_us))
        account = cls(tx, AccountRow(account_id, user, 0, created_us, tx.now_us, None), [limit], [])
        account._move(change.parent or "")
        account.row = account.row._replace(parent_since_us=0)  # it has never stood elsewhere
        if change.window_start_us is not None:
            account._reanchor(change.window_start_us)
        account._adjust(change)
        return account

    def budget(self, project: str) -> Budget:
        """The budget as the account has it now."""
        self._save_models()
        budget = self.row.budget(project, self.primary, spent_by_model(self._tx, self.primary))
        return budget._replace(standings=self.standings())

    def change(self, change: BudgetChange) -> None:
        """Change the terms of the primary limit, and its spend, as `change` states."""
        index = self._primary
        limit = self._limits[index]
        before = _terms(limit, self.row.parent_name)
        terms = stated(limit, change)
        check_limit(self._tx, terms)
        # The terms of its windows hold from its next generation on, all others at once.
        limit = self._limits[index] = terms._replace(duration=limit.duration, align=limit.align, zone=limit.zone)
        if terms != limit:
            self._reopen(terms)
        if change.window_start_us is not None:
            self._reanchor(change.window_start_us)
        if change.parent is not None:
            self._move(change.parent)
        if change.created_us is not None:
            self._changed = True
            self.row = self.row._replace(created_us=min(change.created_us, self._tx.now_us))
        after = _terms(self.primary, self.row.parent_name)
        self._tell(change.by, {name: [old, after[name]] for name, old in before.items() if old != after[name]})
        self._adjust(change)

    def _tell(self, by: str | None, changed: dict[str, list[Any]]) -> None:
        """Add an entry that says how terms were changed, each with its old value and its new one."""
        if changed:
            self._number += 1
            text = to_json({**changed, "by": by})
            insert_entry(self._tx, self.row.account_id, self._number, "terms", ZERO, changed=text)

    def add_limit(self, name: str, change: BudgetChange, models: str | None) -> None:
        """Give the user another limit. Money that was spent before does not count against it."""
        user = shlex.quote(self.row.name)
        if any(limit.name == name for limit in self._limits):
            removal = f"budgetctl limit remove {user} {shlex.quote(name)}"
            raise AlreadyExistsError(
                f"{self.row.name} has a limit {name!r} already",
                hint="give it a --duration or a --name" if name == PRIMARY else removal,
            )
        if len(self._limits) >= MAX_LIMITS:
            raise InvalidValueError(f"{self.row.name} has {MAX_LIMITS} limits already, which are as many as one may")
        change = change._replace(zone=change.zone or self._limits[self._primary].zone)
        terms = new_limit(self._tx, name, change, models, self._tx.now_us)
        limit = insert_limit(self._tx, self.row.account_id, terms)
        self._limits.append(limit)
        self._saved.append(limit)
        self._changed = True
        self._tell(change.by, {"limit": [None, {"name": name, **_terms(limit)}]})

    def remove_limit(self, name: str, by: str | None = None) -> None:
        """Take a limit away. Its entries stay."""
        index = self._index(name)
        if index == self._primary:
            user = self.row.name
            raise InvalidValueError(
                f"the limit {name!r} is the budget of {user} itself, which cannot be without one",
                hint=f"budgetctl set {shlex.quote(user)} --budget 10",
            )
        limit = self._limits.pop(index)
        self._saved.pop(index)
        self._primary = next(index for index, each in enumerate(self._limits) if each.name == PRIMARY)
        self._changed = True
        delete_limit(self._tx, self.row.account_id, limit)
        self._tell(by, {"limit": [{"name": name, **_terms(limit)}, None]})

    def _move(self, parent: str) -> None:
        """Put the user under another parent, or none. Earlier spending stays counted under the old one."""
        self.row, above = placed(self._tx, self.row, parent)
        for account in self.above:
            account._save()  # they were rolled when this one was opened, and may be opened again as the new ones
        self.above = [Account._current(self._tx, each, []) for each in above]
        self._changed = True

    def top_up(self, request: TopUpRequest) -> Entry:
        """Give extra money to a limit."""
        from budgetctl.stores.sql.top_ups import insert_top_up

        index = self._index(request.limit)
        caller_key = request.key and request.key.text
        entry = self._record(
            "top-up", request.amount, [], model=None, key=None, note=request.note, caller_key=caller_key
        )
        limit = insert_top_up(self._tx, self._limits[index], entry.number, request)
        check_limit(self._tx, limit)
        self._limits[index] = limit
        return entry

    def _index(self, name: str) -> int:
        """The index of a limit of a name. Raises `NotFoundError`."""
        for index, limit in enumerate(self._limits):
            if limit.name == name:
                return index
        raise NotFoundError(
            f"{self.row.name} has no limit {name!r}", hint=f"budgetctl show {shlex.quote(self.row.name)}"
        )

    def reset(self) -> Reset:
        """Close the current generation of every limit, and open one that holds now. Returns the primary limit's."""
        index = self._primary
        limit = self._limits[index]
        closed = windows.closed_window(limit, self._tx.now_us)
        for each in range(len(self._limits)):
            self._advance(each)
        return Reset(self.row.name, closed, self._tx.now_us, limit.zone)

    def _advance(self, index: int) -> None:
        """Close a limit's generation and open the next one, with the money that is left of its top-ups."""
        limit = self._limits[index]
        left = topped_up(self._tx, limit, closes=True) if limit.topped_up else limit
        self._close(index, windows.next_generation(left, self._tx.now_us))

    def _close(self, index: int, opened: Limit) -> None:
        """Replace a limit by its next generation. A generation that spent nothing leaves no entry."""
        self._save_models()
        limit = self._limits[index]
        if limit.spent:
            closed = windows.closed_window(limit, self._tx.now_us)
            self._number += 1
            insert_reset(self._tx, self.row.account_id, self._number, limit.limit_id, closed)
        self._limits[index] = opened

    def _reopen(self, terms: Limit) -> None:
        """Open a generation of the primary limit under new terms, and carry the spend into it, model by model."""
        spent = self._spent_by_model(self.primary)
        if terms.topped_up:
            from budgetctl.stores.sql.top_ups import carry

            carry(self._tx, terms, terms.generation + 1)
        opened = windows.reopened(terms, self._tx.now_us, duration=terms.duration, align=terms.align, zone=terms.zone)
        self._close(self._primary, opened)
        for model, amount in spent:
            key = self._key(model)
            if amount:
                self._record("carry", amount, [opened], model=model, key=key)
            if amount or model is not None:
                self._count_in_primary(key, amount)

    def _reanchor(self, start_us: int) -> None:
        index = self._primary
        self._limits[index] = windows.reanchored(self._limits[index], min(start_us, self._tx.now_us))

    def _adjust(self, change: BudgetChange) -> None:
        """Set the current generation's spend as `change` states, by entries for the differences."""
        if change.extra is not None:
            self._changed = True
            self.row = self.row._replace(extra=to_json(change.extra))
        if change.spent is None and change.models is None:
            return
        limit = self.primary
        differences: dict[str | None, int] = {}
        if change.models is not None:
            current = dict(self._spent_by_model(limit))
            for name in [*filter(None, current), *change.models]:
                differences[name] = change.models.get(name, ZERO) - current.get(name, ZERO)
        target = limit.spent if change.spent is None else change.spent
        differences[None] = target - limit.spent - sum(differences.values())
        # Downward first: on the way, the counter must not pass its maximum.
        for model, difference in sorted(differences.items(), key=lambda item: item[1]):
            if difference:
                self.post_to_primary("adjustment", Picodollars(difference), model=model, note=change.note)
        if change.models is not None:
            self._show_models(change.models)

    def _show_models(self, models: Mapping[str, Picodollars]) -> None:
        """Have a total for each of these models, also where nothing is spent, and for no other."""
        for model in models:
            self._count_in_primary(model_key(self._tx, model), ZERO)
        self._save_models()
        for model in spent_by_model(self._tx, self.primary).keys() - models.keys():
            self._tx.run(
                "DELETE FROM model_totals WHERE project = :project AND limit_id = :limit_id"
                " AND generation = :generation AND model = :model",
                limit_id=self.primary.limit_id,
                generation=self.primary.generation,
                model=model_key(self._tx, model),
            )

    def _spent_by_model(self, limit: Limit) -> list[tuple[str | None, Picodollars]]:
        self._save_models()
        named = spent_by_model(self._tx, limit)
        rest = Picodollars(limit.spent - sum(named.values()))
        return [*named.items(), (None, rest)]


def _terms(limit: Limit, parent: str | None = None) -> dict[str, Any]:
    """The terms of a limit as the entry of their change keeps them. Amounts are picodollars."""
    return {
        "amount": int(limit.amount),
        "duration": limit.duration,
        "align": limit.align,
        "timezone": limit.zone,
        "models": limit.models,
        "warn_at": list(limit.warn_at),
        "parent": parent,
    }
