"""The price of a usage by an entry of litellm's price map, in litellm's own arithmetic, without importing litellm.

The rules are `generic_cost_per_token` in litellm's `litellm_core_utils/llm_cost_calc/utils.py`, and the calculators of
single sellers under `llms/*/cost_calculat*.py`, for the versions that `litellm_rules` knows. Rates are floats of USD
per token, multiplied and added in litellm's order, so that rounding once to picodollars gives the amount of
`litellm.completion_cost`. Usages that these rules do not cover have the price None: litellm itself is then asked.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from budgetctl import money
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.litellm.litellm_rules import NEWEST, Rules
from budgetctl.pricing.rules.batch_prices import batch_cost, is_number
from budgetctl.pricing.rules.rates import QWEN, RATES, Rates, Schedule, is_rate

_WITHOUT_TIERS = frozenset({"amazon_nova", "fireworks_ai", "deepseek", "tencent", "xai", "perplexity"}) | QWEN
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

_PASSED_OVER = re.compile(
    r".*_(?:batches|decisions)|.*_dbu_cost_per_token|.*_token_cache_hit|computer_use_.*"
    r"|cache_creation_input_(?:audio|image)_token_cost"
    r"|.*_per_(?:character|image|second)_above_\d+k?_tokens",
    re.ASCII,
)
"""Rates of tokens that have no part in the price of a `Usage`, but for those of batches."""


_NOTHING_ODD = (0,) * 8
"""No citations, no unexplained tokens, and nothing that is billed by the piece."""


class Tariff:
    """An entry of the map with a seller's rules. Its rates are worked out once per service tier and input length."""

    __slots__ = ("_folds", "_known", "_multipliers", "_rules", "_schedule", "_seller", "entry")

    def __init__(
        self, entry: Mapping[str, Any], seller: str, tiers: Sequence[Mapping[str, Any]], rules: Rules = NEWEST
    ) -> None:
        """Use `tariff`, which knows which entries these rules cover."""
        self.entry = {name: value for name, value in entry.items() if name not in rules.lacks}
        self._seller = seller
        self._rules = rules
        info = {name: float(value) for name, value in self.entry.items() if is_rate(name) and value is not None}
        if seller == "fireworks_ai" and str(entry.get("litellm_provider")) == seller:
            # with_default_cache_read_rate: half the input rate, where no cache rate is published.
            half = info.get("input_cost_per_token", 0.0) * 0.5
            info.setdefault("cache_read_input_token_cost", half)
        self._schedule = Schedule(info, seller, tiers, rules)
        has_places = seller == "anthropic" or (seller == "bedrock" and rules.bedrock_has_places)
        self._multipliers = (entry.get("provider_specific_entry") or {}) if has_places else {}
        self._folds = seller in _WITHOUT_TIERS
        self._known: dict[tuple[str | None, int], Rates] = {}

    def with_rates(self, rates: Mapping[str, Any]) -> Tariff | None:
        """The same seller by other prices per token; None where these rules do not cover them."""
        others = {name: value for name, value in self.entry.items() if name not in token_rates(self.entry)}
        return tariff({**others, **rates}, self._seller, self._rules)

    def price(self, usage: Usage) -> Picodollars | None:
        """The price of a usage, or None where litellm has to be asked."""
        is_odd = usage[20:28] != _NOTHING_ODD
        if is_odd and any(usage[22:28]):  # searches and what else is billed by the piece
            return None
        given, word = usage, usage.service_tier
        if self._folds:
            usage = self._folded(usage)
        band = length = 0
        schedule = self._schedule
        if schedule.bands:
            length = usage.total_input
            band = (bisect_right if schedule.is_inclusive else bisect_left)(schedule.bands, length)
        rates = self._known.get((word, band))
        if rates is None:
            suffix = _TIERS.get(word and word.lower())
            if suffix is None:
                return self._batch_price(given) if word == "batch" else None
            rates = self._known[word, band] = schedule.rates("" if self._folds else suffix, length)
        prompt, completion = _parts(usage, rates)
        if self._multipliers:
            prompt, completion = self._multiplied(usage, prompt, completion)
        if is_odd:
            if self._seller == "perplexity":
                prompt += usage.citations * schedule.info.get("citation_cost_per_token", 0.0)
            completion += usage.unexplained * max(rates.uncached_input, rates.text_output)
        return self._checked(prompt + completion, given)

    def _batch_price(self, usage: Usage) -> Picodollars | None:
        cost = batch_cost(self.entry, usage, self._rules, at_threshold=self._schedule.is_inclusive)
        return self._checked(cost, usage)

    def _checked(self, cost: float, usage: Usage) -> Picodollars | None:
        if cost == 0 and not is_free(self.entry, usage):
            return None
        return money.from_small(cost)

    def _multiplied(self, usage: Usage, prompt: float, completion: float) -> tuple[float, float]:
        """Apply Anthropic's surcharges for fast answers and for places (llms/anthropic/cost_calculation.py).

        At Bedrock only places have one (llms/bedrock/cost_calculation.py).
        """
        if usage.speed == "fast" and self._seller == "anthropic":
            faster = self._multipliers.get("fast", 1.0)
            prompt, completion = prompt * faster, completion * faster
        place = (usage.inference_geo or "global").lower()
        if place not in {"global", "not_available"}:
            farther = float(self._multipliers.get(place, 1.0))
            prompt, completion = prompt * farther, completion * farther
        return prompt, completion

    def _folded(self, usage: Usage) -> Usage:
        """The usage with those kinds of tokens added up that a seller's own calculator does not tell apart."""
        if self._seller == "xai":
            return usage._replace(
                text_output=usage.total_output, reasoning=0, audio_output=0, image_output=0, video_output=0
            )
        if self._seller in QWEN:
            return Usage(
                uncached_input=usage.uncached_input + usage.audio_input + usage.image_input + usage.video_input,
                cache_read=usage.cache_read + usage.audio_cache_read + usage.image_cache_read,
                explicit_cache_read=usage.explicit_cache_read,
                cache_write_5m=usage.cache_write_5m + usage.cache_write_1h + usage.cache_write_12h,
                text_output=usage.total_output - usage.reasoning,
                reasoning=usage.reasoning,
                unexplained=usage.unexplained,
            )
        if self._seller == "perplexity":
            info = self._schedule.info
            reasoning = usage.reasoning if "output_cost_per_reasoning_token" in info else 0
            cached = sum((usage.cache_read, usage.explicit_cache_read, usage.audio_cache_read, usage.image_cache_read))
            if not self._rules.perplexity_reads_caches:
                cached = 0
            return Usage(
                uncached_input=usage.total_input - cached,
                cache_read=cached,
                text_output=usage.total_output - reasoning,
                reasoning=reasoning,
                citations=usage.citations,
                unexplained=usage.unexplained,
            )
        return usage


