"""The counts of a recorded usage: tokens by kind, and whether one record of a call says more than another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import add
from typing import Any, Literal, NamedTuple

_MOST = 10**15
"""Counts above are no counts: a caller of the library may have recorded anything."""


class TokenCounts(NamedTuple):
    """Tokens of a usage by kind, each counted once, with those of other models for the same answer.

    `input` was neither read from a cache nor written to one; `output` is without `reasoning`.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


_KINDS = {
    "uncached_input": 0,
    "audio_input": 0,
    "image_input": 0,
    "video_input": 0,
    "cache_read": 1,
    "explicit_cache_read": 1,
    "audio_cache_read": 1,
    "image_cache_read": 1,
    "cache_write_5m": 2,
    "cache_write_1h": 2,
    "cache_write_12h": 2,
    "text_output": 3,
    "audio_output": 3,
    "image_output": 3,
    "video_output": 3,
    "reasoning": 4,
}
"""The place in `TokenCounts` of each count of a `Usage`."""

_PIECES = (
    "citations",
    "unexplained",
    "web_searches",
    "maps_searches",
    "file_searches",
    "code_sessions",
    "audio_seconds",
    "images",
)
"""The counts of a `Usage` that are of no kind of tokens."""

Relation = Literal["more", "same", "other"]


def token_counts(usage: Mapping[str, Any]) -> TokenCounts:
    """The tokens of a recorded usage."""
    counts = [0, 0, 0, 0, 0]
    for name, value in usage.items():
        place = _KINDS.get(name)
        if place is not None and value.__class__ is int and 0 < value < _MOST:
            counts[place] += value
    if "also" in usage:
        for other in _others(usage):
            counts = list(map(add, counts, token_counts(other)))
    return TokenCounts(*counts)


def relation(before: Mapping[str, Any], after: Mapping[str, Any]) -> Relation:
    """Whether a usage says `more` than another one of the same call: no count falls, and at least one rises.

    `same` is as much or less of everything. A usage without any count is told from another one by its billed cost.
    """
    old, new = _counts(before), _counts(after)
    names = old.keys() | new.keys()
    rises = any(new.get(name, 0) > old.get(name, 0) for name in names)
    falls = any(new.get(name, 0) < old.get(name, 0) for name in names)
    if rises:
        return "other" if falls else "more"
    return "same"


def _counts(usage: Mapping[str, Any]) -> dict[tuple[Any, str], int]:
    """All counts by model and name, those that are 0 left out."""
    found: dict[tuple[Any, str], int] = {}
    for place, each in enumerate(_with_others(usage)):
        model = str(each.get("model")) if place else None  # the same call may have several names for its own model
        for name in (*_KINDS, *_PIECES):
            count = _count(each.get(name))
            if count:
                found[model, name] = found.get((model, name), 0) + count
    return found or {(None, "cost"): _count(usage.get("cost"))}


def _with_others(usage: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The usage, and those of other models in it."""
    yield usage
    for each in _others(usage):
        yield from _with_others(each)


def _others(usage: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    others = usage.get("also")
    return [each for each in others if isinstance(each, Mapping)] if isinstance(others, (list, tuple)) else []


def _count(value: Any) -> int:
    return value if value.__class__ is int and 0 < value < _MOST else 0
