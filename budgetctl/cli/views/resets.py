"""Resets: documents, the columns of their table, and words."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.views import columns
from budgetctl.ledger.values import ClosedWindow, Reset
from budgetctl.money import format_usd
from budgetctl.periods import rfc3339

RESET_FIELDS = "user spent window_start window_end reset_at timezone".split()


def reset_document(reset: Reset) -> dict[str, Any]:
    """The document of a reset, with the window that it closed; `user` is null for the project's."""
    return {
        "user": reset.user or None,
        **closed_document(reset.closed),
        "reset_at": rfc3339(reset.at_us),
        "timezone": reset.zone,
    }


def closed_document(closed: ClosedWindow) -> dict[str, Any]:
    """The document of a window that was closed, and the money that was spent in it."""
    return {
        "spent": closed.spent,
        "window_start": rfc3339(closed.start_us),
        "window_end": rfc3339(closed.end_us),
    }


RESET_COLUMNS = (
    columns.owner(),
    columns.usd("spent"),
    columns.boundary("window_start", "FROM"),
    columns.boundary("window_end", "TO"),
)


def was_reset(reset: Reset) -> str:
    """The sentence for a reset."""
    return f"{reset.user}: reset; {format_usd(reset.closed.spent)} was spent"
