"""The price of a usage that was answered in a batch, in litellm's own arithmetic, without importing litellm.

The rules are those of `batch_cost_calculator` in its `cost_calculator.py`, the same for all sellers: the rates for
batches where an entry has them, by the length of the input, and half the ordinary ones where it has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from budgetctl.ledger.values import Usage
from budgetctl.pricing.litellm.litellm_rules import Rules

_ABOVE = re.compile(r"_above_(\d+)(k?)_tokens", re.ASCII)
"""The part of a rate's name that says for inputs of more than how many tokens it is."""

_LASTING = ("cache_creation_input_token_cost_above_1hr", "cache_creation_input_token_cost_above_12hr")


def batch_cost(entry: Mapping[str, Any], usage: Usage, rules: Rules, *, at_threshold: bool) -> float:
    """The price of a usage in USD by an entry of the price map.

    `at_threshold` says whether an input of exactly the length of a threshold counts as long, as at xAI.
    """
    info = {name: float(value) for name, value in entry.items() if is_number(value)}
    base = _batch_rate(info, "input_cost_per_token", usage, at_threshold=at_threshold)
    output = _batch_rate(info, "output_cost_per_token", usage, at_threshold=at_threshold)
    if output is None:
        output = info.get("output_cost_per_token", 0.0) / 2
    if base is None:
        base = info.get("input_cost_per_token", 0.0) / 2
        cost = _half_cost(info, usage, rules)
    else:
        cost = _input_cost(info, base, usage, rules, at_threshold=at_threshold)
    return cost + _output_cost(info, output, usage) + usage.unexplained * max(base, output)


def _half_cost(info: Mapping[str, float], usage: Usage, rules: Rules) -> float:
    base, written, read = info.get("input_cost_per_token", 0.0), _written(usage), _read(usage)
    write = info.get("cache_creation_input_token_cost")
    if not rules.writes_by_lifetime:
        if not base:
            return 0.0
        write = write or base
    cost = (usage.total_input - read - written) * base / 2
    cost += read * info.get("cache_read_input_token_cost", 0.0) / 2
    return cost + written * (base if write is None else write) / 2


def _input_cost(info: Mapping[str, float], base: float, usage: Usage, rules: Rules, *, at_threshold: bool) -> float:
    """The price of the input by rates for batches (_batch_prompt_cost)."""
    length = usage.total_input
    reading, given = "cache_read_input_token_cost", _batch_rate
    batch_read = read = given(info, reading, usage, at_threshold=at_threshold)
    if read is None and rules.batches_read_at_standard_rate:
        read = info.get(_longest(info, reading, length) or reading)
    write = given(info, "cache_creation_input_token_cost", usage, at_threshold=at_threshold)
    hour, half_day = (given(info, name, usage, at_threshold=at_threshold) for name in _LASTING)
    if not rules.writes_by_lifetime:
        hour = half_day = None
    keeps = write is not None or hour is not None or half_day is not None
    cached, audio_read = (_read(usage), usage.audio_cache_read) if read is not None else (0, 0)
    kept = _written(usage) if keeps else 0
    text = max(length - usage.audio_input - usage.image_input - usage.video_input - cached - kept, 0)
    cost = (
        text * base
        + usage.audio_input * _audio_rate(info, "input_cost_per_audio_token_batches", length, rules, base)
        + usage.image_input * info.get("input_cost_per_image_token_batches", base)
        + usage.video_input * info.get("input_cost_per_video_token_batches", base)
        + (cached - audio_read) * (read or 0.0)
    )
    if audio_read:
        fallback = read or 0.0
        if batch_read is None:
            reading = "cache_read_input_audio_token_cost"
            fallback = info.get(_longest(info, reading, length) or reading, fallback)
        cost += audio_read * _audio_rate(info, "cache_read_input_audio_token_cost_batches", length, rules, fallback)
    if keeps:
        short = base if write is None else write
        cost += usage.cache_write_5m * short + (
            usage.cache_write_1h * (short if hour is None else hour)
            + usage.cache_write_12h * (short if half_day is None else half_day)
        )
    return cost


def _output_cost(info: Mapping[str, float], text: float, usage: Usage) -> float:
    image = info.get("output_cost_per_image_token_batches")
    if image is None:
        standard = info.get("output_cost_per_image_token")
        image = text if standard is None else standard / 2
    return (usage.total_output - usage.image_output) * text + usage.image_output * image


def _written(usage: Usage) -> int:
    return usage.cache_write_5m + usage.cache_write_1h + usage.cache_write_12h


def _read(usage: Usage) -> int:
    return usage.cache_read + usage.explicit_cache_read + usage.audio_cache_read + usage.image_cache_read


def _batch_rate(info: Mapping[str, float], name: str, usage: Usage, *, at_threshold: bool) -> float | None:
    """The rate for batches of this length (_batch_rate_for_prefix)."""
    flat = f"{name}_batches"
    long = _longest(info, flat, usage.total_input, at_threshold=at_threshold)
    return info.get(long or flat)


def _audio_rate(info: Mapping[str, float], name: str, length: int, rules: Rules, fallback: float) -> float:
    long = _longest(info, name, length) if rules.audio_by_length else None
    return info.get(long or name, fallback)


def _longest(info: Mapping[str, float], name: str, length: int, *, at_threshold: bool = False) -> str | None:
    """The name of the rate for the longest inputs that this length is one of, or None if there is none."""
    base, batches, _ = name.partition("_batches")
    crossed = {}
    for found in info:
        if found.startswith(f"{base}_above_") and found.endswith(f"_tokens{batches}"):
            match = _ABOVE.fullmatch(found, len(base), len(found) - len(batches))
            threshold = int(match[1]) * (1000 if match[2] else 1) if match else length
            if length > threshold or (match and at_threshold and length == threshold):
                crossed[threshold] = found
    return crossed[max(crossed)] if crossed else None


def is_number(value: Any) -> bool:
    """Whether a field of an entry is a number; JSON's true is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
