"""Durations, the windows they cut time into, and the clock: pure calendar arithmetic.

Instants are integers of microseconds since 1970 in UTC (`…_us`). Nothing here reads a clock: the instant and
the zone are passed in, so that a window follows from (anchor, duration, alignment, zone, instant) alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    from budgetctl.ledger.values import Align

Unit = Literal["h", "d", "w", "mo", "y"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_HOUR_US = 3600 * _SECOND_US
_DAY_US = 24 * _HOUR_US
_END_US = (datetime(3000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND

_MAX_COUNT: dict[Unit, int] = {"h": 876_600, "d": 36_525, "w": 5_217, "mo": 1_200, "y": 100}
"""A hundred years in each unit: with the range of instants, this keeps every date within `datetime`."""

_DAYS: dict[Unit, int] = {"d": 1, "w": 7}
_MONTHS: dict[Unit, int] = {"mo": 1, "y": 12}
_FIXED_US: dict[Unit, int] = {"h": _HOUR_US, "d": _DAY_US, "w": 7 * _DAY_US}


class Duration(NamedTuple):
    """How long a window lasts: `number` hours, days, weeks, months or years. `str()` is the canonical text."""

    number: int
    unit: Unit

    def __str__(self) -> str:
        return _NAME_OF.get(self) or f"{self.number}{self.unit}"


_NAMED = {
    "hourly": Duration(1, "h"),
    "daily": Duration(1, "d"),
    "weekly": Duration(1, "w"),
    "monthly": Duration(1, "mo"),
    "quarterly": Duration(3, "mo"),
    "yearly": Duration(1, "y"),
}
_WORDS: dict[str, Unit] = {
    **dict.fromkeys(("hour", "hr"), "h"),
    **dict.fromkeys(("day", "dy"), "d"),
    **dict.fromkeys(("week", "wk"), "w"),
    **dict.fromkeys(("month", "mon", "mth"), "mo"),
    **dict.fromkeys(("year", "yr", "annual", "annually"), "y"),
}
"""What people call the units that are not written so here."""

DURATION_NAMES = (*_NAMED, "none")

_NAME_OF = {duration: name for name, duration in _NAMED.items()}
_COUNTED = re.compile(rf"(\d{{1,9}})({'|'.join(get_args(Unit))})", re.ASCII)

_TTL = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_TTL_US = {"s": _SECOND_US, "m": 60 * _SECOND_US, "h": _HOUR_US, "d": _DAY_US}

# Zones have short names; ZoneInfo imports a package for each slash of one, and thousands exhaust the stack.
_NO_ZONE = re.compile(r"localtime|posixrules|(?:posix|right)/.*|.{65,}", re.DOTALL)


class Window(NamedTuple):
    """One run of a duration: `start_us` ≤ t < `end_us`. Without an end it lasts for ever."""

    start_us: int
    end_us: int | None


def parse_duration(text: str) -> Duration | None:
    """Read a duration: a name such as `monthly`, a count with a unit such as `36h` or `6mo`, or `none`.

    `none` is None. Case and surrounding blanks do not matter. Raises `InvalidValueError` for anything else,
    for a count of 0, and for more than a hundred years.
    """
    name = text.strip().lower()
    if name == "none":
        return None
    if name in _NAMED:
        return _NAMED[name]
    match = _COUNTED.fullmatch(name)
    if not match:
        meant = _meant(name)
        raise InvalidValueError(
            f"{_shown(text)} is not a duration: {f'did you mean {meant}? U' if meant else 'u'}se"
            f" {', '.join(_NAMED)}, none, or a count with h, d, w, mo or y, as in 36h or 6mo"
        )
    duration = Duration(int(match[1]), match[2])  # type: ignore[arg-type]  # as the pattern says
    longest = _MAX_COUNT[duration.unit]
    if not 1 <= duration.number <= longest:
        unit = duration.unit
        shortest = "1h" if unit == "h" else f"1{unit} (or hours, from 1h)"
        raise InvalidValueError(f"{_shown(text)} is out of range: use a duration from {shortest} to {longest}{unit}")
    return duration


def _meant(name: str) -> str | None:
    """The duration that a text which is none may mean."""
    counted = re.fullmatch(r"(\d{0,9})\s*([a-z]+)", name, re.ASCII)
    word = counted[2].removesuffix("s") if counted else name
    count = counted[1] if counted else ""
    unit = _WORDS.get(word)
    if word == "m" and count:
        return f"{count}mo, for months (minutes are too short for a window)"
    if unit is not None:
        one = str(Duration(1, unit))
        return f"{count}{unit}" if count not in ("", "1") else one
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, DURATION_NAMES, n=1, cutoff=0.7)), None)


def parse_ttl(value: str | float) -> int:
    """Read how long a hold lives, in microseconds: seconds, or text as in `90s`, `10m`, `2h`, `7d`.

    Raises `InvalidValueError` for anything else, for less than a second and for more than seven days.
    """
    if isinstance(value, str):
        match = _TTL.fullmatch(value.strip().lower())
        us = int(match[1]) * _TTL_US[match[2]] if match else 0
    else:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        us = round(value * _SECOND_US) if is_number else 0
    if not _SECOND_US <= us <= 7 * _DAY_US:
        raise InvalidValueError(f"{_shown(value)} is not a time to live: give 90s, 10m, 2h or 7d, from 1s to 7d")
    return us


def duration_from_days(days: float) -> Duration:
    """The duration that litellm's count of days stands for: 1 daily, 7 weekly, 28 monthly, 365 yearly.

    These are what litellm's `BudgetManager.create_budget` turns its four names into; any other count means
    so many days. Raises `InvalidValueError` for anything but a whole number of days within a hundred years.
    """
    longest = _MAX_COUNT["d"]
    is_number = isinstance(days, (int, float)) and not isinstance(days, bool)
    if not is_number or not 1 <= days <= longest or days % 1:
        raise InvalidValueError(f"{_shown(days)} is not a duration: use whole days, from 1 to {longest}")
    named = {1: "daily", 7: "weekly", 28: "monthly", 365: "yearly"}.get(int(days))
    return _NAMED[named] if named else Duration(int(days), "d")


def days_of(duration: Duration) -> int | float:
    """The count of days by which litellm would know the duration. A quarter is 91, an hour 1/24."""
    if duration == _NAMED["quarterly"]:
        return 91
    if duration.unit == "h":
        return duration.number / 24
    return duration.number * {"d": 1, "w": 7, "mo": 28, "y": 365}[duration.unit]


@lru_cache(maxsize=1024)  # ZoneInfo itself keeps eight, and a bulk job meets users of more zones in turn.
def load_zone(name: str) -> tzinfo:
    """The zone of that IANA name. UTC needs no zone database.

    Raises `InvalidValueError` for a name that the zone database does not have, and for those in it that are
    not IANA's: this machine's own zone (`localtime`, `posixrules`) and copies (`posix/…`; `right/…` counts
    leap seconds).
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    if not _NO_ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass  # Which of them says how the lookup failed, not what is wrong with the name.
    raise InvalidValueError(f"{_shown(name)} is not a time zone", hint="use an IANA name such as Europe/London, or UTC")


