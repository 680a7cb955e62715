"""Off-peak hours: the hours and weekdays of an entry's `off_peak_pricing` in litellm's price map.

The rules are those of `_is_off_peak` in litellm's `litellm_core_utils/llm_cost_calc/utils.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from budgetctl.errors import InvalidValueError
from budgetctl.periods import load_zone, to_datetime

_HOURS = re.compile(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)\s*", re.ASCII)
_EVERY_DAY = frozenset(range(1, 8))


class OffPeak(NamedTuple):
    """Hours as minutes of the UTC day, from and up to, each with the weekdays (Monday is 1) on which they hold.

    The weekdays are those of a zone's calendar. Hours that end before they start go on after midnight.
    """

    hours: tuple[tuple[int, int, frozenset[int]], ...]
    zone: str

    def is_at(self, at_us: int) -> bool:
        """Whether an instant is off-peak."""
        moment = to_datetime(at_us)
        minute = moment.hour * 60 + moment.minute
        weekday = moment.astimezone(load_zone(self.zone)).isoweekday()
        return any(
            weekday in weekdays and (start <= minute < end if start < end else minute >= start or minute < end)
            for start, end, weekdays in self.hours
        )


def off_peak(block: Any) -> OffPeak | None:
    """Read an `off_peak_pricing`; None for one of an unknown form."""
    if not isinstance(block, Mapping):
        return None
    rules = block.get("windows", [])
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        return None
    if "hours_utc" in block:
        rules = [{"hours_utc": block["hours_utc"]}, *rules]
    zone = block.get("weekday_timezone", "UTC")
    try:
        load_zone(zone)
        return OffPeak(tuple(hours for rule in rules for hours in _hours(rule)), zone)
    except (InvalidValueError, ValueError, TypeError):
        return None


def _hours(rule: Mapping[str, Any]) -> list[tuple[int, int, frozenset[int]]]:
    """The hours of a rule. Raises `ValueError` and `TypeError` for a rule of an unknown form."""
    texts = rule.get("hours_utc", ())
    weekdays = frozenset(rule["weekdays"]) if "weekdays" in rule else _EVERY_DAY
    if not weekdays <= _EVERY_DAY:
        raise ValueError(weekdays)
    found = []
    for text in [texts] if isinstance(texts, str) else texts:
        match = _HOURS.fullmatch(text)
        if match is None:
            raise ValueError(text)
        start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
        found.append((start_hour * 60 + start_minute, end_hour * 60 + end_minute, weekdays))
    return found
