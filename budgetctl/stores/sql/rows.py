"""The columns that are selected from the tables, and the values that rows become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.errors import AlreadyExistsError, UnknownUserError
from budgetctl.ledger.store import PROJECT
from budgetctl.ledger.values import DEFAULT_WARN_AT, PRIMARY, Budget, ClosedWindow, Entry, Limit, Reset
from budgetctl.money import PICODOLLARS_PER_USD, ZERO, Picodollars, to_text
from budgetctl.stores.sql.documents import from_json
from budgetctl.stores.sql.transaction import Row, Transaction

LIMIT_COLUMNS = ", ".join(f"l.{column}" for column in Limit._fields)
"""A limit's fields have the names of its columns."""
_AMOUNTS = tuple(map(Limit._fields.index, ("amount", "spent", "held", "topped_up")))
_WARN_AT = Limit._fields.index("warn_at")

ACCOUNT_COLUMNS = (
    "acc.account, acc.name, acc.last_number, acc.created_us, acc.updated_us, acc.extra, acc.parent,"
    " (SELECT p.name FROM accounts p WHERE p.project = acc.project AND p.account = acc.parent), acc.deleted_us,"
    " acc.parent_since_us"
)

SPENT = "CASE WHEN l.window_end_us <= :now THEN 0 ELSE l.spent END"
"""What a limit has spent in its current window."""

PRIMARY_LIMITS = (
    "accounts acc JOIN limits l ON l.project = acc.project AND l.account = acc.account"
    f" AND l.name = '{PRIMARY}' AND l.deleted_us = 0"
)

ENDED_TOP_UPS = "(l.topped_up <> 0 AND (l.window_end_us <= :now OR l.topped_up_until_us <= :now))"
"""The condition of limits with ended top-ups, whose allowance the database cannot tell."""

NO_ENDED_TOP_UPS = f"COALESCE(NOT {ENDED_TOP_UPS}, TRUE)"
"""The other limits: where the condition is NULL, nothing expires."""

USERS = f"acc.project = :project AND acc.deleted_us = 0 AND acc.name <> '{PROJECT}'"
"""The condition of the accounts of users who have a budget."""

MAX_DEPTH = 8
"""How many parents may stand above each other."""


ENTRY_COLUMNS = (
    "e.number, e.kind, e.at_us, e.amount, m.name, e.usage, e.pricing, e.note,"
    " l.name, e.closed_generation, e.closed_start_us, e.closed_end_us, e.closed_spent, e.refers_to,"
    " EXISTS (SELECT 1 FROM entries c WHERE c.project = e.project AND c.account = e.account AND c.refers_to = e.number"
    "  AND c.kind = 'adjustment' AND c.usage IS NULL),"
    " e.recorded_us, e.caller_key,"
    " CASE WHEN e.hold IS NOT NULL THEN"
    "  (SELECT o.name FROM holds o WHERE o.project = e.project AND o.hold = e.hold) END,"
    " e.changed"
)

ENTRY_JOINS = (
    "LEFT JOIN models m ON m.project = e.project AND m.model = e.model"
    " LEFT JOIN limits l ON l.project = e.project AND l.limit_id = e.closed_limit"
)
"""The tables that `ENTRY_COLUMNS` are selected from, beside `entries e`."""

_LATER = (
    "(SELECT COALESCE(SUM(c.amount), 0) FROM entries c WHERE c.project = e.project AND c.account = e.account"
    " AND c.refers_to = e.number AND c.kind = {})"
)
CORRECTIONS, REFUNDS = _LATER.format("'adjustment'"), _LATER.format("'refund'")
"""By how much later entries correct an entry, and refund it (which is negative)."""

GROWTH = _LATER.format("'adjustment' AND c.usage IS NOT NULL")
"""The part of `CORRECTIONS` that is for what a call has used more than was known."""

