"""Holds: documents, the columns of their table, and words."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column, Document
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import instant_of, moment, span, timestamp
from budgetctl.money import format_usd
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Hold

HOLD_FIELDS = "hold user amount state model note created_at expires_at resolved_at entry_id".split()


def hold_document(hold: Hold) -> dict[str, Any]:
    """The document of a hold."""
    return {
        "hold": hold.hold_id,
        "user": hold.user,
        "amount": hold.amount,
        "state": hold.state,
        "model": hold.model,
        "note": hold.note,
        "created_at": rfc3339(hold.created_us),
        "expires_at": rfc3339(hold.expires_us),
        "resolved_at": timestamp(hold.resolved_us),
        "entry_id": hold.number,
    }


def hold_columns(now_us: Callable[[], int]) -> tuple[Column, ...]:
    """The columns of the table of holds. `now_us` is asked once, for the age of each and the time that it still has."""
    now = cache(now_us)

    def age(hold: Document) -> str:
        return span(now() - instant_of(hold["created_at"]))

    def left(hold: Document) -> str:
        return span(instant_of(hold["expires_at"]) - now()) if hold["state"] == "open" else "-"

    return (
        columns.name("hold"),
        columns.name("user"),
        columns.usd("amount"),
        columns.text("state", dropped=1),
        Column("AGE", age, is_number=True),
        Column("LEFT", left, is_number=True),
        columns.time("expires_at", "UNTIL (UTC)", dropped=4),
        columns.name("model", dropped=3),
        columns.note(),
    )


def set_aside(hold: Hold) -> str:
    """The sentence for money that was set aside, with the end of that."""
    return f"{hold.user}: {format_usd(hold.amount)} set aside until {moment(hold.expires_us, 'UTC')}"


def let_go(hold: Hold) -> str:
    """The sentence for a hold that was released."""
    return f"{hold.user}: {format_usd(hold.amount)} is not set aside any more"
