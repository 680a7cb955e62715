"""The tokens of texts and chat messages: counted here, or by litellm where only it can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from budgetctl.errors import InvalidValueError
from budgetctl.pricing.counting import tokens
from budgetctl.pricing.litellm import asking
from budgetctl.pricing.prices import asked
from budgetctl.pricing.reading.counts import shown

_BOUNDS = ("max_completion_tokens", "max_tokens")
"""The fields of requests that bound an answer, in tokens."""


def longest_answer(*requests: Mapping[str, Any], tokens_of: Callable[[Any], Any] | None = None) -> Any:
    """The bound of an answer that the parts of a request state, in tokens; 0 without one.

    Of several bounds the largest counts, as nobody knows by which one a provider goes. A value that is no number counts
    as larger than any, so that the price of the request refuses it. `tokens_of` reads values in another way.
    """
    said = [request[name] for request in requests for name in _BOUNDS if request.get(name) is not None]
    bounds = said if tokens_of is None else map(tokens_of, said)
    return max(bounds, default=0, key=lambda tokens: tokens if isinstance(tokens, int) else float("inf"))


def count_text(model: str, text: str) -> int:
    """The tokens of plain text, as `litellm.token_counter(text=…)` counts them. Raises `CannotPriceError`."""
    if not text:
        return 0
    count = tokens.count_text(model, text)
    if count is None:
        return asked.ask_for_tokens(model, lambda: asking.count_text_tokens(model, text))
    return count


def count_messages(model: str, messages: Iterable[Any]) -> int:
    """The tokens of chat messages, as `litellm.token_counter(messages=…)` counts them.

    Raises `InvalidValueError` for values that are no messages, and `CannotPriceError`.
    """
    plain = [_as_mapping(message) for message in _checked(messages)]
    for message in plain:
        for _ in _texts_of_content(message.get("content")):
            pass  # litellm has worse words for what is none
    count = tokens.count_messages(model, plain)
    if count is None:
        return asked.ask_for_tokens(model, lambda: asking.count_message_tokens(model, plain))
    return count


def text_of(messages: str | Iterable[Any]) -> str:
    """The joined text of messages, by which litellm's `projected_cost` counts them.

    A message's content may be text, a list of parts, of which the text counts, or missing. Raises `InvalidValueError`.
    """
    if isinstance(messages, str):
        return messages
    return "".join(
        text for message in _checked(messages) for text in _texts_of_content(_as_mapping(message).get("content"))
    )


def _checked(messages: Iterable[Any]) -> Iterable[Any]:
    if isinstance(messages, Mapping) or not isinstance(messages, Iterable):
        raise InvalidValueError(f"messages must be text or a list of messages, not {shown(messages)}")
    return messages


def _as_mapping(message: Any) -> Mapping[str, Any]:
    """A message as the object that is sent; libraries have classes for them too."""
    if isinstance(message, Mapping):
        return message
    if hasattr(message, "model_dump"):
        fields: Mapping[str, Any] = message.model_dump(exclude_none=True, warnings=False)
        return fields
    if not hasattr(message, "content"):
        raise InvalidValueError(f"{shown(message)} is not a message: it has no role and content")
    return {"content": message.content}


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