NEWEST_USAGE = (
    "(SELECT c.usage FROM entries c WHERE c.project = e.project AND c.account = e.account AND c.refers_to = e.number"
    " AND c.number = (SELECT MAX(n.number) FROM entries n WHERE n.project = e.project AND n.account = e.account"
    "  AND n.refers_to = e.number AND n.kind = 'adjustment' AND n.usage IS NOT NULL))"
)
"""The usage of an entry's call, where that is more than was known at first."""


def sum_in_parts(amount: str) -> str:
    """The SQL of a sum of amounts, as dollars and the rest: a 64-bit sum of picodollars overflows at $9.2 million."""
    rest = f"({amount}) % {PICODOLLARS_PER_USD}"  # taken off before: databases round a quotient in different ways
    return f"SUM(CAST((({amount}) - {rest}) / {PICODOLLARS_PER_USD} AS BIGINT)), SUM({rest})"


def from_parts(dollars: int | None, rest: int | None) -> Picodollars:
    """The sum that `sum_in_parts` selects; nothing where there were no rows."""
    return Picodollars(int(dollars or 0) * PICODOLLARS_PER_USD + int(rest or 0))


class AccountRow(NamedTuple):
    """A user's row: `last_number` is that of the newest entry, `deleted_us` is 0 unless it is deleted.

    `parent_since_us` is when it came under its parent.
    """

    account_id: int
    name: str
    last_number: int
    created_us: int
    updated_us: int
    extra: str | None
    parent: int | None = None
    parent_name: str | None = None
    deleted_us: int = 0
    parent_since_us: int = 0

    def budget(self, project: str, limit: Limit, models: Mapping[str, Picodollars]) -> Budget:
        """The user's budget, with its primary limit as it stands now."""
        extra = from_json(self.extra) or {}
        return Budget(project, self.name, limit, models, self.created_us, self.updated_us, extra, self.parent_name)


ACCOUNT_WIDTH = len(AccountRow._fields)
"""The number of `ACCOUNT_COLUMNS`."""


def find_account(tx: Transaction, user: str) -> AccountRow:
    """The user's account. Raises `UnknownUserError`, with the command that would create it."""
    row = tx.one(
        f"SELECT {ACCOUNT_COLUMNS} FROM accounts acc"
        " WHERE acc.project = :project AND acc.name = :user AND acc.deleted_us = 0",
        user=user,
    )
    if row is None:
        raise unknown_user(user)
    return AccountRow(*row)


def account_row(tx: Transaction, account_id: int) -> AccountRow:
    """The account of that key, which may be deleted."""
    row = tx.one(
        f"SELECT {ACCOUNT_COLUMNS} FROM accounts acc WHERE acc.project = :project AND acc.account = :account",
        account=account_id,
    )
    if row is None:
        raise TypeError(f"there is no account {account_id}")
    return AccountRow(*row)


def accounts_above(tx: Transaction, account: AccountRow, *, stop_at: int | None = None) -> list[AccountRow]:
    """The accounts whose limits also count the account's spending: its parents, the nearest first, then the project.

    Goes no further than `stop_at`: while a new parent is only tried, the parents may be a circle.
    """
    above: list[AccountRow] = []
    parent = account.parent
    while parent is not None:
        row = tx.one(
            f"SELECT {ACCOUNT_COLUMNS} FROM accounts acc WHERE acc.project = :project AND acc.account = :parent",
            parent=parent,
        )
        if row is None:
            break
        above.append(AccountRow(*row))
        parent = above[-1].parent if above[-1].account_id != stop_at else None
    if account.name != PROJECT:
        row = tx.one(
            f"SELECT {ACCOUNT_COLUMNS} FROM accounts acc WHERE acc.project = :project AND acc.name = :name"
            " AND acc.deleted_us = 0",
            name=PROJECT,
        )
        above += [AccountRow(*row)] if row is not None else []
    return above


def limits_of(tx: Transaction, account: AccountRow) -> list[Limit]:
    """The account's limits as they are stored; of a deleted account, its last ones."""
    rows = tx.all(
        f"SELECT {LIMIT_COLUMNS} FROM limits l WHERE l.project = :project AND l.account = :account"
        " AND l.deleted_us = :deleted_us ORDER BY l.limit_id",
        account=account.account_id,
        deleted_us=account.deleted_us,
    )
    return [limit_from_row(row) for row in rows]


