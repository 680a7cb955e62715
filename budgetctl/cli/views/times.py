"""Times in documents, in tables and in sentences."""

from __future__ import annotations

from datetime import datetime

from budgetctl.periods import from_datetime, load_zone, local_time, minute_of, rfc3339, zone_name

_SOON_US = 48 * 3600 * 10**6
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
"""Seconds, and the letter that stands for so many."""


def timestamp(at_us: int | None) -> str | None:
    """A time in a document: RFC 3339 in UTC, and null for a time that does not come."""
    return None if at_us is None else rfc3339(at_us)


def minute(time: str | None) -> str:
    """A table's time in UTC, from a document's: `2026-12-22 06:41`."""
    return "-" if time is None else time[:16].replace("T", " ")


def reset_day(time: str | None, zone: str, *, with_time: bool) -> str:
    """The end of a window on the zone's calendar, with the zone: `2026-12-22 CET`, or `12-22 06:41 CET`."""
    if time is None:
        return "-"
    local = _local(time, zone)
    return f"{local:{'%m-%d %H:%M' if with_time else '%Y-%m-%d'}} {zone_name(local)}"


def boundary_minute(time: str | None, zone: str) -> str:
    """The beginning or the end of a window on the zone's clock, with the zone: `2026-12-22 06:41 CET`."""
    return "-" if time is None else minute_of(_local(time, zone))


def instant_of(time: str) -> int:
    """A document's time, in microseconds since 1970."""
    return from_datetime(datetime.fromisoformat(time))


def span(us: int) -> str:
    """How long something lasts, in whole units of the largest that it has two of: `90s`, `12m`, `3h`, `6d`."""
    seconds = max(us, 0) // 1_000_000
    size, unit = next((each for each in _UNITS if seconds >= 2 * each[0]), _UNITS[-1])
    return f"{seconds // size}{unit}"


def moment(at_us: int, zone: str) -> str:
    """A time on the zone's clock, with the zone: `22 Dec 2026 06:41 CET`."""
    local = local_time(at_us, zone)
    return f"{local.day} {local:%b %Y %H:%M} {zone_name(local)}"


def day(at_us: int, zone: str, now_us: int) -> str:
    """A day on the zone's calendar; with the year when it is another one, with the time within two days.

    A time stands with its zone, and so does a day outside UTC.
    """
    local, now = (local_time(us, zone) for us in (at_us, now_us))
    is_soon = abs(at_us - now_us) < _SOON_US
    parts = [
        f"{local.day} {local:%b}",
        str(local.year) if local.year != now.year else "",
        f"{local:%H:%M}" if is_soon else "",
        zone_name(local) if is_soon or zone != "UTC" else "",
    ]
    return " ".join(filter(None, parts))


def _local(time: str, zone: str) -> datetime:
    return datetime.fromisoformat(time).astimezone(load_zone(zone))
