"""Prices in which litellm and the provider's own list differ, as of November 2026.

litellm's price is charged, and the entry says by how much the list differs. Two are known. One is a rule: cache writes
for an hour, of a long input, in a service tier without a rate for both, fall to the rate of a short input
(`_first_present_key` in litellm's `llm_cost_calc/utils.py`); Anthropic multiplies the long one. The others are cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars, to_float
from budgetctl.pricing.litellm.litellm_rules import Rules
from budgetctl.pricing.rules.cost import Tariff, tariff

_LONG_HOUR = "cache_creation_input_token_cost_above_1hr_above_"

_CELLS = {("gemini-2.5-flash", "input_cost_per_audio_token_above_200k_tokens"): (3e-07, 1e-06)}
"""The rate in litellm's map and that in Google's list (ai.google.dev/gemini-api/docs/pricing): $1.00 for audio."""


def by_list(key: str, entry: Mapping[str, Any], seller: str, rules: Rules) -> Tariff | None:
    """The tariff of a model by its provider's own list, where litellm's price is disputed; else None."""
    right = {
        name: listed for (model, name), (ours, listed) in _CELLS.items() if model == key and entry.get(name) == ours
    }
    has_rule = rules.writes_by_lifetime and any(name.startswith(_LONG_HOUR) for name in entry)
    if not right and not has_rule:
        return None
    return tariff({**entry, **right}, seller, rules._replace(writes_by_lifetime=not has_rule))


def disputed(listed: Tariff, ours: Tariff, usage: Usage) -> dict[str, float]:
    """The remark on a disputed price: by how many USD the provider's list is higher."""
    if not usage.audio_input and not usage.cache_write_1h:
        return {}
    same = usage._replace(  # the older rule knows neither
        cache_write_5m=usage.cache_write_5m + usage.cache_write_12h,
        cache_write_12h=0,
        cache_read=usage.cache_read + usage.explicit_cache_read,
        explicit_cache_read=0,
    )
    here, there = ours.price(same), listed.price(same)
    if here is None or there is None or here == there or usage.service_tier == "batch":
        return {}
    return {"disputed": to_float(Picodollars(there - here))}
