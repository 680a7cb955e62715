"""The parents of accounts, checked at every change: no chain of parents is a circle or too long."""

from __future__ import annotations

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


def has_children(tx: Transaction, account: AccountRow) -> bool:
    """Whether the account is the parent of another one."""
    return bool(_children(tx, [account.account_id]))


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
