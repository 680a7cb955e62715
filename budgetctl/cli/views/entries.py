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

ENTRY_FIELDS = (
    "entry_id at kind cost model usage pricing note closed refers_to unpriced user recorded_at key hold changed".split()
)


def entry_document(user: str, entry: Entry) -> dict[str, Any]:
    """The document of an entry. The budget of the whole project has no user."""
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
        "user": user or None,
        "recorded_at": rfc3339(entry.at_us if entry.recorded_us is None else entry.recorded_us),
        "key": entry.key,
        "hold": entry.hold_id,
        "changed": None if entry.changed is None else _changed_document(entry.changed),
    }


def _changed_document(changed: Mapping[str, Any]) -> dict[str, Any]:
    """The document of terms that were changed: each with its old value and its new one, amounts in US dollars."""
    terms = {name: [_term(name, each) for each in value] for name, value in changed.items() if name != "by"}
    return {**_named(terms), "by": changed.get("by")}


def _term(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _named({each: _term(each, of_it) for each, of_it in value.items()})
    return Picodollars(value) if name == "amount" and value is not None else value


def _named(terms: Mapping[str, Any]) -> dict[str, Any]:
    """The terms by the names that they have in the documents of budgets."""
    return {"budget" if name == "amount" else name: value for name, value in terms.items()}


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
        parts.append(f"{_referring(document)} {document['refers_to']}")
    if document["changed"] is not None:
        parts.append(_changes(document["changed"]))
    return "; ".join(filter(None, [*parts, document["note"]]))


def _referring(document: Document) -> str:
    if document["kind"] == "refund":
        return "refunds"
    return "corrects" if document["usage"] is None else "more was used than in"


def _changes(changed: Mapping[str, Any]) -> str:
    """Terms that were changed, in words: `budget $10.00 → $20.00, by ann`."""
    parts = [
        f"{name.replace('_', ' ')} {_shown_term(old)} → {_shown_term(new)}"
        for name, (old, new) in ((name, value) for name, value in changed.items() if name != "by")
    ]
    return ", ".join([*parts, *([f"by {changed['by']}"] if changed["by"] else [])])


def _shown_term(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return f"{value['name']} of {format_usd(value['budget'])}"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return format_usd(value) if isinstance(value, Picodollars) else str(value)


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

ALL_ENTRY_COLUMNS = (columns.owner(), *ENTRY_COLUMNS)
"""The same for the entries of all users."""