def tariff(entry: Mapping[str, Any], seller: str, rules: Rules = NEWEST) -> Tariff | None:
    """The tariff of an entry of the map at a seller, or None if litellm has to be asked for all its prices.

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
    return Tariff(entry, seller, tiers, rules)


def is_free(entry: Mapping[str, Any], usage: Usage) -> bool:
    """Whether the map itself says that these tokens cost 0; litellm also says 0 where it knows no price."""
    used = [kind for kind in RATES if getattr(usage, kind)]
    if usage.unexplained:
        used += ["uncached_input", "text_output"]
    if not used:
        return not any(usage[22:28]) and not usage.citations and bool(token_rates(entry))
    sold_otherwise = any("token" not in name for name in prices(entry))
    return not sold_otherwise and all(_rate(entry, kind) == 0 for kind in used)


def token_rates(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The prices per token of an entry, in USD."""
    tiers = {"tiered_pricing": entry["tiered_pricing"]} if entry.get("tiered_pricing") else {}
    return {name: rate for name, rate in _numbers(entry).items() if "token" in name} | tiers


def prices(entry: Mapping[str, Any]) -> dict[str, float]:
    """All prices of an entry that are not 0."""
    return {name: rate for name, rate in _numbers(entry).items() if rate}


def _parts(usage: Usage, rates: Rates) -> tuple[float, float]:
    """Input and output in USD, added in litellm's order (_calculate_input_cost, generic_cost_per_token)."""
    uncached, read, short, hour, half_day, explicit, audio_read, image_read = usage[4:12]
    audio_in, image_in, video_in, text, reasoning, audio_out, image_out, video_out = usage[12:20]
    prompt, completion = uncached * rates.uncached_input, text * rates.text_output
    if read:  # a test takes less time than a product
        prompt += read * rates.cache_read
    if hour or half_day or explicit or audio_read or image_read or audio_in or image_in or video_in:
        prompt += explicit * rates.explicit_cache_read
        prompt += audio_read * rates.audio_cache_read + image_read * rates.image_cache_read
        prompt += audio_in * rates.audio_input
        prompt += image_in * rates.image_input
        prompt += video_in * rates.video_input
        prompt += short * rates.cache_write_5m + hour * rates.cache_write_1h + half_day * rates.cache_write_12h
    elif short:
        prompt += short * rates.cache_write_5m
    if audio_out or image_out or video_out:
        completion += audio_out * rates.audio_output
        completion += reasoning * rates.reasoning
        completion += image_out * rates.image_output
        completion += video_out * rates.video_output
    elif reasoning:
        completion += reasoning * rates.reasoning
    return prompt, completion


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
    if is_rate(name):
        return value is None or is_number(value)
    priced = "token" in name and "cost" in name
    return not priced or _PASSED_OVER.fullmatch(name) is not None


def _rate(entry: Mapping[str, Any], kind: str) -> float | None:
    return next((entry[name] for name in RATES[kind] if entry.get(name) is not None), None)


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in entry.items() if "cost" in name and is_number(value)}
