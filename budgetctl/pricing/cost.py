"""What usage costs by one entry of litellm's price map, in litellm's own arithmetic, without importing litellm.

The rules are those of litellm 1.106: `generic_cost_per_token` and `_get_token_base_cost` in its
`litellm_core_utils/llm_cost_calc/utils.py`, and the calculators of single sellers under `llms/*/cost_calculat*.py`.
Rates are floats of USD per token, multiplied and added in litellm's order, so that rounding once to picodollars gives
what `litellm.completion_cost` gives. What these rules do not cover has the answer None: litellm is then asked itself.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl import money
from budgetctl.models import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.batches import batch_cost, is_number

QWEN = frozenset({"dashscope", "qwencloud", "qwen_ai_platform"})
"""The names under which Alibaba sells; one calculator of litellm prices them all."""

_WITHOUT_TIERS = frozenset({"fireworks_ai", "deepseek", "tencent", "xai", "perplexity"}) | QWEN
"""Sellers whose calculators are not told the service tier."""

_TIERS = {
    None: "",
    "default": "",
    "standard": "",
    "auto": "",
    "on_demand": "",
    "flex": "_flex",
    "balanced": "_balanced",
    "priority": "_priority",
    "fast": "_priority",
    "ultrafast": "_ultrafast",
}
"""The ending of a rate's name by the service tier that a response names, in lower case."""

_FLAT = frozenset(
    """
    input_cost_per_token input_cost_per_token_flex input_cost_per_token_balanced input_cost_per_token_priority
    input_cost_per_token_ultrafast output_cost_per_token output_cost_per_token_flex output_cost_per_token_balanced
    output_cost_per_token_priority output_cost_per_token_ultrafast cache_read_input_token_cost
    cache_read_input_token_cost_flex cache_read_input_token_cost_balanced cache_read_input_token_cost_priority
    cache_read_input_token_cost_ultrafast cache_creation_input_token_cost cache_creation_input_token_cost_flex
    cache_creation_input_token_cost_priority cache_creation_input_token_cost_ultrafast
    cache_creation_input_token_cost_above_1hr input_cost_per_audio_token input_cost_per_image_token
    output_cost_per_reasoning_token output_cost_per_reasoning_token_flex output_cost_per_reasoning_token_priority
    output_cost_per_audio_token output_cost_per_image_token
    """.split()
)
"""The rates that litellm's `get_model_info` passes on; it prices as though others were not there."""

_LONG = re.compile(
    r"(?:(?:in|out)put_cost_per_token|cache_(?:read|creation)_input_token_cost(?:_above_1hr)?)"
    r"_above_(\d+)(k?)_tokens(_flex|_priority|_ultrafast)?",
    re.ASCII,
)
"""Rates of a request whose input is longer than a number of tokens."""

_PASSED_OVER = re.compile(
    r".*_(?:batches|decisions)|.*_dbu_cost_per_token|.*_video_token|explicit_cache_.*|.*_token_cache_hit"
    r"|cache_(?:read|creation)_input_(?:audio|image)_token_cost|input_cost_per_audio_token_priority"
    r"|.*_per_(?:character|image|second)_above_\d+k?_tokens|citation_cost_per_token|computer_use_.*",
    re.ASCII,
)
"""Rates of tokens that have no part in the price of a `Usage`."""

_RATES = {
    "uncached_input": ("input_cost_per_token",),
    "cache_read": ("cache_read_input_token_cost", "input_cost_per_token"),
    "cache_write_5m": ("cache_creation_input_token_cost", "input_cost_per_token"),
    "cache_write_1h": (
        "cache_creation_input_token_cost_above_1hr",
        "cache_creation_input_token_cost",
        "input_cost_per_token",
    ),
    "audio_input": ("input_cost_per_audio_token", "input_cost_per_token"),
    "image_input": ("input_cost_per_image_token", "input_cost_per_token"),
    "text_output": ("output_cost_per_token",),
    "reasoning": ("output_cost_per_reasoning_token", "output_cost_per_token"),
    "audio_output": ("output_cost_per_audio_token", "output_cost_per_token"),
    "image_output": ("output_cost_per_image_token", "output_cost_per_token"),
}
"""Which rates of the map apply to each kind of token; the first that is given wins."""