def check_alignment(duration: Duration | None, align: str) -> Align:
    """Return `align` if windows of this duration can be aligned so; otherwise raise `InvalidValueError`.

    Calendar windows are single units: nothing says in which week a `2w` would start. A quarter is a unit. A
    duration of None has one endless window, which either alignment fits.
    """
    if align == "rolling":
        return "rolling"
    if align != "calendar":
        raise InvalidValueError(f"{_shown(align)} is not an alignment: use rolling or calendar")
    if duration is not None and duration not in _NAME_OF:
        raise InvalidValueError(
            f"a duration of {duration} has no start in the calendar",
            hint=f"use rolling, or one of {', '.join(_NAMED)}",
        )
    return "calendar"


def window_at(t_us: int, *, anchor_us: int, duration: Duration | None, align: Align, zone: str) -> Window:
    """The window that holds the instant: start ≤ t < end. Without a duration, all time from the anchor on.

    Rolling windows count from the anchor, in both directions. Days, weeks, months and years follow the
    zone's clock: a boundary has the anchor's time of day, and its day of the month or else that month's
    last. Hours are elapsed time. Calendar windows start at midnight, on Monday, on the 1st, or with the
    quarter or year, in the zone; hourly ones with a full hour of the zone's clock as of the anchor. A
    boundary that the clock skips moves forward by as much as was skipped; of two of the same time the first
    counts. Where a zone skipped a whole day, so did the windows.

    Nothing is checked here: instants must have passed `check_instant`, the duration and alignment
    `check_alignment`, and the zone `load_zone`. Bounds may lie outside the range of instants.
    """
    if duration is None:
        return Window(anchor_us, None)
    if duration.unit == "h" or (zone == "UTC" and duration.unit in _FIXED_US):
        length_us = duration.number * _FIXED_US[duration.unit]
        origin_us = anchor_us if align == "rolling" else _calendar_origin_us(duration.unit, anchor_us, zone)
        start_us = t_us - (t_us - origin_us) % length_us
        return Window(start_us, start_us + length_us)
    return _local_window(t_us, anchor_us, duration, align, load_zone(zone))


