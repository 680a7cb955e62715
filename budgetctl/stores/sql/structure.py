"""Who stands above whom: checked whenever it changes, so that no chain of parents is a circle or too long."""

from __future__ import annotations

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.store import PROJECT
from budgetctl.stores.sql.rows import MAX_DEPTH, Holder, find_holder, holders_above
from budgetctl.stores.sql.transaction import Transaction


def placed(tx: Transaction, holder: Holder, parent: str) -> tuple[Holder, list[Holder]]:
    """The holder under another parent (none for an empty name), and those above it then.

    Raises `UnknownUserError`, and `InvalidValueError` for a place that it cannot have.
    """
    above_it = find_holder(tx, parent) if parent else None
    moved = holder._replace(parent=above_it and above_it.holder, parent_name=above_it and above_it.name)
    parents: list[int] = []
    above = holders_above(tx, moved, stop_at=moved.holder)
    for each in above:
        if each.holder == holder.holder:
            raise InvalidValueError(f"{parent} cannot be the parent of {holder.name}, under which it stands itself")
        parents += [each.holder] if each.name != PROJECT else []
    if len(parents) + _height(tx, holder) > MAX_DEPTH:
        raise InvalidValueError(f"{holder.name} cannot stand under {parent}: a user has at most {MAX_DEPTH} above it")
    return moved, above


def has_children(tx: Transaction, holder: Holder) -> bool:
    """Whether anybody stands under the holder."""
    return bool(_children(tx, [holder.holder]))


def _height(tx: Transaction, holder: Holder) -> int:
    """How many stand under the holder, one under another."""
    height, level = 0, [holder.holder]
    while height <= MAX_DEPTH and (level := _children(tx, level)):
        height += 1
    return height


def _children(tx: Transaction, parents: list[int]) -> list[int]:
    rows = tx.all(
        "SELECT h.holder FROM holders h WHERE h.project = :project AND h.deleted_us = 0"
        f" AND h.parent IN ({','.join(map(str, parents))})"
    )
    return [row[0] for row in rows]