class Rates(NamedTuple):
    """USD per token of each kind, in the order of `Usage`, for one service tier and one range of input lengths."""

    uncached_input: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float
    audio_input: float
    image_input: float
    text_output: float
    reasoning: float
    audio_output: float
    image_output: float


class Tariff:
    """An entry of the map as one seller prices by it. Works its rates out once per service tier and input length."""

    __slots__ = ("_bands", "_entry", "_folds", "_info", "_known", "_multipliers", "_seller", "_tiers")

    def __init__(self, entry: Mapping[str, Any], seller: str, tiers: Sequence[Mapping[str, Any]]) -> None:
        """Use `tariff`, which knows which entries these rules cover."""
        self._entry = entry
        self._seller = seller
        self._tiers = tiers
        self._info = {name: float(value) for name, value in entry.items() if _is_rate(name) and value is not None}
        if seller == "fireworks_ai" and str(entry.get("litellm_provider")) == seller:
            # with_default_cache_read_rate: half the input rate, where no cache rate is published.
            half = self._info.get("input_cost_per_token", 0.0) * 0.5
            self._info.setdefault("cache_read_input_token_cost", half)
        ends = {end for tier in tiers for end in tier["range"]}
        self._bands = sorted(ends | {_threshold(name) for name in self._info if _LONG.fullmatch(name)})
        self._multipliers = entry.get("provider_specific_entry") or {} if seller == "anthropic" else {}
        self._folds = seller in _WITHOUT_TIERS
        self._known: dict[tuple[str | None, int], Rates] = {}

    def price(self, usage: Usage) -> Picodollars | None:
        """What the usage costs, or None where litellm has to be asked."""
        if usage.web_searches:
            return None
        given, word = usage, usage.service_tier
        if self._folds:
            usage = _folded(usage, self._seller, self._info)
        band = length = 0
        if self._bands:
            length = usage.total_input
            # A range of lengths starts above its threshold, but for xAI at it (_uses_inclusive_token_thresholds).
            band = (bisect_right if self._seller == "xai" else bisect_left)(self._bands, length)
        rates = self._known.get((word, band))
        if rates is None:
            suffix = _TIERS.get(word and word.lower())
            if suffix is None:
                return self._batch_price(given) if word == "batch" else None
            rates = self._known[word, band] = self._rates("" if self._folds else suffix, length)
        prompt, completion = _parts(usage, rates)
        if self._multipliers:
            prompt, completion = self._multiplied(usage, prompt, completion)
        return self._checked(prompt + completion, given)

    def _batch_price(self, usage: Usage) -> Picodollars | None:
        return self._checked(batch_cost(self._entry, usage, at_threshold=self._seller == "xai"), usage)

    def _checked(self, cost: float, usage: Usage) -> Picodollars | None:
        if cost == 0 and not is_free(self._entry, usage):
            return None
        return money.from_small(cost)

    def _multiplied(self, usage: Usage, prompt: float, completion: float) -> tuple[float, float]:
        """Apply Anthropic's surcharges for fast answers and for places (llms/anthropic/cost_calculation.py)."""
        if usage.speed == "fast":
            faster = self._multipliers.get("fast", 1.0)
            prompt, completion = prompt * faster, completion * faster
        place = (usage.inference_geo or "global").lower()
        if place not in {"global", "not_available"}:
            farther = float(self._multipliers.get(place, 1.0))
            prompt, completion = prompt * farther, completion * farther
        return prompt, completion

    def _rates(self, suffix: str, length: int) -> Rates:
        info = self._info
        tier = _tier(self._tiers, length)
        if tier is not None:
            return _rates_of_tier(tier, info, one_write_rate=self._seller in QWEN)
        base, output, read, write, write_1h = self._base(suffix, length)
        write = base if write is None else write
        return Rates(
            uncached_input=base,
            cache_read=base if read is None else read,
            cache_write_5m=write,
            cache_write_1h=write if write_1h is None or self._seller in QWEN else write_1h,
            audio_input=info.get("input_cost_per_audio_token", base),
            image_input=info.get("input_cost_per_image_token", base),
            text_output=output,
            reasoning=self._reasoning(suffix, output),
            audio_output=info.get("output_cost_per_audio_token", output),
            image_output=info.get("output_cost_per_image_token", output),
        )

    def _base(self, suffix: str, length: int) -> tuple[float, float, float | None, float | None, float | None]:
        """The rates of input, output, cache reads and writes for 5 minutes and an hour (_get_token_base_cost)."""

        def rate(name: str, default: float | None) -> float | None:
            value = self._info.get(name + suffix)
            return self._info.get(name, default) if value is None else value

        names = ["output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost"]
        base = rate("input_cost_per_token", 0.0) or 0.0
        output, read, write = (rate(name, None) for name in names)
        if not output and self._seller not in QWEN:
            output = self._info.get("output_cost_per_image_token", output)
        write_1h = self._info.get("cache_creation_input_token_cost_above_1hr")
        for threshold in self._crossed(suffix, length):
            base = rate(f"input_cost_per_token_above_{threshold}_tokens", base) or 0.0
            output, read, write = (
                rate(f"{name}_above_{threshold}_tokens", before)
                for name, before in zip(names, (output, read, write), strict=True)
            )
            write_1h = rate(f"cache_creation_input_token_cost_above_1hr_above_{threshold}_tokens", write_1h)
        return base, output or 0.0, read, write, write_1h

    def _crossed(self, suffix: str, length: int) -> list[str]:
        """The thresholds that an input of this length crosses, as the names of rates write them, lowest first."""
        if self._seller in QWEN | {"perplexity"}:
            return []
        found = {}
        for name in self._info:
            match = _LONG.fullmatch(name)
            if match and match[3] in {None, suffix}:
                threshold = _threshold(name)
                if length > threshold or (length == threshold and self._seller == "xai"):
                    found[match[1] + match[2]] = threshold
        return sorted(found, key=found.__getitem__)

    def _reasoning(self, suffix: str, output: float) -> float:
        """The rate of reasoning (_resolve_reasoning_token_cost): a tier that has an output rate uses that."""
        own = self._info.get("output_cost_per_reasoning_token" + suffix)
        if own is not None:
            return own
        if suffix and "output_cost_per_token" + suffix in self._info:
            return output
        return self._info.get("output_cost_per_reasoning_token", output)


