"""Which limits decide how much is left for each user of a page: what stands above many of them is read once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from budgetctl.ledger.decisions import deciding
from budgetctl.ledger.store import PROJECT
from budgetctl.ledger.values import PRIMARY, Limit, Standing
from budgetctl.stores.sql.rows import LIMIT_COLUMNS, AccountRow, keys_in_sql, limit_from_row
from budgetctl.stores.sql.standings import as_of_now
from budgetctl.stores.sql.transaction import Transaction

Standings = tuple[Standing, ...]

HAS_OTHERS = (
    "EXISTS (SELECT 1 FROM limits o WHERE o.project = acc.project AND o.account = acc.account AND o.deleted_us = 0"
    f" AND o.name <> '{PRIMARY}')"
)
"""The condition of accounts with more limits than the primary one."""


def deciding_of(
    tx: Transaction, accounts: Sequence[AccountRow], primaries: Sequence[Limit], has_others: Sequence[bool]
) -> list[Standings]:
    """`Budget.deciding` for each of these accounts, whose primary limits are given as they stand now."""
    others = _Owned(tx)
    others.read((each.account_id for each, has in zip(accounts, has_others, strict=True) if has), PRIMARY)
    above = _Above(tx, {account.parent for account in accounts if account.parent is not None})
    found = []
    for account, primary in zip(accounts, primaries, strict=True):
        own = (Standing(account.name, primary), *others.standings.get(account.account_id, ()))
        above_it = above.of(account.parent)
        decides = deciding((*own, *above_it)) if above_it or len(own) > 1 else ()
        found.append(() if decides == own[:1] else decides)
    return found


class _Owned:
    """The limits of accounts as they stand now, by account, and the parents of these accounts."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.standings: dict[int, Standings] = {}
        self.parents: dict[int, int | None] = {}

    def read(self, accounts: Iterable[int], but: str = "") -> None:
        """Read the limits of these accounts, but those of that name."""
        keys = keys_in_sql(accounts)
        if not keys:
            return
        rows = self._tx.all(
            # From the accounts on, SQLite would go through all of the project's.
            f"SELECT l.account, acc.name, acc.parent, {LIMIT_COLUMNS} FROM limits l CROSS JOIN accounts acc"
            f" WHERE l.project = :project AND l.account IN ({keys}) AND l.deleted_us = 0 AND l.name <> :but"
            " AND acc.project = l.project AND acc.account = l.account ORDER BY l.limit_id",
            but=but,
        )
        limits = as_of_now(self._tx, [limit_from_row(columns) for _, _, _, *columns in rows])
        for (account, name, parent, *_), limit in zip(rows, limits, strict=True):
            self.standings[account] = (*self.standings.get(account, ()), Standing(name, limit))
            self.parents[account] = parent


class _Above:
    """The limits that decide in all that stands above somebody: in a parent and its parents, and in the project."""

    def __init__(self, tx: Transaction, parents: set[int]) -> None:
        self._owned = _Owned(tx)
        row = tx.one(
            "SELECT account FROM accounts WHERE project = :project AND name = :name AND deleted_us = 0", name=PROJECT
        )
        self._owned.read(row or ())
        self._of_project = deciding(self._owned.standings[row[0]]) if row else ()
        self._deciding: dict[int, Standings] = {}
        while parents:
            self._owned.read(sorted(parents))
            found = {self._owned.parents[each] for each in parents}
            parents = {each for each in found if each is not None and each not in self._owned.parents}

    def of(self, parent: int | None) -> Standings:
        """The deciding limits from this parent upward, or for None of the project alone."""
        if parent is None:
            return self._of_project
        if parent not in self._deciding:
            above = self.of(self._owned.parents[parent])
            self._deciding[parent] = deciding((*self._owned.standings[parent], *above))
        return self._deciding[parent]
