"""The parents of accounts, checked at every change: no chain of parents is a circle or too long."""

from __future__ import annotations

import shlex

from budgetctl.errors import InvalidValueError, UnknownUserError
from budgetctl.ledger.store import PROJECT
from budgetctl.stores.sql.rows import MAX_DEPTH, AccountRow, accounts_above, find_account
from budgetctl.stores.sql.transaction import Transaction


def placed(tx: Transaction, account: AccountRow, parent: str) -> tuple[AccountRow, list[AccountRow]]:
    """The account under another parent (none for an empty name), and the accounts above it then.

    Raises `UnknownUserError`, and `InvalidValueError` for a parent that it cannot have.
    """
    above_it = _parent(tx, parent) if parent else None
    moved = account._replace(parent=above_it and above_it.account_id, parent_name=above_it and above_it.name)
    if moved.parent != account.parent:
        moved = moved._replace(parent_since_us=tx.now_us if above_it else 0)
    parents: list[int] = []
    above = accounts_above(tx, moved, stop_at=moved.account_id)
    for each in above:
        if each.account_id == account.account_id:
            raise InvalidValueError(f"{parent} cannot be the parent of {account.name}, under which it stands itself")
        parents += [each.account_id] if each.name != PROJECT else []
    if len(parents) + _height(tx, account) > MAX_DEPTH:
        raise InvalidValueError(f"{account.name} cannot stand under {parent}: a user has at most {MAX_DEPTH} above it")
    return moved, above


def _parent(tx: Transaction, name: str) -> AccountRow:
    try:
        return find_account(tx, name)
    except UnknownUserError as error:
        error.message = f"no budget for the parent {name!r}"
        raise


def refuse_parent(tx: Transaction, account: AccountRow) -> None:
    """Raise `InvalidValueError`, which names some of its children, where an account is the parent of others."""
    under = "FROM accounts WHERE project = :project AND deleted_us = 0 AND parent = :parent"
    # By a text that no index has: else all names would be read in their order.
    first = f"SELECT name {under} ORDER BY name || '' LIMIT 3"
    names = [name for (name,) in tx.all(first, parent=account.account_id)]
    if not names:
        return
    ((count,),) = tx.all(f"SELECT COUNT(*) {under}", parent=account.account_id)
    shown = ", ".join(names) + (f" and {count - len(names):,} more" if count > len(names) else "")
    raise InvalidValueError(
        f"{account.name} is the parent of {shown}, and cannot be deleted before they are moved",
        hint=f"budgetctl set {shlex.quote(names[0])} --no-parent",
    )


def _height(tx: Transaction, account: AccountRow) -> int:
    """The length of the longest chain of accounts under this one, up to one more than is allowed."""
    height, level = 0, [account.account_id]
    while height <= MAX_DEPTH and (level := _children(tx, level)):
        height += 1
    return height


def _children(tx: Transaction, parents: list[int]) -> list[int]:
    rows = tx.all(
        "SELECT acc.account FROM accounts acc WHERE acc.project = :project AND acc.deleted_us = 0"
        f" AND acc.parent IN ({','.join(map(str, parents))})"
    )
    return [row[0] for row in rows]
