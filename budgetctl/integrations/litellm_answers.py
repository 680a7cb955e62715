"""What an answer of litellm's cost, also when neither the provider nor litellm says what was used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from budgetctl.models import Price
from budgetctl.pricing import price_response, price_usage, prompts


def price_answer(response: Any, *, messages: Sequence[Any] | None, provider: str | None) -> Price:
    """Price an answer; one that is said to have used nothing, by its text and that of the messages.

    That is what litellm makes of the chunks of a server that sends no usage with them.
    """
    price = price_response(response, provider=provider)
    text = "".join(_texts(response))
    if price.amount or price.usage.total_input or price.usage.total_output or not text:
        return price
    model = price.usage.model or ""
    usage = price.usage._replace(
        uncached_input=prompts.count_messages(model, messages or ()),
        text_output=prompts.count_text(model, text),
    )
    counted = price_usage(usage)
    return counted._replace(pricing={**counted.pricing, "counted": "text"})


def is_cached(response: Any) -> bool:
    """Whether litellm's cache answered, which costs nothing."""
    return (getattr(response, "_hidden_params", None) or {}).get("cache_hit") is True


def _texts(response: Any) -> Iterator[str]:
    for choice in getattr(response, "choices", None) or ():
        message = getattr(choice, "message", None)
        for name in ("content", "reasoning_content"):
            text = getattr(message, name, None)
            if isinstance(text, str):
                yield text
        for call in getattr(message, "tool_calls", None) or ():
            yield from (getattr(call.function, name, None) or "" for name in ("name", "arguments"))
