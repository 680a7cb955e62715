"""The columns of tables, each made from a document's fields."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.output import Column, Document
from budgetctl.money import format_usd

STATUS_STYLES = {"ok": "green", "warning": "yellow", "exceeded": "red"}


def _usd(field: str, heading: str | None = None) -> Column:
    return Column(heading or field.upper(), lambda document: format_usd(document[field]), right=True)


def _text(field: str, heading: str | None = None) -> Column:
    return Column(heading or field.upper(), lambda document: _shown(document[field]))


def _time(field: str, heading: str) -> Column:
    """Times in UTC, to the minute; JSON has the seconds."""
    return Column(heading, lambda document: _minute(document[field]))


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _minute(time: str | None) -> str:
    return "-" if time is None else time[:16].replace("T", " ")


def _entry_cost(document: Document) -> str:
    """What the entry moved; for a reset, what the window it closed had spent."""
    if document["closed"] is not None:
        return f"({format_usd(document['closed']['spent'])})"
    return format_usd(document["cost"])


def _tokens(document: Document) -> str:
    usage = document["usage"] or {}
    if not usage:
        return "-"
    reads, writes = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return f"{reads:,}/{writes:,}"


def _size(document: Document) -> str:
    kib = -(-document["size_bytes"] // 1024)
    return f"{kib:,} KiB" if kib < 10_000 else f"{kib / 1024:,.0f} MiB"


BUDGET_COLUMNS = (
    _text("user"),
    _usd("spent"),
    _usd("budget"),
    Column("USED", lambda document: f"{document['used_percent']:.0f} %", right=True),
    _usd("remaining", "LEFT"),
    _time("resets_at", "RESETS (UTC)"),
    Column(
        "STATUS",
        lambda document: str(document["status"]),
        style=lambda document: STATUS_STYLES[document["status"]],
    ),
)
ENTRY_COLUMNS = (
    Column("ENTRY", lambda document: str(document["entry_id"]), right=True),
    _time("at", "AT (UTC)"),
    _text("kind"),
    Column("COST", _entry_cost, right=True),
    _text("model"),
    Column("TOKENS", _tokens, right=True),
    Column("NOTE", lambda document: document["note"] or ""),
)
RESET_COLUMNS = (
    _text("user"),
    _usd("spent"),
    _time("window_start", "FROM (UTC)"),
    _time("window_end", "TO (UTC)"),
)
PROJECT_COLUMNS = (
    _text("project"),
    Column("USERS", lambda document: f"{document['users']:,}", right=True),
    _usd("spent"),
    Column("SIZE", _size, right=True),
    _text("store"),
)
MIGRATED_COLUMNS = (
    _text("user"),
    _usd("spent"),
    _usd("budget"),
    _text("duration"),
    Column("", lambda document: "" if document["migrated"] else "has a budget here; left alone"),
)
