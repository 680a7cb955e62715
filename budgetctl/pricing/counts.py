"""Numbers of tokens and amounts in parsed JSON: checked one by one, and totals split into disjoint parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeGuard

from budgetctl import money
from budgetctl.errors import InvalidResponseError, InvalidValueError
from budgetctl.money import Picodollars

Input = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Counts of an input in the order of `Usage`."""

Output = tuple[int, int, int, int, int]
"""Counts of an output in the order of `Usage`: text, reasoning, audio, images, video."""

MAX_TOKENS = 10**12
"""More than any response has: it keeps nonsense out of the arithmetic of prices."""

PICODOLLARS_PER_XAI_TICK = 100
"""xAI's `cost_in_usd_ticks` counts 10⁻¹⁰ USD: https://docs.x.ai/developers/cost-tracking."""

_NO_SECTION: Mapping[str, Any] = {}


# Values, one by one


def count(section: Mapping[str, Any], name: str) -> int:
    """The number of tokens of that name; 0 where there is none."""
    value = section.get(name)
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if value is None:
        return 0
    raise InvalidResponseError(f"{name} is {quoted(value)}, which is not a possible number of tokens")


def largest(section: Mapping[str, Any], names: tuple[str, ...]) -> int:
    """The largest number of tokens under any of those names, which all count the same ones."""
    most = 0
    for name in names:
        if name in section:
            most = max(most, count(section, name))
    return most


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
    """What the provider says it billed, as OpenRouter, Perplexity and xAI do.

    OpenRouter: https://openrouter.ai/docs/use-cases/usage-accounting; with a key of the caller's own, `cost`
    is its fee alone, and the maker of the model bills the rest. Perplexity's `cost` is an object.
    """
    if usage.get("cost_in_usd_ticks") is not None:
        return Picodollars(count(usage, "cost_in_usd_ticks") * PICODOLLARS_PER_XAI_TICK)
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


# Totals into disjoint parts


def split_input(
    name: str,
    total: int,
    cached: int,
    writes: tuple[int, int] = (0, 0),
    *,
    audio: int = 0,
    image: int = 0,
    names: tuple[str, str, str, str] = ("cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"),
) -> Input:
    """Split a whole input that includes all of the others. `writes` stay for 5 minutes and for an hour.

    `names` are the provider's for what was cached, written to the cache, audio and images: for errors.
    """
    short, long = writes
    uncached = total - cached - short - long
    if uncached < 0:
        refuse_impossible({names[0]: cached, names[1]: short + long}, name, total)
    if audio or image:
        if audio + image > total:
            refuse_impossible({names[2]: audio, names[3]: image}, name, total)
        # Audio and images may have been read from the cache, and are then billed as that.
        audio = min(audio, uncached)
        image = min(image, uncached - audio)
    return uncached - audio - image, cached, short, long, 0, 0, 0, 0, audio, image, 0


def split_writes(written: int, durations: Mapping[str, Any]) -> tuple[int, int]:
    """Split the tokens written to the cache by how long they stay: 5 minutes, where it is not said."""
    if not durations:
        return written, 0
    short = count(durations, "ephemeral_5m_input_tokens")
    long = count(durations, "ephemeral_1h_input_tokens")
    if written and short + long > written:
        parts = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
        refuse_impossible(parts, "cache_creation_input_tokens", written)
    return (written - long if written else short), long


def split_output(
    name: str,
    total: int,
    reasoning: int = 0,
    audio: int = 0,
    image: int = 0,
    *,
    names: tuple[str, str, str] = ("reasoning_tokens", "audio_tokens", "image_tokens"),
) -> Output:
    """Split a whole output that includes all of the others."""
    rest = total - reasoning - audio - image
    if rest < 0:
        refuse_impossible(dict(zip(names, (reasoning, audio, image), strict=True)), name, total)
    return rest, reasoning, audio, image, 0


def without(name: str, total: int, cached_name: str, cached: int) -> int:
    """What is left of a part of the input when what was cached of it is counted elsewhere."""
    if cached > total:
        refuse_impossible({cached_name: cached}, name, total)
    return total - cached


def refuse_impossible(parts: Mapping[str, int], total_name: str, total: int) -> NoReturn:
    """Say which counts exceed the one that includes them."""
    given = " and ".join(f"{name} is {value}" for name, value in parts.items() if value)
    raise InvalidResponseError(f"impossible usage: {given}, but {total_name}, which includes that, is {total}")


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
