"""Usages and prices that entries have recorded, read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars, from_number
from budgetctl.pricing.prices import catalog
from budgetctl.pricing.prices.own_prices import PER, WEB_SEARCH, OwnPrice


def recorded_usage(usage: Mapping[str, Any]) -> Usage:
    """The usage that `Usage.to_json` wrote. Old entries lack the counts that were added later.

    A caller of the library may have recorded anything: fields that have a value of another kind are left out.
    """
    known = {name: usage[name] for name in Usage._fields if name in usage and _is_of_kind(name, usage[name])}
    others = usage.get("also")
    also = [each for each in others if isinstance(each, Mapping)] if isinstance(others, (list, tuple)) else []
    return Usage(**{**known, "also": tuple(map(recorded_usage, also))})


def _is_of_kind(name: str, value: Any) -> bool:
    """Whether a value can be that of a field: of text, or of a count."""
    is_text = Usage._field_defaults[name] is None and name != "cost"
    return value is None or isinstance(value, str) if is_text else type(value) in (int, Picodollars)


def price_then(usage: Usage, pricing: Mapping[str, Any]) -> Picodollars | None:
    """The price of a usage of tokens by the rates that an entry recorded. None where these rules do not cover it."""
    rates = pricing.get("rates")
    if not isinstance(rates, Mapping):
        return None
    if pricing.get("source") == "user":
        amounts = {name: from_number(rate) for name, rate in rates.items()}
        web_search = amounts.pop(WEB_SEARCH, None)
        own = OwnPrice(str(pricing.get("key")), amounts, int(pricing.get("per", PER)), web_search)
        amount: Picodollars | None = own.price(usage).amount
    else:
        amount = _by_rates(usage, rates)
    also = pricing.get("also", ())
    if amount is None or not isinstance(also, Sequence) or len(also) != len(usage.also):
        return None
    others = [price_then(other.of_tokens(), kept) for other, kept in zip(usage.also, also, strict=True)]
    return None if None in others else Picodollars(amount + sum(filter(None, others)))


def _by_rates(usage: Usage, rates: Mapping[str, Any]) -> Picodollars | None:
    """The price by recorded rates per token of the price map, with the model's surcharges and seller of now."""
    listing = catalog.find(usage.model or "", usage.provider)
    if listing is None:
        return None
    then = listing.tariff.with_rates(rates)
    return None if then is None else then.price(usage._replace(also=()))
