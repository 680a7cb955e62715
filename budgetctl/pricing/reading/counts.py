"""Values in parsed JSON, looked at one by one: objects, texts, amounts, and how an error shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeGuard

from budgetctl import money
from budgetctl.errors import InvalidResponseError, InvalidValueError
from budgetctl.money import Picodollars

MAX_TOKENS = 10**12
"""The most tokens of a count, more than any response has: it keeps nonsense out of the arithmetic of prices."""

PICODOLLARS_PER_XAI_TICK = 100
"""xAI's `cost_in_usd_ticks` counts 10⁻¹⁰ USD: https://docs.x.ai/developers/cost-tracking."""

_NO_SECTION: Mapping[str, Any] = {}


# Values, one by one


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a JSON object. `Mapping` is asked last: that takes ten times as long as the rest."""
    return type(value) is dict or (value is not None and isinstance(value, Mapping))


def section(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of that name, empty where there is none; anything else in its place is refused."""
    value: Any = body.get(name)
    if value is None:
        return _NO_SECTION
    if is_object(value):
        return value
    raise InvalidResponseError(f"{name} is {kind(value)}, which holds no numbers of tokens")


def part(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The object at the end of a path of names; empty where there is none, or something else."""
    for name in names:
        value = body.get(name)
        if not is_object(value):
            return _NO_SECTION
        body = value
    return body


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; none where it is something else."""
    return [item for item in value if type(item) is dict or is_object(item)] if isinstance(value, list) else []


def word(value: Any) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def text(value: Any) -> str | None:
    """An identifier or a time as text, whichever type the provider gives it."""
    if isinstance(value, str):
        if not value:
            return None
        if value.isprintable():
            return value
        raise InvalidResponseError(f"{shown(value)} is neither an id nor a time")
    if type(value) is int and -MAX_TOKENS < value < MAX_TOKENS:
        return str(value)
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else shown(value)


def dollars(name: str, value: Any) -> Picodollars | None:
    """An amount in USD; None where there is none."""
    if value is None:
        return None
    if not isinstance(value, (int, float)):
        raise InvalidResponseError(f"{name} is not an amount that was billed, but {kind(value)}")
    try:
        return money.from_number(value)
    except InvalidValueError as error:
        raise InvalidResponseError(f"{name} is not an amount that was billed: {error.message}") from None


def billed(usage: Mapping[str, Any]) -> Picodollars | None:
    """The amount that the provider has billed, as OpenRouter, Perplexity and xAI state it.

    OpenRouter: https://openrouter.ai/docs/use-cases/usage-accounting; with a key of the caller's own, `cost`
    is its fee alone, and the maker of the model bills the rest. Perplexity's `cost` is an object.
    """
    ticks = usage.get("cost_in_usd_ticks")
    if type(ticks) is int and 0 <= ticks <= MAX_TOKENS:
        return Picodollars(ticks * PICODOLLARS_PER_XAI_TICK)
    if ticks is not None:
        raise InvalidResponseError(f"cost_in_usd_ticks is not an amount that was billed, but {shown(ticks)}")
    cost = usage.get("cost")
    if cost is None:
        return None
    if is_object(cost):
        return dollars("total_cost", cost.get("total_cost"))
    amount = dollars("cost", cost)
    if amount is None or usage.get("is_byok") is not True:
        return amount
    upstream = dollars("upstream_inference_cost", part(usage, "cost_details").get("upstream_inference_cost"))
    return None if upstream is None else Picodollars(amount + upstream)


# What to say about a value


def kind(value: Any) -> str:
    """The JSON type of a value, with its article."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "something else")


def shown(value: Any) -> str:
    """Any value as one short line for an error."""
    try:
        line = value if isinstance(value, str) else json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of too many digits"
    except TypeError:
        line = repr(value)
    except RecursionError:
        return "something nested too deeply to show"
    line = " ".join(line.split())
    return line if len(line) <= 200 else f"{line[:200]}…"


def quoted(value: Any) -> str:
    """Any value as one short line for an error, in which text can be told from a number, and from nothing."""
    return shown(json.dumps(value, ensure_ascii=False)) if isinstance(value, str) else shown(value)
