"""Counters that are not the sums of their postings: documents, and the columns of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Difference

DIFFERENCE_FIELDS = "user what limit generation model stored posted".split()


def difference_document(difference: Difference) -> dict[str, Any]:
    """The document of a counter that is not the sum of its postings."""
    return {**difference._asdict(), "user": difference.user or None}


DIFFERENCE_COLUMNS = (
    columns.owner(),
    columns.name("limit"),
    columns.text("what", "COUNTER"),
    columns.name("model"),
    Column("WINDOW", lambda document: str(document["generation"]), is_number=True),
    columns.usd("stored"),
    columns.usd("posted"),
)
