"""The error for a model that nobody prices. It has similar names with a price, and says how to set a price."""

from __future__ import annotations

import functools
import itertools
import shlex
from typing import Any

from budgetctl.errors import CannotPriceError
from budgetctl.pricing.reading.counts import shown
from budgetctl.pricing.rules.cost import prices

NEVER_ASKED = frozenset({"github_copilot", "chatgpt", "huggingface"})
"""Providers for which litellm starts a login in the browser, or fetches files, to answer a question."""

_CANDIDATES, _LONGEST_SOUGHT = 5, 100
"""How many similar names are shown for an unknown one, and how many of its characters are compared."""


def unpriced(litellm: Any, model: str, provider: str | None, why: str) -> CannotPriceError:
    """The error for a model without a price, with similar names that have one."""
    seller = f" of {shown(provider)}" if provider else ""
    candidates = _candidates(model.rpartition("/")[2].lower()[:_LONGEST_SOUGHT], len(litellm.model_cost))
    name = shlex.quote(model) if shown(model) == model else "NAME"
    hint = f"budgetctl prices set {name} --input 2.5 --output 10"
    if candidates:
        hint = f"perhaps {', '.join(f'--model {key}' for key in candidates)}; or set its price: {hint}"
    return CannotPriceError(f"{shown(model)}{seller} {why}", hint=hint)


@functools.lru_cache(maxsize=256)
def _candidates(wanted: str, size: int) -> tuple[str, ...]:
    """A few keys of models of similar names that litellm does price, whoever sells them.

    They are kept while the map has as many entries: many answers of an unknown model need the search once.
    """
    import difflib

    import litellm  # which has been imported to find no price

    keys = _keys_by_name(size)
    similar = (key for name in difflib.get_close_matches(wanted, keys, n=_CANDIDATES) for key in keys[name])
    return tuple(itertools.islice((key for key in similar if _costs_something(litellm, key)), _CANDIDATES))


@functools.lru_cache(maxsize=1)
def _keys_by_name(_size: int) -> dict[str, list[str]]:
    """The keys of all models with a price per token, by the name without the seller, the shortest first."""
    import litellm

    keys: dict[str, list[str]] = {}
    for key, entry in sorted(litellm.model_cost.items(), key=lambda item: len(item[0])):
        if key.partition("/")[0] not in NEVER_ASKED and any("token" in name for name in prices(entry)):
            keys.setdefault(key.rpartition("/")[2].lower(), []).append(key)
    return keys


def _costs_something(litellm: Any, key: str) -> bool:
    try:
        return bool(sum(litellm.cost_per_token(model=key, prompt_tokens=1000, completion_tokens=1000)))
    except Exception:  # noqa: BLE001 - litellm raises bare Exceptions, also for keys of its own map
        return False
