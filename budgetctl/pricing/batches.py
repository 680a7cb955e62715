"""What usage costs that was answered in a batch, in litellm's own arithmetic, without importing litellm.

The rules are those of `batch_cost_calculator` in its `cost_calculator.py`, the same for all sellers: the rates for
batches where an entry has them, by the length of the input, and half the ordinary ones where it has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from budgetctl.models import Usage

_LONG = re.compile(r"(\w+)_above_(\d+)k_tokens_batches", re.ASCII)
"""Rates of inputs that are longer than so many thousands of tokens."""


def batch_cost(entry: Mapping[str, Any], usage: Usage, *, at_threshold: bool) -> float:
    """What the usage costs in USD by an entry of the price map.

    `at_threshold` says whether an input of exactly the length of a threshold is long already, as at xAI.
    """
    info = {name: float(value) for name, value in entry.items() if is_number(value)}
    crossed = _crossed(info, usage.total_input, at_threshold=at_threshold)
    rates = {name: _rate(info, name, crossed) for name in crossed}
    return _input_cost(info, rates, usage) + _output_cost(info, rates, usage)


def _input_cost(info: Mapping[str, float], rates: Mapping[str, float | None], usage: Usage) -> float:
    base, written = rates["input_cost_per_token"], usage.cache_write_5m + usage.cache_write_1h
    if base is None:
        base = info.get("input_cost_per_token", 0.0)
        cost = (usage.total_input - usage.cache_read - written) * base / 2
        if not base:
            return 0.0
        cost += usage.cache_read * info.get("cache_read_input_token_cost", 0.0) / 2
        return cost + written * (info.get("cache_creation_input_token_cost") or base) / 2
    read, write = rates["cache_read_input_token_cost"], rates["cache_creation_input_token_cost"]
    cached, kept = usage.cache_read if read is not None else 0, written if write is not None else 0
    text = usage.total_input - usage.audio_input - usage.image_input - cached - kept
    return (
        text * base
        + usage.audio_input * info.get("input_cost_per_audio_token_batches", base)
        + usage.image_input * info.get("input_cost_per_image_token_batches", base)
        + cached * (read or 0.0)
        + kept * (write or 0.0)
    )


def _output_cost(info: Mapping[str, float], rates: Mapping[str, float | None], usage: Usage) -> float:
    text = rates["output_cost_per_token"]
    if text is None:
        text = info.get("output_cost_per_token", 0.0) / 2
    image = info.get("output_cost_per_image_token_batches")
    if image is None:
        standard = info.get("output_cost_per_image_token")
        image = text if standard is None else standard / 2
    return (usage.total_output - usage.image_output) * text + usage.image_output * image


def _crossed(info: Mapping[str, float], length: int, *, at_threshold: bool) -> dict[str, str | None]:
    """The longest threshold that an input of this length crosses, by the rate's name."""
    names = (
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
    )
    crossed: dict[str, str | None] = dict.fromkeys(names)
    for match in sorted(filter(None, map(_LONG.fullmatch, info)), key=lambda match: int(match[2])):
        threshold = int(match[2]) * 1000
        if match[1] in crossed and (length > threshold or (at_threshold and length == threshold)):
            crossed[match[1]] = match[2]
    return crossed


def _rate(info: Mapping[str, float], name: str, crossed: Mapping[str, str | None]) -> float | None:
    flat = info.get(f"{name}_batches")
    threshold = crossed[name]
    return flat if threshold is None else info.get(f"{name}_above_{threshold}k_tokens_batches", flat)


def is_number(value: Any) -> bool:
    """Whether a field of an entry is a number; JSON's true is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