def tariff(entry: Mapping[str, Any], seller: str) -> Tariff | None:
    """How a seller prices by an entry of the map, or None if litellm has to be asked for all its prices.

    Covered are entries whose prices are per token, all of known kinds. Vertex's older long-context prices are not, and
    `off_peak_pricing` is not looked at.
    """
    tiers = entry.get("tiered_pricing") or ()
    if not _are_ranges(tiers) or (tiers and seller in {"xai", "perplexity"}):
        return None
    # Without these, the calculator that most sellers share charges nothing, whatever the other rates are.
    sold_by_token = tiers or entry.get("input_cost_per_token") or entry.get("output_cost_per_token")
    if prices(entry) and (not sold_by_token or seller == "lemonade"):  # which is local, and to litellm free
        return None
    for name, value in entry.items():
        if not _is_understood(name, value) or (seller == "vertex_ai" and "_above_128k_tokens" in name):
            return None
    return Tariff(entry, seller, tiers)


def is_free(entry: Mapping[str, Any], usage: Usage) -> bool:
    """Whether the map itself says that these tokens cost 0; litellm also says 0 where it knows no price."""
    used = [kind for kind in _RATES if getattr(usage, kind)]
    if not used:
        return bool(token_rates(entry))
    sold_otherwise = any("token" not in name for name in prices(entry))
    return not sold_otherwise and all(_rate(entry, kind) == 0 for kind in used)


