"""The counters of one user's limits, inside a write transaction: every entry and every counter is written here.

Entries are posted against the limits that they match, the user's own and those above, and `save` writes the counters
once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.ledger import decisions, windows
from budgetctl.ledger.counts import TokenCounts
from budgetctl.ledger.store import PROJECT
from budgetctl.ledger.values import PRIMARY, Entry, EntryKind, Limit, Standing
from budgetctl.money import Picodollars
from budgetctl.stores.sql.entries import count_model, insert_entry, model_key, posting_set
from budgetctl.stores.sql.limits import check_counter, update_limit
from budgetctl.stores.sql.rows import CORRECTIONS, ENTRY_COLUMNS, ENTRY_JOINS, REFUNDS, AccountRow, entry_from_row
from budgetctl.stores.sql.transaction import Transaction


class Recorded(NamedTuple):
    """An entry, the keys of its model and postings, its cost with all corrections, and its refunds."""

    entry: Entry
    model: int | None
    postings: int | None
    cost: Picodollars
    refunded: Picodollars


class Counters:
    """The limits of one user, and the entries that count against them.

    `above` are the accounts whose limits also count the user's spending.
    """

    def __init__(self, tx: Transaction, row: AccountRow, limits: list[Limit], above: Sequence[Counters]) -> None:
        self._tx = tx
        self.row = row
        self.above = above
        self._number = row.last_number
        self._limits = limits
        self._saved = list(limits)
        self._primary = next(index for index, limit in enumerate(limits) if limit.name == PRIMARY)
        self._changed = False
        self._by_model: dict[int | None, int] = {}

    @property
    def primary(self) -> Limit:
        """The limit that every budget has."""
        return self._limits[self._primary]

    def post(
        self,
        kind: EntryKind,
        amount: Picodollars,
        *,
        model: str | None = None,
        usage: Mapping[str, Any] | None = None,
        pricing: Mapping[str, Any] | None = None,
        note: str | None = None,
        names: str | None = None,
        held: Collection[int] = (),
        at_us: int | None = None,
        **more: Any,
    ) -> Entry:
        """Add an entry, and count it against every limit that it matches, the user's own and those above.

        `names` are all names of the model, by default its name alone. What happened at `at_us` counts in the limits
        whose current generation had begun by then, and in those of parents only since the user stands under them.
        Limits in `held` count the entry in any case.
        """
        key = self._key(model)
        counted: list[Limit] = []
        since_us = 0
        for account in (self, *self.above):
            if at_us is None or account.row.name == PROJECT or at_us >= since_us:
                counted += account._count(amount, names or model, held, key, at_us)
            since_us = max(since_us, account.row.parent_since_us)
        if at_us is not None:
            more["at_us"] = at_us
        return self._record(
            kind, amount, counted, model=model, key=key, usage=usage, pricing=pricing, note=note, **more
        )

    def _count(
        self, amount: Picodollars, names: str | None, held: Collection[int], key: int | None, at_us: int | None
    ) -> list[Limit]:
        """Count an amount against the limits that it matches, and return these limits."""
        counted = []
        for index, limit in enumerate(self._limits):
            is_now = at_us is None or windows.is_in_generation(limit, at_us, self._tx.now_us)
            if limit.limit_id in held or (is_now and decisions.counts_against(limit, names)):
                self._limits[index] = limit._replace(spent=check_counter(self._tx, limit.spent + amount))
                counted.append(limit)
                if index == self._primary:
                    self._count_in_primary(key, amount)
        return counted

    def standings(self) -> tuple[Standing, ...]:
        """All limits that the user's charges may count against, the user's own first."""
        return tuple(Standing(account.row.name, limit) for account in (self, *self.above) for limit in account._limits)

    def hold(self, amount: Picodollars, names: str | None) -> list[int]:
        """Set money aside in every limit that a charge for a model of these names counts against, and return these."""
        counted = []
        for account in (self, *self.above):
            for index, limit in enumerate(account._limits):
                if decisions.counts_against(limit, names):
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

    def find_entry(self, number: int) -> Recorded | None:
        """An entry of the user's, with the values that its correction needs."""
        row = self._tx.one(
            f"SELECT {ENTRY_COLUMNS}, e.model, e.posting_set, {CORRECTIONS}, {REFUNDS} FROM entries e {ENTRY_JOINS}"
            " WHERE e.project = :project AND e.account = :account AND e.number = :number",
            account=self.row.account_id,
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
        """Add an entry that counts where an earlier one does. Whether it counts in an open generation."""
        counted = self._count_again(amount, original.postings, original.model)
        refers_to = original.entry.number
        self._number += 1
        insert_entry(
            self._tx, self.row.account_id, self._number, kind, amount, model=original.model, postings=original.postings,
            pricing=pricing, note=note, refers_to=refers_to,
        )  # fmt: skip
        entry = Entry(
            self._number, kind, self._tx.now_us, amount, original.entry.model, None, pricing, note, refers_to=refers_to
        )
        return entry, counted

    def save(self) -> None:
        """Write the counters and windows, the user's and those above, where anything has changed."""
        for account in (*self.above, self):
            account._save()

    def _save(self) -> None:
        tx = self._tx
        self._save_models()
        if not self._changed and self._number == self.row.last_number and self._limits == self._saved:
            return
        for limit, saved in zip(self._limits, self._saved, strict=True):
            if limit is not saved:
                update_limit(tx, limit, saved)
        self._saved, self._changed = list(self._limits), False
        tx.run(
            "UPDATE accounts SET last_number = :number, created_us = :created, updated_us = :now, extra = :extra,"
            " parent = :parent, parent_since_us = :since WHERE project = :project AND account = :account",
            number=self._number,
            created=self.row.created_us,
            extra=self.row.extra,
            parent=self.row.parent,
            since=self.row.parent_since_us,
            account=self.row.account_id,
        )
        self.row = self.row._replace(last_number=self._number, updated_us=tx.now_us)

    def post_to_primary(
        self, kind: EntryKind, amount: Picodollars, *, model: str | None = None, note: str | None = None
    ) -> Entry:
        """Add an entry that counts in the primary limit only, for whose window an amount was stated.

        Other limits may have been reset since, and would have spent less than nothing.
        """
        limit, key = self.primary, self._key(model)
        self._limits[self._primary] = limit._replace(spent=check_counter(self._tx, limit.spent + amount))
        self._count_in_primary(key, amount)
        return self._record(kind, amount, [limit], model=model, key=key, note=note)

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
        **more: Any,
    ) -> Entry:
        """Add an entry that counts against these limits. `key` is that of the model, `more` is as in `insert_entry`."""
        tx = self._tx
        self._number += 1
        insert_entry(
            tx, self.row.account_id, self._number, kind, amount, model=key, postings=posting_set(tx, limits),
            usage=usage, pricing=pricing, note=note, **more,
        )  # fmt: skip
        entry = Entry(self._number, kind, tx.now_us, amount, model, usage, pricing, note)
        return _with_more(entry, **more) if more else entry

    def _key(self, model: str | None) -> int | None:
        return None if model is None else model_key(self._tx, model)

    def _count_again(self, amount: Picodollars, postings: int | None, model: int | None) -> bool:
        """Add an amount to the limits of a set of postings. Whether any of their generations is open."""
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
        """Write the spend by model that the primary limit's generation has gained since the last time."""
        limit = self.primary
        for model, amount in self._by_model.items():
            count_model(self._tx, limit.limit_id, limit.generation, model, Picodollars(amount))
        self._by_model.clear()


def _with_more(
    entry: Entry,
    *,
    at_us: int | None = None,
    refers_to: int | None = None,
    caller_key: str | None = None,
    hold: str | None = None,
    known: TokenCounts | None = None,  # noqa: ARG001  # of its usage
) -> Entry:
    """An entry of now with what few entries have."""
    entry = entry._replace(refers_to=refers_to, key=caller_key, hold_id=hold)
    return entry if at_us in (None, entry.at_us) else entry._replace(at_us=at_us, recorded_us=entry.at_us)