def _calendar_origin_us(unit: Unit, anchor_us: int, zone: str) -> int:
    """A start of a window of fixed length, from which all others follow."""
    if unit == "h" and zone != "UTC":
        # One offset for all hours: they would not tile in a zone whose clock shifts by 30 minutes.
        return anchor_us - _to_local_us(anchor_us, load_zone(zone))
    return _first_start_us(unit)


def _first_start_us(unit: Unit) -> int:
    """1 January 1970, a Thursday; for weeks the Monday after it."""
    return 4 * _DAY_US if unit == "w" else 0


def _local_window(t_us: int, anchor_us: int, duration: Duration, align: Align, zone: tzinfo) -> Window:
    rolling = align == "rolling"
    origin_us = _to_local_us(anchor_us, zone) if rolling else _first_start_us(duration.unit)

    def boundary_us(k: int) -> int:
        if k == 0 and rolling:
            return anchor_us  # its local time may be the second of two
        return _from_local_us(_advance(origin_us, duration, k), zone)

    k = _count_between(origin_us, _to_local_us(t_us, zone), duration)
    start_us, end_us = boundary_us(k), boundary_us(k + 1)
    # The count is one too high before the anchor's day of the month, one too low in a fold. Boundaries never
    # decrease; two are equal where the zone skipped a day, and no instant lies between them to end here.
    while t_us < start_us:
        k -= 1
        start_us, end_us = boundary_us(k), start_us
    while end_us <= t_us:
        k += 1
        start_us, end_us = end_us, boundary_us(k + 1)
    return Window(start_us, end_us)


# A local time is what the zone's clock shows, as an integer like an instant: microseconds since it showed
# 1 January 1970. A bulk job computes a million windows, and `datetime` would take it twice as long or more.


def _to_local_us(us: int, zone: tzinfo) -> int:
    return us if zone is UTC else us + _offset_us(to_datetime(us).astimezone(zone), zone)


def _from_local_us(local_us: int, zone: tzinfo) -> int:
    """The first instant of that local time; if it is skipped, by the offset from before (PEP 495, fold 0)."""
    return local_us if zone is UTC else local_us - _offset_us(to_datetime(local_us), zone)


def _offset_us(moment: datetime, zone: tzinfo) -> int:
    """The offset when the zone's clock shows what `moment` shows, whatever the zone of that."""
    return (zone.utcoffset(moment) or timedelta(0)) // _MICROSECOND


