"""Top-ups: documents, the columns of their table, and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.cli.views.budgets import standing, state_document
from budgetctl.cli.views.times import minute, timestamp
from budgetctl.ledger.values import Charge
from budgetctl.money import format_usd
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.ledger.top_ups import Left

TOP_UP_FIELDS = "entry_id at limit amount left expires_at note".split()


def top_up_document(charge: Charge) -> dict[str, Any]:
    """The document of a top-up, with the budget after it. A replayed one has the amounts of the first one."""
    return {
        "user": charge.budget.user,
        "added": not charge.replayed,
        "amount": charge.entry.amount,
        "entry_id": charge.entry.number,
        "topped_up": charge.budget.limit.topped_up,
        **state_document(charge.budget),
    }


def left_document(left: Left) -> dict[str, Any]:
    """The document of the money that is left of a top-up."""
    return {
        "entry_id": left.number,
        "at": rfc3339(left.at_us),
        "limit": left.limit,
        "amount": left.amount,
        "left": left.left,
        "expires_at": timestamp(left.expires_us),
        "note": left.note,
    }


TOP_UP_COLUMNS = (
    columns.entry(),
    columns.time("at", "AT (UTC)"),
    columns.name("limit"),
    columns.usd("amount"),
    columns.usd("left"),
    Column(
        "UNTIL (UTC)", lambda document: minute(document["expires_at"]) if document["expires_at"] else "window's end"
    ),
    columns.note(),
)


def topped_up(charge: Charge, now_us: int) -> str:
    """The sentence for a top-up, also for one that was given before by the same key."""
    amount = format_usd(charge.entry.amount)
    if charge.replayed:
        return f"{charge.budget.user}: already topped up by {amount}, as entry {charge.entry.number}; nothing added"
    return f"{charge.budget.user} topped up by {amount} · {standing(charge.budget, now_us)}"
