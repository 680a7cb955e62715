"""The ways in which a command line states a call that is yet to be made, and the price that each comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from budgetctl.cli import options
from budgetctl.cli.costs import text_of
from budgetctl.cli.reading import read_json
from budgetctl.errors import InvalidValueError
from budgetctl.ledger.values import Price
from budgetctl.money import Picodollars


class PromptOptions(NamedTuple):
    """The options that state a call: a text, messages or tokens, and the length of the longest answer."""

    model: options.Model = None
    provider: options.Provider = None
    input_text: options.InputText = None
    input_file: options.InputFile = None
    messages: options.Messages = None
    input_tokens: options.InputTokens = None
    max_output_tokens: options.MaxOutputTokens = None

    @property
    def is_prompt(self) -> bool:
        """Whether any option states a prompt."""
        return any(each is not None for each in (self.input_text, self.input_file, self.messages, self.input_tokens))


def asked_of(amount: str | None, given: PromptOptions) -> tuple[str | Picodollars | None, str | None]:
    """The amount and the model of a call that is yet to be made: as they are stated, or by the price of its prompt.

    Raises `InvalidValueError` where both are stated. The amount is None where neither is.
    """
    if not given.is_prompt:
        return amount, given.model
    if amount is not None:
        raise InvalidValueError("an amount and a prompt were given: give one of them")
    price = estimate_of(given)
    return price.amount, price.model


def estimate_of(given: PromptOptions) -> Price:
    """The price of the stated call. Raises `InvalidValueError` unless it is stated in exactly one way."""
    ways = {
        "--input-text or --input-file": given.input_text is not None or given.input_file is not None,
        "--messages": given.messages is not None,
        "--input-tokens": given.input_tokens is not None,
    }
    used = [way for way, is_used in ways.items() if is_used]
    if len(used) != 1:
        what = f"{' and '.join(used)} were given" if used else "no prompt was given"
        raise InvalidValueError(f"{what}: give one of {', '.join(ways)}")
    if given.messages is not None:
        return _price_of_request(given, read_json(given.messages))
    model = _required(given.model)
    longest = given.max_output_tokens or 0
    from budgetctl.pricing import price_prompt, price_tokens

    if given.input_tokens is not None:
        return price_tokens(model, given.input_tokens, longest, provider=given.provider)
    text = text_of(given.input_text, given.input_file, "input")
    return price_prompt(model, text, longest, provider=given.provider)


def _price_of_request(given: PromptOptions, document: Any) -> Price:
    """The price of a list of messages, or of a whole request, which also has the model and the longest answer."""
    request: Mapping[str, Any] = document if isinstance(document, dict) else {"messages": document}
    messages = request.get("messages")
    if not isinstance(messages, list):
        raise InvalidValueError(
            "these are no chat messages: give a JSON list of them, or a request that has one under messages",
            hint='budgetctl estimate --model gpt-4o --messages \'[{"role": "user", "content": "Hi"}]\'',
        )
    if request.get("system"):  # Anthropic's, which stands beside the messages
        messages = [{"role": "system", "content": request["system"]}, *messages]
    from budgetctl.pricing import price_prompt
    from budgetctl.pricing.counting.prompts import longest_answer

    longest = longest_answer(request) if given.max_output_tokens is None else given.max_output_tokens
    model = _required(given.model or request.get("model"))
    return price_prompt(model, messages, longest, provider=given.provider)


def _required(model: str | None) -> str:
    if model is None:
        raise InvalidValueError("no --model was given", hint="add --model gpt-4o")
    return model
