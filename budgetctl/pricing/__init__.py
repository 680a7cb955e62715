"""What a call to a model cost, or would cost: a saved response, text or numbers of tokens in, a `Price` out.

Light to import, and mostly light to use: prices per token are worked out from the price map that litellm ships, and
tokens counted by its vocabularies, to litellm's number. litellm itself is loaded by the first question that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from budgetctl.errors import InvalidResponseError, InvalidValueError
from budgetctl.models import Price, Usage
from budgetctl.pricing import catalog, litellm_pricing, tokens
from budgetctl.pricing.usage import MAX_TOKENS, read_document, read_usage, shown

__all__ = [
    "price_prompt",
    "price_response",
    "price_text",
    "price_tokens",
    "price_usage",
    "read_document",
    "read_usage",
]


def price_response(body: Any, *, model: str | None = None, provider: str | None = None) -> Price:
    """Price a provider's response: parsed JSON of any format that `read_usage` knows, or a response object.

    litellm's own objects are priced by `litellm.completion_cost`, everything else to its number. `model` replaces
    the one that parsed JSON names, `provider` is litellm's word for who served it. Raises `InvalidResponseError`
    and `CannotPriceError`.
    """
    if isinstance(body, (dict, Mapping)):  # a dict is told faster
        return price_usage(read_usage(body, model=model, provider=provider))
    if _is_of_litellm(body):
        return litellm_pricing.price_object(body, model=model, provider=provider)
    if hasattr(body, "model_dump"):  # the objects of the providers' own libraries
        return price_usage(read_usage(body.model_dump(warnings=False), model=model, provider=provider))
    raise InvalidResponseError(
        f"a {type(body).__name__} is not a response: pass its parsed JSON, or litellm's response object"
    )


def price_usage(usage: Usage) -> Price:
    """Price disjoint counts of tokens as `litellm.completion_cost` prices the response they were read from.

    What the provider itself says it billed comes first. Raises `CannotPriceError` for a model without a price.
    """
    if usage.cost is not None:
        return Price(usage.cost, usage, usage.model, {"source": "provider"})
    return _price_by_map(usage) or litellm_pricing.price_usage(usage)


def price_text(model: str, input_text: str, output_text: str, *, provider: str | None = None) -> Price:
    """Price a call by its texts, to the number of litellm's `BudgetManager.update_cost`.

    As there, each text is counted as one chat message, the output too; empty text is no tokens.
    Raises `InvalidValueError` for what is not text, and `CannotPriceError`.
    """
    input_tokens, output_tokens = (
        _count_as_message(_checked_model(model), name, text)
        for name, text in (("input_text", input_text), ("output_text", output_text))
    )
    return price_tokens(model, input_tokens, output_tokens, provider=provider)


def price_tokens(model: str, input_tokens: int, output_tokens: int, *, provider: str | None = None) -> Price:
    """Price plain numbers of tokens, none of them cached, as `litellm.cost_per_token` does.

    Raises `InvalidValueError` for what is not a number of tokens, and `CannotPriceError`.
    """
    usage = Usage(
        model=_checked_model(model),
        provider=provider,
        uncached_input=_checked_tokens("input_tokens", input_tokens),
        text_output=_checked_tokens("output_tokens", output_tokens),
    )
    return _price_by_map(usage, as_counts=True) or litellm_pricing.price_counts(usage)


def price_prompt(
    model: str, messages: str | Iterable[Any], max_output_tokens: int = 0, *, provider: str | None = None
) -> Price:
    """Price a call before it is made, as litellm's `projected_cost`: by the joined text of all messages.

    A message's content may be text, a list of parts, of which the text counts, or missing. Raises
    `InvalidValueError` for anything else, and `CannotPriceError`.
    """
    text = messages if isinstance(messages, str) else "".join(_texts_of_messages(messages))
    input_tokens = _count_as_text(_checked_model(model), text) if text else 0
    return price_tokens(model, input_tokens, _checked_tokens("max_output_tokens", max_output_tokens), provider=provider)


def _price_by_map(usage: Usage, *, as_counts: bool = False) -> Price | None:
    """The price by litellm's price map, or None if litellm has to be asked.

    A process that has imported litellm may have changed its prices: then the entry has to be the one that is shipped.
    """
    if not usage.model:
        return None
    listing = catalog.find(usage.model, usage.provider)
    if listing is None or (as_counts and listing.by_region):
        return None
    litellm = catalog.imported_litellm()
    if litellm is not None and not listing.holds_in(litellm):
        return None
    amount = listing.tariff.price(usage)
    if amount is None:
        return None
    pricing = {"source": "litellm", "version": listing.version, "key": listing.key, "rates": listing.rates.copy()}
    return Price(amount, usage, usage.model, pricing)


def _is_of_litellm(value: Any) -> bool:
    return any(cls.__module__.partition(".")[0] == "litellm" for cls in type(value).__mro__)


def _count_as_message(model: str, name: str, text: str) -> int:
    if not isinstance(text, str):
        raise InvalidValueError(f"{name} must be text, not {shown(text)}")
    if not text:
        return 0
    messages = [{"role": "user", "content": text}]
    count = tokens.count_messages(model, messages)
    return litellm_pricing.count_message_tokens(model, messages) if count is None else count


def _count_as_text(model: str, text: str) -> int:
    count = tokens.count_text(model, text)
    return litellm_pricing.count_text_tokens(model, text) if count is None else count


def _texts_of_messages(messages: Iterable[Any]) -> Iterator[str]:
    if isinstance(messages, Mapping) or not isinstance(messages, Iterable):
        raise InvalidValueError(f"messages must be text or a list of messages, not {shown(messages)}")
    for message in messages:
        if not isinstance(message, Mapping) and not hasattr(message, "content"):
            raise InvalidValueError(f"{shown(message)} is not a message: it has no role and content")
        content = message.get("content") if isinstance(message, Mapping) else message.content
        yield from _texts_of_content(content)


def _texts_of_content(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, (list, tuple)):
        for part in content:
            if not isinstance(part, Mapping):
                raise InvalidValueError(f"{shown(part)} is not a part of a message: it has no type")
            if isinstance(part.get("text"), str):
                yield part["text"]
    elif content is not None:
        raise InvalidValueError(f"{shown(content)} is not the content of a message: it is neither text nor parts")


def _checked_model(model: Any) -> str:
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        raise InvalidValueError(f"{shown(model)} is not the name of a model")
    return model


def _checked_tokens(name: str, tokens: Any) -> int:
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 0 <= tokens <= MAX_TOKENS:
        raise InvalidValueError(f"{name} must be a whole number of tokens from 0 to 10¹², not {shown(tokens)}")
    return tokens
