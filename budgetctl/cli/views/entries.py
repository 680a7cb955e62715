"""Entries of the ledger: documents, and the columns of their table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.cli.cells import Column, Document
from budgetctl.cli.views import columns
from budgetctl.cli.views.resets import closed_document
from budgetctl.ledger.values import Entry, Usage
from budgetctl.money import Picodollars, format_usd
from budgetctl.periods import rfc3339

ENTRY_FIELDS = "entry_id at kind cost model usage pricing note closed refers_to unpriced".split()


def entry_document(entry: Entry) -> dict[str, Any]:
    """The document of an entry."""
    return {
        "entry_id": entry.number,
        "at": rfc3339(entry.at_us),
        "kind": entry.kind,
        "cost": entry.amount,
        "model": entry.model,
        "usage": usage_document(entry.usage),
        "pricing": entry.pricing,
        "note": entry.note,
        "closed": None if entry.closed is None else {"limit": entry.closed.limit, **closed_document(entry.closed)},
        "refers_to": entry.refers_to,
        "unpriced": entry.is_unpriced,
    }


def usage_document(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The document of a recorded usage, with the sums of its counts. None where only a cost was stated."""
    if not usage:
        return None
    # A caller of the library may have recorded a mapping of any kind.
    counts = Usage(**{name: usage[name] for name in Usage._fields if isinstance(usage.get(name), int)})
    document = {"input_tokens": counts.total_input, "output_tokens": counts.total_output, **usage}
    if counts.cost is not None:
        document["cost"] = Picodollars(counts.cost)
    return document


def _entry_cost(document: Document) -> str:
    """The amount of an entry; for a reset, the money that was spent in the window that it closed."""
    if document["closed"] is not None:
        return f"({format_usd(document['closed']['spent'])})"
    return format_usd(document["cost"])


def _entry_note(document: Document) -> str:
    """The note of an entry, behind words from its other fields."""
    parts = ["unpriced"] if document["unpriced"] else []
    if document["refers_to"] is not None:
        parts.append(f"{'refunds' if document['kind'] == 'refund' else 'corrects'} {document['refers_to']}")
    return "; ".join(filter(None, [*parts, document["note"]]))


def _tokens(document: Document) -> str:
    usage = document["usage"]
    return f"{usage['input_tokens']:,}/{usage['output_tokens']:,}" if usage else "-"


ENTRY_COLUMNS = (
    columns.entry(),
    columns.time("at", "AT (UTC)"),
    columns.text("kind", dropped=1),
    Column("COST", _entry_cost, is_number=True),
    columns.name("model"),
    Column("TOKENS", _tokens, is_number=True, dropped=3),
    Column("NOTE", _entry_note, is_name=True, dropped=2),
)
