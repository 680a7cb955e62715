"""What an answer of litellm's cost, also when neither the provider nor litellm says what was used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budgetctl.ledger.values import Price
from budgetctl.pricing import price_response, price_usage
from budgetctl.pricing.counting import prompts
from budgetctl.pricing.reading.partial import UncountedStreamError


def price_answer(response: Any, *, messages: Sequence[Any] | None, provider: str | None) -> Price:
    """Price an answer; one that is said to have used nothing, by its text and that of the messages.

    That is what litellm makes of the chunks of a server that sends no usage with them.
    """
    try:
        return price_response(response, provider=provider)
    except UncountedStreamError as error:
        usage, text = error.answer.usage, error.answer.text
    model = usage.model or ""
    usage = usage._replace(
        uncached_input=prompts.count_messages(model, messages or ()),
        text_output=prompts.count_text(model, text),
    )
    counted = price_usage(usage)
    return counted._replace(pricing={**counted.pricing, "counted": "text"})


def is_cached(response: Any) -> bool:
    """Whether litellm's cache answered, which costs nothing."""
    return (getattr(response, "_hidden_params", None) or {}).get("cache_hit") is True
