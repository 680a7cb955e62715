"""The ways in which a command line states a call that is not made yet, and the price that each comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from budgetctl.cli.costs import text_of
from budgetctl.cli.reading import read_json
from budgetctl.errors import InvalidValueError
from budgetctl.models import Price

_MAX_TOKENS = ("max_completion_tokens", "max_tokens")


class PromptOptions(NamedTuple):
    """What was given of a text, messages, or tokens, and of the longest answer."""

    model: str | None
    provider: str | None
    input_text: str | None
    input_file: str | None
    messages: str | None
    input_tokens: int | None
    max_output_tokens: int | None


def estimate_of(options: PromptOptions) -> Price:
    """The price of the call that was given. Raises `InvalidValueError` unless it was given in exactly one way."""
    ways = {
        "--input-text or --input-file": options.input_text is not None or options.input_file is not None,
        "--messages": options.messages is not None,
        "--input-tokens": options.input_tokens is not None,
    }
    used = [way for way, given in ways.items() if given]
    if len(used) != 1:
        what = f"{' and '.join(used)} were given" if used else "no prompt was given"
        raise InvalidValueError(f"{what}: give one of {', '.join(ways)}")
    if options.messages is not None:
        return _price_of_request(options, read_json(options.messages))
    model = _required(options.model)
    longest = options.max_output_tokens or 0
    from budgetctl.pricing import price_prompt, price_tokens

    if options.input_tokens is not None:
        return price_tokens(model, options.input_tokens, longest, provider=options.provider)
    text = text_of(options.input_text, options.input_file, "input")
    return price_prompt(model, text, longest, provider=options.provider)


def _price_of_request(options: PromptOptions, document: Any) -> Price:
    """The price of a list of messages, or of a whole request, which also says the model and the longest answer."""
    request: Mapping[str, Any] = document if isinstance(document, dict) else {"messages": document}
    messages = request.get("messages")
    if not isinstance(messages, list):
        raise InvalidValueError(
            "these are no chat messages: give a JSON list of them, or a request that has one under messages",
            hint='budgetctl estimate --model gpt-4o --messages \'[{"role": "user", "content": "Hi"}]\'',
        )
    if request.get("system"):  # Anthropic's, which is no message
        messages = [{"role": "system", "content": request["system"]}, *messages]
    longest = options.max_output_tokens
    if longest is None:
        longest = next((request[name] for name in _MAX_TOKENS if request.get(name) is not None), 0)
    from budgetctl.pricing import price_prompt

    model = _required(options.model or request.get("model"))
    return price_prompt(model, messages, longest, provider=options.provider)


def _required(model: str | None) -> str:
    if model is None:
        raise InvalidValueError("no --model was given", hint="add --model gpt-4o")
    return model