def unknown_user(user: str) -> UnknownUserError:
    """The error for a user without a budget."""
    import shlex

    return UnknownUserError(f"no budget for {user!r}", hint=f"budgetctl create {shlex.quote(user)} --budget 10")


def already_exists(user: str, amount: Picodollars | None) -> AlreadyExistsError:
    """The error for a user who has a budget, with the command that would change it."""
    import shlex

    return AlreadyExistsError(
        f"{user} has a budget already",
        hint=f"budgetctl set {shlex.quote(user)} --budget {to_text(amount or ZERO)}",
    )


def limit_from_row(row: Sequence[Any]) -> Limit:
    """A limit from `LIMIT_COLUMNS`."""
    columns = list(row)
    for place in _AMOUNTS:
        columns[place] = Picodollars(columns[place])
    warn_at = columns[_WARN_AT]
    columns[_WARN_AT] = DEFAULT_WARN_AT if warn_at is None else tuple(map(int, warn_at.split(",")))
    return Limit(*columns)


def entry_from_row(row: Row) -> Entry:
    """An entry from `ENTRY_COLUMNS`."""
    number, kind, at_us, amount, model, usage, pricing, note, *others = row
    limit, generation, start_us, end_us, spent, refers_to, is_corrected, recorded_us, key, hold_id, changed = others
    return Entry(
        number=number,
        kind=kind,
        at_us=at_us,
        amount=Picodollars(amount),
        model=model,
        usage=from_json(usage),
        pricing=from_json(pricing),
        note=note,
        closed=ClosedWindow(limit, generation, start_us, end_us, Picodollars(spent)) if limit else None,
        refers_to=refers_to,
        is_corrected=bool(is_corrected),
        recorded_us=recorded_us,
        key=key,
        hold_id=hold_id,
        changed=from_json(changed),
    )


def reset_from_row(user: str, zone: str, row: Row) -> Reset:
    """A recorded reset from `ENTRY_COLUMNS`."""
    entry = entry_from_row(row)
    if entry.closed is None:
        raise TypeError(f"entry {entry.number} of {user!r} is no reset")
    return Reset(user, entry.closed, entry.at_us, zone)


def spent_by_model(tx: Transaction, limit: Limit) -> dict[str, Picodollars]:
    """The spend of the limit's generation by model, the most expensive model first."""
    rows = tx.all(
        "SELECT m.name, t.spent FROM model_totals t JOIN models m ON m.project = t.project AND m.model = t.model"
        " WHERE t.project = :project AND t.limit_id = :limit_id AND t.generation = :generation"
        " ORDER BY t.spent DESC, m.name",
        limit_id=limit.limit_id,
        generation=limit.generation,
    )
    return {model: Picodollars(spent) for model, spent in rows}


def keys_in_sql(keys: Iterable[int]) -> str:
    """Keys of rows as a list in SQL. As literals: of named parameters, SQLite looks for each among all before it."""
    return ",".join(map(str, map(int, keys)))


def stored_model_totals(tx: Transaction, limit_ids: Sequence[int]) -> dict[int, dict[str, Picodollars]]:
    """The spend by model of many limits, by the limits' keys, in the generations that are stored."""
    if not limit_ids:
        return {}
    totals: dict[int, dict[str, Picodollars]] = {}
    for limit_id, model, spent in tx.all(
        "SELECT t.limit_id, m.name, t.spent FROM limits l"
        " JOIN model_totals t ON t.project = l.project AND t.limit_id = l.limit_id AND t.generation = l.generation"
        " JOIN models m ON m.project = t.project AND m.model = t.model"
        f" WHERE l.project = :project AND l.limit_id IN ({keys_in_sql(limit_ids)})"
        " ORDER BY l.limit_id, t.spent DESC, m.name"
    ):
        totals.setdefault(limit_id, {})[model] = Picodollars(spent)
    return totals
