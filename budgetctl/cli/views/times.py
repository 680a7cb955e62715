"""Times in documents, in tables and in sentences."""

from __future__ import annotations

from budgetctl.periods import load_zone, rfc3339, to_datetime

_SOON_US = 48 * 3600 * 10**6


def timestamp(at_us: int | None) -> str | None:
    """A time in a document: RFC 3339 in UTC, and null for a time that does not come."""
    return None if at_us is None else rfc3339(at_us)


def minute(time: str | None) -> str:
    """A time in a table, from the one in a document: `2026-12-22 06:41`."""
    return "-" if time is None else time[:16].replace("T", " ")


def moment(at_us: int, zone: str) -> str:
    """A time in a sentence, on the zone's clock: `22 Dec 2026 06:41`."""
    local = to_datetime(at_us).astimezone(load_zone(zone))
    return f"{local.day} {local:%b %Y %H:%M}"


def day(at_us: int, zone: str, now_us: int) -> str:
    """A day in a sentence, on the zone's calendar: with the year in another one, with the time within two days."""
    local, now = (to_datetime(us).astimezone(load_zone(zone)) for us in (at_us, now_us))
    text = f"{local.day} {local:%b}"
    if local.year != now.year:
        text += f" {local.year}"
    return f"{text} {local:%H:%M}" if abs(at_us - now_us) < _SOON_US else text
