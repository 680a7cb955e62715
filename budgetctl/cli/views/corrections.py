"""Corrections of entries: documents, and the columns of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Correction

CORRECTION_FIELDS = "user entry_id at model cost_before cost corrected_by counted".split()


def correction_document(correction: Correction) -> dict[str, Any]:
    """The document of a correction: an entry's old and new cost, and the entry that makes up the difference."""
    return {
        "user": correction.user,
        "entry_id": correction.number,
        "at": rfc3339(correction.at_us),
        "model": correction.model,
        "cost_before": correction.before,
        "cost": correction.after,
        "corrected_by": correction.entry,
        "counted": correction.is_counted,
    }


CORRECTION_COLUMNS = (
    columns.name("user"),
    columns.entry(),
    columns.time("at", "AT (UTC)"),
    columns.name("model"),
    columns.usd("cost_before", "BEFORE"),
    columns.usd("cost", "NOW"),
    Column("", lambda document: "history only" if document["counted"] is False else ""),
)
