"""One user's budget inside a write transaction: every change to the ledger goes through here.

An account is opened, its elapsed windows are rolled, entries are posted, and `save` writes the counters once.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from budgetctl import ledger
from budgetctl.errors import AlreadyExistsError, InvalidValueError, NotFoundError, UnknownUserError
from budgetctl.models import PRIMARY, Budget, Entry, EntryKind, Limit, Reset, Standing
from budgetctl.money import ZERO, Picodollars
from budgetctl.stores.base import BudgetChange
from budgetctl.stores.entries import count_model, insert_entry, insert_reset, model_key, posting_set, to_json
from budgetctl.stores.limits import (
    MAX_LIMITS,
    check_counter,
    check_terms,
    delete_limit,
    duration_after,
    insert_limit,
    new_limit,
    settled,
    swept,
    update_limit,
)
from budgetctl.stores.rows import (
    CORRECTIONS,
    ENTRY_COLUMNS,
    ENTRY_JOINS,
    REFUNDS,
    Holder,
    entry_from_row,
    find_holder,
    holders_above,
    limits_of,
    spent_by_model,
)
from budgetctl.stores.structure import placed
from budgetctl.stores.transaction import Transaction

if TYPE_CHECKING:
    from budgetctl.top_ups import TopUpRequest


class Recorded(NamedTuple):
    """An entry, the keys of its model and postings, what it costs with its corrections, and what was refunded."""

    entry: Entry
    model: int | None
    postings: int | None
    cost: Picodollars
    refunded: Picodollars


class Account:
    """The limits of one user, and the ledger entries that change them.

    `above` are the accounts of those whose limits count what the user spends too.
    """

    def __init__(self, tx: Transaction, holder: Holder, limits: list[Limit], above: list[Account]) -> None:
        self._tx = tx
        self.holder = holder
        self.above = above
        self._number = holder.last_number
        self._limits = limits
        self._saved = list(limits)
        self._primary = next(index for index, limit in enumerate(limits) if limit.name == PRIMARY)
        self._changed = False
        self._by_model: dict[int | None, int] = {}

    @classmethod
    def open(cls, tx: Transaction, user: str, opened: dict[int, Account] | None = None) -> Account:
        """The user's account, with elapsed windows rolled and expired holds let go. Raises `UnknownUserError`.

        `opened` are those that are open already, by holder, and those that this one opens.
        """
        holder = find_holder(tx, user)
        chain = [holder, *holders_above(tx, holder)]
        accounts = {} if opened is None else opened
        for place in reversed(range(len(chain))):
            key = chain[place].holder
            if key not in accounts:
                accounts[key] = cls._current(tx, chain[place], [accounts[each.holder] for each in chain[place + 1 :]])
        return accounts[holder.holder]

    @classmethod
    def find(cls, tx: Transaction, user: str) -> Account | None:
        """The same, or None for a user without a budget."""
        try:
            return cls.open(tx, user)
        except UnknownUserError:
            return None

    @classmethod
    def _current(cls, tx: Transaction, holder: Holder, above: list[Account]) -> Account:
        account = cls(tx, holder, limits_of(tx, holder), above)
        for index, limit in enumerate(account._limits):
            if limit.held:
                account._limits[index] = limit = swept(tx, limit)
            if ledger.is_due(limit, tx.now_us):
                account._advance(index)
            elif limit.extra_until_us is not None and limit.extra_until_us <= tx.now_us:
                account._limits[index] = settled(tx, limit)
        return account

    @classmethod
    def create(cls, tx: Transaction, user: str, change: BudgetChange) -> Account:
        """A new account with the primary limit that `change` describes."""
        created_us = tx.now_us if change.created_us is None else min(change.created_us, tx.now_us)
        holder_id = tx.insert(
            "INSERT INTO holders (project, name, created_us, updated_us)"
            " VALUES (:project, :name, :created, :now) RETURNING holder",
            name=user,
            created=created_us,
        )
        limit = insert_limit(tx, holder_id, new_limit(tx, PRIMARY, change, None, created_us))
        holder = Holder(holder_id, user, 0, created_us, tx.now_us, None)
        account = cls(tx, holder, [limit], [])
        account._move(change.parent or "")
        if change.window_start_us is not None:
            account._reanchor(change.window_start_us)
        account._adjust(change)
        return account

    @property
    def primary(self) -> Limit:
        """The limit that every budget has."""
        return self._limits[self._primary]

    def budget(self, project: str) -> Budget:
        """The budget as the account has it now."""
        self._save_models()
        budget = self.holder.budget(project, self.primary, spent_by_model(self._tx, self.primary))
        return budget._replace(standings=self.standings())

    def post(
        self,
        kind: EntryKind,
        amount: Picodollars,
        *,
        model: str | None = None,
        usage: Mapping[str, Any] | None = None,
        pricing: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> Entry:
        """Add an entry, and count it against every limit that it matches, the user's own and those above."""
        key = self._key(model)
        counted: list[Limit] = []
        for account in (self, *self.above):
            counted += account._count(amount, model, key)
        return self._record(kind, amount, counted, model=model, key=key, usage=usage, pricing=pricing, note=note)

    def _count(self, amount: Picodollars, model: str | None, key: int | None) -> list[Limit]:
        """Count an amount against the limits that it matches, and say which those are."""
        counted = []
        for index, limit in enumerate(self._limits):
            if ledger.counts_against(limit, model):
                self._limits[index] = limit._replace(spent=check_counter(self._tx, limit.spent + amount))
                counted.append(limit)
                if index == self._primary:
                    self._count_in_primary(key, amount)
        return counted

    def standings(self) -> tuple[Standing, ...]:
        """All limits that the user's charges may count against, the user's own first."""
        return tuple(
            Standing(account.holder.name, limit) for account in (self, *self.above) for limit in account._limits
        )

    def hold(self, amount: Picodollars, model: str | None) -> list[int]:
        """Set money aside in every limit that a charge for the model counts against, and say which those are."""
        counted = []
        for account in (self, *self.above):
            for index, limit in enumerate(account._limits):
                if ledger.counts_against(limit, model):
                    account._limits[index] = limit._replace(held=check_counter(self._tx, limit.held + amount))
                    counted.append(limit.limit_id)
        return counted

    def let_go(self, limit_id: int, amount: Picodollars) -> None:
        """Set less money aside in a limit."""
        for account in (self, *self.above):
            for index, limit in enumerate(account._limits):
                if limit.limit_id == limit_id:
                    account._limits[index] = limit._replace(held=Picodollars(limit.held - amount))
                    return
        self._tx.run(  # of somebody who is no parent any more
            "UPDATE limits SET held = held - :amount WHERE project = :project AND limit_id = :limit_id",
            limit_id=limit_id,
            amount=amount,
        )

    def change(self, change: BudgetChange) -> None:
        """Apply what `change` states to the primary limit and to what was spent against it."""
        index = self._primary
        limit = self._limits[index]
        if change.amount is not None:
            limit = self._limits[index] = limit._replace(amount=change.amount)
        if change.warn_at is not None:
            limit = self._limits[index] = limit._replace(warn_at=change.warn_at)
        terms = limit._replace(
            duration=duration_after(change.duration, limit.duration),
            align=change.align or limit.align,
            zone=change.zone or limit.zone,
        )
        check_terms(self._tx, terms)
        if terms != limit:
            self._reopen(terms)
        if change.window_start_us is not None:
            self._reanchor(change.window_start_us)
        if change.parent is not None:
            self._move(change.parent)
        if change.created_us is not None:
            self._changed = True
            self.holder = self.holder._replace(created_us=min(change.created_us, self._tx.now_us))
        self._adjust(change)

    def add_limit(self, name: str, change: BudgetChange, models: str | None) -> None:
        """Give the user another limit. What was spent before does not count against it."""
        if any(limit.name == name for limit in self._limits):
            raise AlreadyExistsError(
                f"{self.holder.name} has a limit {name!r} already",
                hint=f"budgetctl limit remove {shlex.quote(self.holder.name)} {shlex.quote(name)}",
            )
        if len(self._limits) >= MAX_LIMITS:
            raise InvalidValueError(f"{self.holder.name} has {MAX_LIMITS} limits already, which are as many as one may")
        terms = new_limit(self._tx, name, change, models, self._tx.now_us)
        limit = insert_limit(self._tx, self.holder.holder, terms)
        self._limits.append(limit)
        self._saved.append(limit)
        self._changed = True

    def remove_limit(self, name: str) -> None:
        """Take a limit away. Its entries stay."""
        index = self._index(name)
        if index == self._primary:
            user = self.holder.name
            raise InvalidValueError(
                f"the limit {name!r} is the budget of {user} itself, which cannot be without one",
                hint=f"budgetctl set {shlex.quote(user)} --budget 10",
            )
        limit = self._limits.pop(index)
        self._saved.pop(index)
        self._primary = next(index for index, each in enumerate(self._limits) if each.name == PRIMARY)
        self._changed = True
        delete_limit(self._tx, self.holder.holder, limit)

    def _move(self, parent: str) -> None:
        """Put the user under another parent, or none. What was spent before stays where it was counted."""
        self.holder, above = placed(self._tx, self.holder, parent)
        for account in self.above:
            account._save()  # they were rolled when this one was opened, and may be opened again as the new ones
        self.above = [Account._current(self._tx, each, []) for each in above]
        self._changed = True

    def top_up(self, request: TopUpRequest) -> Entry:
        """Add to what a limit allows."""
        from budgetctl.stores.top_ups import insert_top_up

        index = self._index(request.limit)
        entry = self._record("top-up", request.amount, [], model=None, key=None, note=request.note)
        limit = insert_top_up(self._tx, self._limits[index], entry.number, request)
        check_terms(self._tx, limit)
        self._limits[index] = limit
        return entry

    def _index(self, name: str) -> int:
        """Where a limit stands. Raises `NotFoundError`."""
        for index, limit in enumerate(self._limits):
            if limit.name == name:
                return index
        raise NotFoundError(
            f"{self.holder.name} has no limit {name!r}", hint=f"budgetctl show {shlex.quote(self.holder.name)}"
        )

    def find_entry(self, number: int) -> Recorded | None:
        """An entry of the user's, with what counts for its correction."""
        row = self._tx.one(
            f"SELECT {ENTRY_COLUMNS}, e.model, e.posting_set, {CORRECTIONS}, {REFUNDS} FROM entries e {ENTRY_JOINS}"
            " WHERE e.project = :project AND e.holder = :holder AND e.number = :number",
            holder=self.holder.holder,
            number=number,
        )
        if row is None:
            return None
        *columns, model, postings, corrections, refunds = row
        entry = entry_from_row(tuple(columns))
        return Recorded(entry, model, postings, Picodollars(entry.amount + corrections), Picodollars(-refunds))

    def post_again(
        self,
        kind: EntryKind,
        original: Recorded,
        amount: Picodollars,
        *,
        pricing: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> tuple[Entry, bool]:
        """Add an entry that counts where an earlier one does, and say whether any of that is open."""
        counted = self._count_again(amount, original.postings, original.model)
        refers_to = original.entry.number
        number = self._insert(
            kind, amount, model=original.model, postings=original.postings, pricing=pricing, note=note,
            refers_to=refers_to,
        )  # fmt: skip
        entry = Entry(
            number, kind, self._tx.now_us, amount, original.entry.model, None, pricing, note, refers_to=refers_to
        )
        return entry, counted

    def reset(self) -> Reset:
        """Close the current generation of every limit. Returns the primary limit's."""
        index = self._primary
        closed = ledger.closed_window(self._limits[index], self._tx.now_us)
        for each in range(len(self._limits)):
            self._advance(each)
        return Reset(self.holder.name, closed, self._tx.now_us)

    def save(self) -> None:
        """Write the counters and windows, the user's and those above, where anything has changed."""
        for account in (*self.above, self):
            account._save()

    def _save(self) -> None:
        tx = self._tx
        self._save_models()
        if not self._changed and self._number == self.holder.last_number and self._limits == self._saved:
            return
        for limit, saved in zip(self._limits, self._saved, strict=True):
            if limit is not saved:
                update_limit(tx, limit, saved)
        self._saved, self._changed = list(self._limits), False
        tx.run(
            "UPDATE holders SET last_number = :number, created_us = :created, updated_us = :now,"
            " extra = :extra, parent = :parent WHERE project = :project AND holder = :holder",
            number=self._number,
            created=self.holder.created_us,
            extra=self.holder.extra,
            parent=self.holder.parent,
            holder=self.holder.holder,
        )
        self.holder = self.holder._replace(last_number=self._number, updated_us=tx.now_us)

    def _advance(self, index: int) -> None:
        """Close a limit's generation and open the next one, with what is left of its top-ups."""
        limit = self._limits[index]
        left = settled(self._tx, limit, closes=True) if limit.extra else limit
        self._close(index, ledger.next_generation(left, self._tx.now_us))

    def _close(self, index: int, opened: Limit) -> None:
        """Replace a limit by its next generation. One that spent nothing leaves no entry."""
        self._save_models()
        limit = self._limits[index]
        if limit.spent:
            closed = ledger.closed_window(limit, self._tx.now_us)
            self._number += 1
            insert_reset(self._tx, self.holder.holder, self._number, limit.limit_id, closed)
        self._limits[index] = opened

    def _reopen(self, terms: Limit) -> None:
        """Open a generation of the primary limit under new terms, and carry what was spent into it, model by model."""
        spent = self._spent_by_model(self.primary)
        if terms.extra:
            from budgetctl.stores.top_ups import carry

            carry(self._tx, terms, terms.generation + 1)
        opened = ledger.reopened(terms, self._tx.now_us, duration=terms.duration, align=terms.align, zone=terms.zone)
        self._close(self._primary, opened)
        for model, amount in spent:
            key = self._key(model)
            if amount:
                self._record("carry", amount, [opened], model=model, key=key)
            if amount or model is not None:
                self._count_in_primary(key, amount)

    def _reanchor(self, start_us: int) -> None:
        index = self._primary
        self._limits[index] = ledger.reanchored(self._limits[index], min(start_us, self._tx.now_us))

    def _adjust(self, change: BudgetChange) -> None:
        """Make the current generation's spend what `change` states, by entries for the differences."""
        if change.extra is not None:
            self._changed = True
            self.holder = self.holder._replace(extra=to_json(change.extra))
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

    def post_to_primary(
        self, kind: EntryKind, amount: Picodollars, *, model: str | None = None, note: str | None = None
    ) -> Entry:
        """Add an entry that counts in the primary limit only: it is of that one's window that an amount was stated.

        Other limits may have been reset since, and would be left with less than nothing spent.
        """
        limit, key = self.primary, self._key(model)
        self._limits[self._primary] = limit._replace(spent=check_counter(self._tx, limit.spent + amount))
        self._count_in_primary(key, amount)
        return self._record(kind, amount, [limit], model=model, key=key, note=note)

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

    def _record(
        self,
        kind: EntryKind,
        amount: Picodollars,
        limits: list[Limit],
        *,
        model: str | None,
        key: int | None,
        usage: Mapping[str, Any] | None = None,
        pricing: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> Entry:
        """Add an entry that counts against these limits. `key` is that of the model."""
        postings = posting_set(self._tx, limits)
        number = self._insert(kind, amount, model=key, postings=postings, usage=usage, pricing=pricing, note=note)
        return Entry(number, kind, self._tx.now_us, amount, model, usage, pricing, note)

    def _key(self, model: str | None) -> int | None:
        return None if model is None else model_key(self._tx, model)

    def _insert(self, kind: EntryKind, amount: Picodollars, **fields: Any) -> int:
        """Write an entry of the user's, and return its number."""
        self._number += 1
        insert_entry(self._tx, self.holder.holder, self._number, kind, amount, **fields)
        return self._number

    def _count_again(self, amount: Picodollars, postings: int | None, model: int | None) -> bool:
        """Add to what a set of postings counts against, and say whether any of that is open."""
        own = {
            limit.limit_id: (account, index)
            for account in (self, *self.above)
            for index, limit in enumerate(account._limits)
        }
        is_counted = False
        for limit_id, generation, name in self._tx.all(
            "SELECT p.limit_id, p.generation, l.name FROM postings p"
            " JOIN limits l ON l.project = p.project AND l.limit_id = p.limit_id"
            " WHERE p.project = :project AND p.posting_set = :postings",
            postings=postings,
        ):
            if name == PRIMARY:
                count_model(self._tx, limit_id, generation, model, amount)
            if limit_id not in own:  # of somebody who is no parent any more
                self._tx.run(
                    "UPDATE limits SET spent = spent + :amount"
                    " WHERE project = :project AND limit_id = :limit_id AND generation = :generation",
                    limit_id=limit_id,
                    generation=generation,
                    amount=amount,
                )
                continue
            account, index = own[limit_id]
            limit = account._limits[index]
            if limit.generation == generation:
                account._limits[index] = limit._replace(spent=check_counter(self._tx, limit.spent + amount))
                is_counted = True
        return is_counted

    def _count_in_primary(self, model: int | None, amount: Picodollars) -> None:
        self._by_model[model] = self._by_model.get(model, 0) + amount

    def _save_models(self) -> None:
        """Write what the primary limit's generation has spent by model since this was done last."""
        limit = self.primary
        for model, amount in self._by_model.items():
            count_model(self._tx, limit.limit_id, limit.generation, model, Picodollars(amount))
        self._by_model.clear()
