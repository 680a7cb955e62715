"""The columns of tables, each made from a document's fields."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.cells import Column, Document
from budgetctl.money import format_exact, format_usd

STATUS_STYLES = {"ok": "green", "warning": "yellow", "exceeded": "red"}


def _usd(field: str, heading: str | None = None) -> Column:
    return Column(heading or field.upper(), lambda document: format_usd(document[field]), is_number=True)


def _text(field: str, heading: str | None = None) -> Column:
    return Column(heading or field.upper(), lambda document: _shown(document[field]))


def _name(field: str, heading: str | None = None) -> Column:
    return Column(heading or field.upper(), lambda document: _shown(document[field]), is_name=True)


def _owner() -> Column:
    """Whose it is."""
    return Column("USER", lambda document: document["user"] or "(the project)", is_name=True)


def _rate(name: str) -> Column:
    """USD for a million tokens."""

    def text(document: Document) -> str:
        rate = document["rates"].get(name)
        return "-" if rate is None else format_exact(rate * 10**6 // document["per"])

    return Column(name.replace("_", " ").upper(), text, is_number=True)


def _time(field: str, heading: str) -> Column:
    """Times in UTC, to the minute; JSON has the seconds."""
    return Column(heading, lambda document: _minute(document[field]))


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _next_reset(document: Document) -> str:
    """The day, and for windows of hours the minute: `2026-12-22` or `12-22 15:15`."""
    time, duration = document["resets_at"], document["duration"] or ""
    if time is None:
        return "-"
    return _minute(time)[5:] if duration in ("hourly", "daily") or duration.endswith("h") else time[:10]


def _minute(time: str | None) -> str:
    return "-" if time is None else time[:16].replace("T", " ")


def _entry_cost(document: Document) -> str:
    """What the entry moved; for a reset, what the window it closed had spent."""
    if document["closed"] is not None:
        return f"({format_usd(document['closed']['spent'])})"
    return format_usd(document["cost"])


def _entry_note(document: Document) -> str:
    """The note, behind what the entry itself says."""
    parts = ["unpriced"] if document["unpriced"] else []
    if document["refers_to"] is not None:
        parts.append(f"{'refunds' if document['kind'] == 'refund' else 'corrects'} {document['refers_to']}")
    return "; ".join(filter(None, [*parts, document["note"]]))


def _tokens(document: Document) -> str:
    usage = document["usage"]
    return f"{usage['input_tokens']:,}/{usage['output_tokens']:,}" if usage else "-"


def _size(document: Document) -> str:
    kib = -(-document["size_bytes"] // 1024)
    return f"{kib:,} KiB" if kib < 10_000 else f"{kib / 1024:,.0f} MiB"


BUDGET_COLUMNS = (
    _name("user"),
    _usd("spent"),
    _usd("budget"),
    Column("USED", lambda document: f"{document['used_percent']:.0f} %", is_number=True),
    _usd("remaining", "LEFT"),
    Column("RESETS UTC", _next_reset),
    Column(
        "STATUS",
        lambda document: str(document["status"]),
        style=lambda document: STATUS_STYLES[document["status"]],
    ),
)
ENTRY_COLUMNS = (
    Column("ENTRY", lambda document: str(document["entry_id"]), is_number=True),
    _time("at", "AT (UTC)"),
    _text("kind"),
    Column("COST", _entry_cost, is_number=True),
    _name("model"),
    Column("TOKENS", _tokens, is_number=True),
    Column("NOTE", _entry_note, is_name=True),
)
CORRECTION_COLUMNS = (
    _name("user"),
    Column("ENTRY", lambda document: str(document["entry_id"]), is_number=True),
    _time("at", "AT (UTC)"),
    _name("model"),
    _usd("cost_before", "BEFORE"),
    _usd("cost", "NOW"),
    Column("", lambda document: "history only" if document["counted"] is False else ""),
)
CROSSING_COLUMNS = (
    _owner(),
    _name("limit"),
    Column("PAST", lambda document: f"{document['threshold']} %", is_number=True),
    _usd("spent"),
    Column("OF", lambda document: format_usd(document["amount"] + document["topped_up"]), is_number=True),
    _time("resets_at", "RESETS UTC"),
)
DIFFERENCE_COLUMNS = (
    _owner(),
    _name("limit"),
    _text("what", "COUNTER"),
    _name("model"),
    Column("WINDOW", lambda document: str(document["generation"]), is_number=True),
    _usd("stored"),
    _usd("posted"),
)
HOLD_COLUMNS = (
    _name("hold"),
    _name("user"),
    _usd("amount"),
    _text("state"),
    _time("expires_at", "UNTIL (UTC)"),
    _name("model"),
    Column("NOTE", lambda document: document["note"] or "", is_name=True),
)
RESET_COLUMNS = (
    _owner(),
    _usd("spent"),
    _time("window_start", "FROM (UTC)"),
    _time("window_end", "TO (UTC)"),
)
TOP_UP_COLUMNS = (
    Column("ENTRY", lambda document: str(document["entry_id"]), is_number=True),
    _time("at", "AT (UTC)"),
    _name("limit"),
    _usd("amount"),
    _usd("left"),
    Column(
        "UNTIL (UTC)", lambda document: _minute(document["expires_at"]) if document["expires_at"] else "window's end"
    ),
    Column("NOTE", lambda document: document["note"] or "", is_name=True),
)
PRICE_COLUMNS = (
    _name("key", "MODEL"),
    _name("provider"),
    _rate("input"),
    _rate("output"),
    _rate("cache_read"),
    _text("source", "FROM"),
)
PROJECT_COLUMNS = (
    _name("project"),
    Column("USERS", lambda document: f"{document['users']:,}", is_number=True),
    _usd("spent"),
    Column("SIZE", _size, is_number=True),
    _name("store"),
)
BACKUP_COLUMNS = (
    Column("PROJECTS", lambda document: ", ".join(document["projects"]) or "-", is_name=True),
    Column("SIZE", _size, is_number=True),
    _name("file"),
)
TOKEN_COLUMNS = (
    _text("id"),
    _name("project"),
    Column("MAY", lambda document: "read" if document["read_only"] else "read, write"),
    _text("status"),
    _time("created_at", "CREATED (UTC)"),
    _time("expires_at", "EXPIRES (UTC)"),
)
MIGRATED_COLUMNS = (
    _name("user"),
    _usd("spent"),
    _usd("budget"),
    _text("duration"),
    Column("", lambda document: "" if document["migrated"] else "has a budget here; left alone"),
)