def token_rates(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The prices per token of an entry, in USD."""
    tiers = {"tiered_pricing": entry["tiered_pricing"]} if entry.get("tiered_pricing") else {}
    return {name: rate for name, rate in _numbers(entry).items() if "token" in name} | tiers


def prices(entry: Mapping[str, Any]) -> dict[str, float]:
    """All prices of an entry, but those which are 0."""
    return {name: rate for name, rate in _numbers(entry).items() if rate}


def _parts(usage: Usage, rates: Rates) -> tuple[float, float]:
    """What input and output cost in USD, added in litellm's order (_calculate_input_cost, generic_cost_per_token)."""
    uncached, read, write, write_1h, _, _, _, _, audio_in, image_in, _ = usage[4:15]
    text, reasoning, audio_out, image_out, _ = usage[15:20]
    prompt = uncached * rates.uncached_input
    if read:  # most kinds are seldom used, and a test takes less time than a product
        prompt += read * rates.cache_read
    if audio_in:
        prompt += audio_in * rates.audio_input
    if image_in:
        prompt += image_in * rates.image_input
    if write or write_1h:
        prompt += write * rates.cache_write_5m + write_1h * rates.cache_write_1h
    completion = text * rates.text_output
    if audio_out:
        completion += audio_out * rates.audio_output
    if reasoning:
        completion += reasoning * rates.reasoning
    if image_out:
        completion += image_out * rates.image_output
    return prompt, completion


def _folded(usage: Usage, seller: str, info: Mapping[str, float]) -> Usage:
    """The usage with the kinds of tokens put together that a seller's own calculator does not tell apart."""
    if seller == "xai":
        return usage._replace(text_output=usage.total_output, reasoning=0, audio_output=0, image_output=0)
    if seller in QWEN:
        return usage._replace(
            uncached_input=usage.uncached_input + usage.audio_input + usage.image_input,
            audio_input=0,
            image_input=0,
            cache_write_5m=usage.cache_write_5m + usage.cache_write_1h,
            cache_write_1h=0,
            text_output=usage.total_output - usage.reasoning,
            audio_output=0,
            image_output=0,
        )
    if seller == "perplexity":
        reasoning = usage.reasoning if "output_cost_per_reasoning_token" in info else 0
        return Usage(uncached_input=usage.total_input, text_output=usage.total_output - reasoning, reasoning=reasoning)
    return usage


def _tier(tiers: Sequence[Mapping[str, Any]], length: int) -> Mapping[str, Any] | None:
    """The tier of an input's length (select_tier_for_input): ranges exclude their start and include their end."""
    if not tiers or length <= 0:
        return None
    ordered = sorted(tiers, key=lambda tier: tier["range"][0])
    return next((tier for tier in ordered if tier["range"][0] < length <= tier["range"][1]), ordered[-1])


def _rates_of_tier(tier: Mapping[str, Any], info: Mapping[str, float], *, one_write_rate: bool) -> Rates:
    """Every token of a request at its tier's rates (_get_tiered_base_costs, llms/dashscope/cost_calculator.py).

    A tier without an output rate leaves the output at the entry's own.
    """

    def rate(name: str, fallback: float) -> float:
        return fallback if tier.get(name) is None else float(tier[name])

    base = rate("input_cost_per_token", 0.0)
    write = rate("cache_creation_input_token_cost", base)
    output = rate("output_cost_per_token", info.get("output_cost_per_token", 0.0))
    own = output if "output_cost_per_token" in tier else info.get("output_cost_per_reasoning_token", output)
    return Rates(
        uncached_input=base,
        cache_read=rate("cache_read_input_token_cost", base),
        cache_write_5m=write,
        cache_write_1h=write if one_write_rate else rate("cache_creation_input_token_cost_above_1hr", write) or write,
        audio_input=info.get("input_cost_per_audio_token", base),
        image_input=info.get("input_cost_per_image_token", base),
        text_output=output,
        reasoning=rate("output_cost_per_reasoning_token", own),
        audio_output=info.get("output_cost_per_audio_token", output),
        image_output=info.get("output_cost_per_image_token", output),
    )


def _are_ranges(tiers: Any) -> bool:
    return isinstance(tiers, (list, tuple)) and all(
        isinstance(tier, Mapping)
        and len(tier.get("range", ())) == 2
        and "input_cost_per_token" in tier
        and all(is_number(value) for name, value in tier.items() if name != "range")
        for tier in tiers
    )


def _is_understood(name: str, value: Any) -> bool:
    """Whether a field of an entry is no price, one that these rules apply, or one of something else than tokens."""
    if _is_rate(name):
        return value is None or is_number(value)
    priced = "token" in name and "cost" in name
    return not priced or _PASSED_OVER.fullmatch(name) is not None


def _is_rate(name: str) -> bool:
    return name in _FLAT or _LONG.fullmatch(name) is not None


def _threshold(name: str) -> int:
    match = _LONG.fullmatch(name)
    assert match  # noqa: S101 - callers have matched it
    return int(match[1]) * (1000 if match[2] else 1)


def _rate(entry: Mapping[str, Any], kind: str) -> float | None:
    return next((entry[name] for name in _RATES[kind] if entry.get(name) is not None), None)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in entry.items() if "cost" in name and is_number(value)}
