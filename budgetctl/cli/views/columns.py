"""Columns that several nouns have in their tables, each made from a field of a document."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.cells import Column, Document
from budgetctl.cli.views.times import boundary_minute, minute
from budgetctl.money import format_usd


def usd(field: str, heading: str | None = None, *, dropped: int = 0) -> Column:
    """A column of an amount in US dollars."""
    return Column(
        heading or field.upper(), lambda document: format_usd(document[field]), is_number=True, dropped=dropped
    )


def text(field: str, heading: str | None = None, *, dropped: int = 0) -> Column:
    """A column of a word of budgetctl, which is never cut."""
    return Column(heading or field.upper(), lambda document: _shown(document[field]), dropped=dropped)


def name(field: str, heading: str | None = None, *, dropped: int = 0) -> Column:
    """A column of a name, which may be cut."""
    return Column(heading or field.upper(), lambda document: _shown(document[field]), is_name=True, dropped=dropped)


def owner() -> Column:
    """A column of the user, or of a word for the project."""
    return Column("USER", lambda document: document["user"] or "(the project)", is_name=True)


def time(field: str, heading: str, *, dropped: int = 0) -> Column:
    """A column of a time in UTC, to the minute; JSON has the seconds."""
    return Column(heading, lambda document: minute(document[field]), dropped=dropped)


def boundary(field: str, heading: str, *, dropped: int = 0) -> Column:
    """The beginning or the end of a window, on the clock of its zone."""
    return Column(heading, lambda document: boundary_minute(document[field], document["timezone"]), dropped=dropped)


def entry() -> Column:
    """A column of the number of an entry."""
    return Column("ENTRY", lambda document: str(document["entry_id"]), is_number=True)


def note() -> Column:
    """A column of a note, empty where there is none."""
    return Column("NOTE", lambda document: document["note"] or "", is_name=True, dropped=2)


def size() -> Column:
    """A column of a size in KiB or MiB."""
    return Column("SIZE", _size, is_number=True)


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _size(document: Document) -> str:
    kib = -(-document["size_bytes"] // 1024)
    return f"{kib:,} KiB" if kib < 10_000 else f"{kib / 1024:,.0f} MiB"