def _advance(origin_us: int, duration: Duration, k: int) -> int:
    """The local time `k` durations after the origin. Counting from there, a short month leaves no trace."""
    count = k * duration.number
    if duration.unit in _DAYS:
        return origin_us + count * _DAYS[duration.unit] * _DAY_US
    origin = _date(origin_us)
    months = origin.year * 12 + origin.month - 1 + count * _MONTHS[duration.unit]
    year, month = months // 12, months % 12 + 1
    day = origin.day if origin.day <= 28 else min(origin.day, _days_in_month(year, month))
    return origin_us + (date(year, month, day) - origin).days * _DAY_US


def _count_between(origin_us: int, local_us: int, duration: Duration) -> int:
    """How many durations lie between two local times, to within one."""
    if duration.unit in _DAYS:
        return (local_us - origin_us) // (duration.number * _DAYS[duration.unit] * _DAY_US)
    origin, local = _date(origin_us), _date(local_us)
    months = (local.year - origin.year) * 12 + local.month - origin.month
    return months // (duration.number * _MONTHS[duration.unit])


def _date(local_us: int) -> date:
    return date.fromordinal(_EPOCH_DAY + local_us // _DAY_US)


def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def check_instant(us: int) -> int:
    """Return the instant if 1970-01-01 ≤ t < 3000-01-01 in UTC; otherwise raise `InvalidValueError`."""
    if not 0 <= us < _END_US:
        raise InvalidValueError(f"{_shown(us)} is not a possible time: microseconds since 1970, before the year 3000")
    return us


def to_datetime(us: int) -> datetime:
    """The instant, or bound of a window, as an aware datetime in UTC. Exact."""
    return _EPOCH + timedelta(microseconds=us)


def from_datetime(moment: datetime) -> int:
    """The instant of an aware datetime, exactly.

    Raises `InvalidValueError` for a naive one and outside the range of instants.
    """
    if moment.utcoffset() is None:
        raise InvalidValueError(f"{moment.isoformat()} has no time zone: a time must say its offset from UTC")
    us = (moment - _EPOCH) // _MICROSECOND
    if not 0 <= us < _END_US:
        raise InvalidValueError(f"{moment.isoformat()} is not a possible time: it must lie from 1970 to 2999")
    return us


def from_timestamp(seconds: float) -> int:
    """The instant, to the nearest microsecond, of Unix time in seconds, as `time.time()` gives it.

    Raises `InvalidValueError` for anything but a finite number, for a boolean, and outside the range of
    instants.
    """
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 <= seconds < _END_US // _SECOND_US:
        raise InvalidValueError(f"{_shown(seconds)} is not a possible time: seconds since 1970, before the year 3000")
    whole = math.floor(seconds)
    # The fraction by itself: all seconds in microseconds have more digits than a float.
    return check_instant(whole * _SECOND_US + round((seconds - whole) * _SECOND_US))


Instant: TypeAlias = "str | float | datetime"
"""A time: a `datetime`, seconds since 1970 as a number or as text, or text that `parse_instant` reads."""


def instant(value: Instant, now_us: Callable[[], int], zone: Callable[[], str]) -> int:
    """The instant of a time, in microseconds since 1970. Where it says no zone, it is on the clock of `zone`.

    Raises `InvalidValueError`.
    """
    if isinstance(value, datetime):
        return from_datetime(value if value.tzinfo else value.replace(tzinfo=load_zone(zone())))
    if not isinstance(value, str):
        return from_timestamp(value)
    text = value.strip()
    is_number = text.isascii() and text.replace(".", "", 1).isdigit()
    return from_timestamp(float(text)) if is_number else parse_instant(text, now_us(), zone())


def parse_instant(text: str, now_us: int, zone: str | None = "UTC") -> int:
    """Read a time: `2026-11-01` (midnight), `2026-11-01T09:30`, `2026-11-01T09:30Z`, or so long ago as `36h` or `6mo`.

    Where it says no zone it is on the clock of `zone`; of this machine, for None. Raises `InvalidValueError`.
    """
    return _instant(text, now_us, -1, zone)


def parse_span(text: str, now_us: int, zone: str | None = "UTC") -> tuple[int, int]:
    """Read a stretch of time, and return its bounds: `2026-11`, `2026-11-01`, `yesterday` and `today` are whole.

    Any other time, as `parse_instant` reads it, has no length. Raises `InvalidValueError`.
    """
    days = _days(text.strip().lower(), now_us, zone)
    if days is None:
        at_us = parse_instant(text, now_us, zone)
        return at_us, at_us
    first, last = (parse_instant(day.isoformat(), now_us, zone) for day in days)
    return first, last


def _days(text: str, now_us: int, zone: str | None) -> tuple[date, date] | None:
    """The day on which a month or a day begins, and the day behind it. None for other text."""
    if text in ("today", "yesterday"):
        now = to_datetime(now_us).astimezone(None if zone is None else load_zone(zone)).date()
        day = now if text == "today" else now - timedelta(days=1)
        return day, day + timedelta(days=1)
    try:
        if re.fullmatch(r"\d{4}-\d\d", text, re.ASCII):
            first = date.fromisoformat(f"{text}-01")
            return first, (first + timedelta(days=31)).replace(day=1)
        day = date.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return day, day + timedelta(days=1)


def parse_expiry(text: str, now_us: int, zone: str | None = "UTC") -> int:
    """Read a time that is to come: as `parse_instant`, but counted from now on. Raises `InvalidValueError`."""
    expires_us = _instant(text, now_us, +1, zone)
    if expires_us <= now_us:
        raise InvalidValueError(f"{text!r:.80} has passed already: give a time that is to come")
    return expires_us


def _instant(text: str, now_us: int, sign: int, zone: str | None) -> int:
    counted = _COUNTED.fullmatch(text.strip())
    try:
        if counted:
            duration = Duration(int(counted[1]), counted[2])  # type: ignore[arg-type]
            return check_instant(_moved(now_us, duration, sign))
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        counting = "so long ago as 36h or 7d" if sign < 0 else "in how long, as in 36h or 7d"
        raise InvalidValueError(
            f"{text!r:.80} is not a time: write 2026-11-01, 2026-11-01T09:30Z, or {counting}"
        ) from error
    if moment.tzinfo is None:
        moment = moment.astimezone() if zone is None else moment.replace(tzinfo=load_zone(zone))
    return from_datetime(moment)


def _moved(us: int, duration: Duration, count: int) -> int:
    fixed = _FIXED_US.get(duration.unit)
    return _advance(us, duration, count) if fixed is None else us + count * fixed * duration.number


def to_timestamp(us: int) -> float:
    """Unix time in seconds, as the nearest float: exact to the microsecond until the year 2242."""
    return us / _SECOND_US


def rfc3339(us: int) -> str:
    """The instant in UTC as RFC 3339 writes it: `2026-11-22T06:41:00Z`, with microseconds if not zero."""
    return to_datetime(us).replace(tzinfo=None).isoformat() + "Z"


def local_minute(us: int, zone: str) -> str:
    """The instant on a zone's clock, with the zone: `2026-12-22 06:41 CET`."""
    return minute_of(local_time(us, zone))


def local_time(us: int, zone: str) -> datetime:
    """The instant on a zone's clock."""
    return to_datetime(us).astimezone(load_zone(zone))


def minute_of(local: datetime) -> str:
    """A time on a clock to the minute, with the zone."""
    return f"{local:%Y-%m-%d %H:%M} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """The name by which people know the zone of a time, as `CET`, or `UTC+03` where it has none."""
    name = local.tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python does not write out integers of more than 4,300 digits.
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:80]}…"
