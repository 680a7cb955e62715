"""Whether a newer price map can be right, compared to the one in force: models that became free, or a unit changed.

Between the maps of litellm's releases no price has become 0 or been taken from a model that stayed, at most 1.2 % of
the models were dropped, and two in 4,285 became a hundred times cheaper.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.pricing.rules.batch_prices import is_number

_MAX_GONE = 0.05
"""The share of the priced models that may have no price any more."""

_MAX_SCALED = 0.01
"""The share of the priced models that may cost a hundred times more or less."""

_SELLER = 10
"""The number of priced models from which on a seller is looked at by itself: it may not lose half of them."""

_SCALE = 99.0
"""A hundred times, less the error of floats: the least by which another unit, or a decimal point, changes a price."""

_MAIN = ("input_cost_per_token", "output_cost_per_token")
_FEW = 3

Entries = Mapping[str, Mapping[str, Any]]


class Doubts(NamedTuple):
    """The doubts about a map: `reasons` as sentences, and the models whose prices are in another scale (`scaled`)."""

    reasons: list[str]
    scaled: list[str]


def doubts(before: Entries, after: Entries) -> Doubts:
    """The doubts about putting `after` in the place of `before`. Without `reasons` the new map can be right."""
    priced = {key: stated for key, entry in before.items() if any((stated := dict(amounts(entry))).values())}
    free: list[str] = []
    gone: list[str] = []
    scaled: list[str] = []
    for key, stated in priced.items():
        now = dict(amounts(after.get(key, {})))
        if not now:
            gone.append(key)
            continue
        if lost := [name for name, price in stated.items() if price and _is_free(name, now)]:
            name = min(lost, key=lambda each: each not in _MAIN)
            free.append(f"{key} ({name} {stated[name]:g} → 0)")
        elif moved := [name for name, price in stated.items() if price and _is_scaled(price, now.get(name))]:
            scaled.append(f"{key} ({moved[0]} {stated[moved[0]]:g} → {now[moved[0]]:g})")
    reasons = []
    if free:
        reasons.append(
            f"{_models(free)} would be free that {'is' if len(free) == 1 else 'are'} not now, as {_few(free)}"
        )
    if len(gone) > len(priced) * _MAX_GONE:
        kept = len(priced) - len(gone)
        reasons.append(
            f"it has a price of {kept:,} of the {len(priced):,} models that are priced now, and none of {_few(gone)}:"
            " it is not whole"
        )
    else:
        reasons += _sellers(before, priced, gone)
    if len(scaled) > len(priced) * _MAX_SCALED:
        reasons.append(
            f"{_models(scaled)} would cost a hundred times more or less, as {_few(scaled)}:"
            " its prices are in another unit"
        )
    return Doubts(reasons, sorted(scaled, key=_known_first))


def amounts(entry: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every amount of an entry with its name, also in tiers, hours and tables: the values under names with `cost`.

    Values are as they stand, and need not be numbers; null is left out.
    """
    for name, value in entry.items():
        place = f"{above}{name}"
        is_amount = "cost" in place
        for nth, each in enumerate(value if isinstance(value, list) else [value]):
            here = f"{place}.{nth}" if isinstance(value, list) else place
            if isinstance(each, Mapping):
                yield from amounts(each, f"{here}.")
            elif is_amount and each is not None:
                yield here, each


def _is_free(name: str, now: Mapping[str, Any]) -> bool:
    """Whether a rate is free now: it is 0, or it is a main rate that is missing, which litellm takes for 0."""
    return now[name] == 0 if name in now else name in _MAIN and any(main in now for main in _MAIN)


def _is_scaled(price: float, now: Any) -> bool:
    return is_number(now) and now > 0 and not 1 / _SCALE < now / price < _SCALE


def _sellers(before: Entries, priced: Mapping[str, Any], gone: Sequence[str]) -> Iterator[str]:
    """The sellers that lose their models, although these are few of all."""
    had, lost = (Counter(before[key].get("litellm_provider") for key in keys) for keys in (priced, gone))
    for seller, count in lost.items():
        if seller and had[seller] >= _SELLER and count > had[seller] / 2:
            names = [key for key in gone if before[key].get("litellm_provider") == seller]
            yield f"{count:,} of the {had[seller]:,} models of {seller} would have no price any more, as {_few(names)}"


def _models(names: Sequence[str]) -> str:
    return f"{len(names):,} {'model' if len(names) == 1 else 'models'}"


def _few(names: Sequence[str]) -> str:
    """Some of the models, well-known ones first."""
    return ", ".join(sorted(names, key=_known_first)[:_FEW])


def _known_first(name: str) -> tuple[bool, int, str]:
    """Makers' own models have short names; resellers' have a path."""
    return "/" in name, len(name), name
