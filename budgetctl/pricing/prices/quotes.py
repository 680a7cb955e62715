"""Quotes: the prices of models, to be looked at, from the user's own prices and from the price map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from budgetctl.money import Picodollars, format_exact, from_number
from budgetctl.pricing.litellm import asking, litellm_rules
from budgetctl.pricing.prices import catalog, own_prices, price_files, price_map, proofs
from budgetctl.pricing.prices.own_prices import PER, OwnPrice

_NAMES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "audio_input",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_audio_token": "audio_output",
    "output_cost_per_image_token": "image_output",
}
"""The map's field for each rate that has a name here."""

_SCALE = 100
"""By how many times a user's price differs from the map's when it is rather a mistake than a contract."""


class Quote(NamedTuple):
    """A model's price: USD for `per` tokens by the names of `own_prices.RATES`, and other facts of the map.

    `key` is its key in the user's prices (`source` is `user`) or in the map (`litellm`).
    """

    key: str
    source: str
    provider: str | None
    per: int
    rates: Mapping[str, Picodollars]
    others: Mapping[str, Any]


def quote(model: str, provider: str | None = None) -> Quote:
    """The price by which a model's responses are charged. Raises `CannotPriceError` where there is none."""
    own = own_prices.find(model, provider)
    if own is not None:
        return _of_user(own)
    return _listed(model, provider) or _of_map(*asking.find_entry(model, provider))


def doubt(price: OwnPrice) -> str | None:
    """The doubt about a user's price that is a hundred times more or less than the one of the map in force."""
    listed = _listed(price.model, None)
    for name in ("input", "output"):
        own, usual = price.rates.get(name), listed.rates.get(name) if listed else None
        if own is None or not usual:
            continue
        own = Picodollars(own * PER // price.per)
        if not usual <= own * _SCALE <= usual * _SCALE**2:
            return (
                f"{format_exact(own)} is set for 1M tokens of {name} of {price.model}, where litellm's map has"
                f" {format_exact(usual)}: is --per as you mean it?"
            )
    return None


def quotes(search: str = "") -> Iterator[Quote]:
    """All prices, the user's own first, of models whose name or provider holds every word of `search`."""
    own = own_prices.load()
    source = price_map.in_force()
    entries = {} if source is None else source.load()
    words = search.lower().split()
    for each in (
        *(_of_user(own[model]) for model in sorted(own)),
        *(_of_map(key, entries[key]) for key in sorted(entries)),
    ):
        where = f"{each.key} {each.provider or ''}".lower()
        if all(word in where for word in words):
            yield each


def keys(beginning: str = "") -> list[str]:
    """The names of all models that have a price and begin so, in order."""
    source = price_map.in_force()
    own = (key for key in own_prices.load() if key.startswith(beginning))
    return sorted({*own, *(() if source is None else source.keys(beginning))})


class Trust(NamedTuple):
    """The reason for which prices are worked out here: the release has proven litellm's rules, or models are proven.

    Where the files of litellm cannot be read, `by` and `digest` are None, and litellm is asked for each price.
    """

    by: Literal["digest", "proof"] | None
    digest: str | None
    proofs: Path | None
    proven_models: int


class Sources(NamedTuple):
    """The files in force. `map` is None where litellm alone knows its prices, `installed_us` for the one it ships."""

    own: Path
    own_models: int
    map: Path | None
    map_models: int
    version: str | None
    installed_us: int | None
    trust: Trust


def sources() -> Sources:
    """The files from which prices come."""
    own = own_prices.load()
    source = price_map.in_force()
    path = price_files.seen().own
    if source is None:
        return Sources(path, len(own), None, 0, None, None, trust())
    return Sources(path, len(own), source.path, len(source.load()), source.version, source.installed_us, trust())


def trust() -> Trust:
    """The reason for which litellm is not asked for each price."""
    digest = litellm_rules.digest()
    if digest is None:
        return Trust(None, None, None, 0)
    if litellm_rules.is_trusted():
        return Trust("digest", digest, None, 0)
    return Trust("proof", digest, proofs.path(), proofs.proven_models())


def _listed(model: str, provider: str | None) -> Quote | None:
    """What the map in force has of a model; None where only litellm can tell."""
    source = price_map.in_force()
    listing = catalog.find(model, provider)
    if source is None or listing is None:
        return None
    with source.entries() as entries:
        return _of_map(listing.key, entries.get(listing.key) or {})


def _of_user(price: OwnPrice) -> Quote:
    others = {} if price.web_search is None else {own_prices.WEB_SEARCH: price.web_search}
    return Quote(price.model, "user", None, price.per, price.rates, others)


def _of_map(key: str, entry: Mapping[str, Any]) -> Quote:
    from decimal import Decimal

    rates, others = {}, {}
    for field, value in entry.items():
        if field in _NAMES and value is not None:
            rates[_NAMES[field]] = from_number(Decimal(repr(value)) * PER)
        elif "cost" in field or field in {"tiered_pricing", "off_peak_pricing", "provider_specific_entry"}:
            others[field] = value
    in_order = {name: rates[name] for name in own_prices.RATES if name in rates}
    return Quote(key, "litellm", entry.get("litellm_provider"), PER, in_order, others)
