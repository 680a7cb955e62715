"""Thresholds that are crossed: documents, and the columns of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import timestamp
from budgetctl.ledger import decisions
from budgetctl.money import format_usd
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Crossing

CROSSING_FIELDS = (
    "project user limit threshold used_percent spent amount topped_up remaining window_start resets_at timezone".split()
)


def crossing_document(project: str, crossing: Crossing) -> dict[str, Any]:
    """The document of a threshold of a limit that is crossed; `user` is null for the project's."""
    limit = crossing.standing.limit
    return {
        "project": project,
        "user": crossing.standing.user or None,
        "limit": limit.name,
        "threshold": crossing.percent,
        "used_percent": decisions.used_percent(limit),
        "spent": limit.spent,
        "amount": limit.amount,
        "topped_up": limit.topped_up,
        "remaining": limit.remaining,
        "window_start": rfc3339(limit.window_start_us),
        "resets_at": timestamp(limit.window_end_us),
        "timezone": limit.zone,
    }


CROSSING_COLUMNS = (
    columns.owner(),
    columns.name("limit"),
    Column("PAST", lambda document: f"{document['threshold']} %", is_number=True),
    columns.usd("spent"),
    Column("OF", lambda document: format_usd(document["amount"] + document["topped_up"]), is_number=True),
    columns.boundary("resets_at", "RESETS", dropped=2),
)
