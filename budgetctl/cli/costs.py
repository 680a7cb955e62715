"""The ways in which a command line states a cost, and the price that each comes to."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from budgetctl.cli import options
from budgetctl.cli.reading import SeveralResponsesError, read_response, read_response_text, read_text
from budgetctl.errors import CannotPriceError, InvalidResponseError, InvalidValueError, ProviderError
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import ZERO, Picodollars, parse_amount


class CostOptions(NamedTuple):
    """What was given of an amount, a response, texts, or tokens."""

    amount: options.Cost = None
    response: options.Response = None
    model: options.Model = None
    input_text: options.InputText = None
    input_file: options.InputFile = None
    output_text: options.OutputText = None
    output_file: options.OutputFile = None
    input_tokens: options.InputTokens = None
    output_tokens: options.OutputTokens = None
    provider: options.Provider = None

    @property
    def has_input(self) -> bool:
        """Whether the text that was sent is given."""
        return self.input_text is not None or self.input_file is not None

    def ways(self) -> dict[str, bool]:
        """The ways to state a cost, and whether each is used. A response may come with the text that was sent."""
        texts = [self.output_text, self.output_file]
        if self.response is None:
            texts += [self.input_text, self.input_file]
        return {
            "AMOUNT": self.amount is not None,
            "--response": self.response is not None,
            "--input-text and --output-text": any(text is not None for text in texts),
            "--input-tokens and --output-tokens": self.input_tokens is not None or self.output_tokens is not None,
        }


def price_of(given: CostOptions, on_unknown_price: str | None = None) -> Price:
    """The price of the stated cost. Raises `InvalidValueError` unless it is stated in exactly one way.

    `on_unknown_price` applies where nobody knows the price: `error`, `record`, or an amount to charge.
    """
    return with_instead(lambda: _price_of(given), on_unknown_price)


def with_instead(price_it: Callable[[], Price], on_unknown_price: str | None) -> Price:
    """The price that `price_it` finds; where nobody knows it, what `on_unknown_price` says."""
    instead = None if on_unknown_price in (None, "error") else _amount_instead(str(on_unknown_price))
    try:
        return price_it()
    except CannotPriceError as error:
        if instead is None or error.usage is None:
            raise
        from budgetctl.pricing import without_price

        return without_price(error.usage, instead)


def _amount_instead(text: str) -> Picodollars:
    try:
        return ZERO if text == "record" else parse_amount(text)
    except InvalidValueError as error:
        raise InvalidValueError(
            f"--on-unknown-price is {text!r}: give error, record, or an amount of US dollars"
        ) from error


def _stated(text: str) -> Picodollars:
    try:
        return parse_amount(text)
    except InvalidValueError as error:
        if not Path(text).is_file():
            raise
        raise InvalidValueError(f"{text!r} is no amount but a file", hint=f"--response {shlex.quote(text)}") from error


def _price_of(given: CostOptions) -> Price:
    used = [way for way, is_used in given.ways().items() if is_used]
    if len(used) != 1:
        what = f"{' and '.join(used)} were given" if used else "nothing to charge was given"
        raise InvalidValueError(f"{what}: give one of {', '.join(given.ways())}")
    if given.amount is not None:
        return Price(_stated(given.amount), Usage(), given.model, {"source": "stated"})
    if given.response is not None:
        return _price_of_response(given, given.response)
    if given.model is None:
        raise InvalidValueError(f"{used[0]} need a --model", hint="add --model gpt-4o")
    if given.input_tokens is not None or given.output_tokens is not None:
        from budgetctl.pricing import price_tokens

        return price_tokens(given.model, given.input_tokens or 0, given.output_tokens or 0, provider=given.provider)
    if given.input_file == given.output_file == "-":
        raise InvalidValueError("--input-file and --output-file cannot both be read from stdin")
    from budgetctl.pricing import price_text

    return price_text(
        given.model,
        text_of(given.input_text, given.input_file, "input"),
        text_of(given.output_text, given.output_file, "output"),
        provider=given.provider,
    )


def _price_of_response(given: CostOptions, source: str) -> Price:
    """The price of a saved response. Raises `SeveralResponsesError` for several documents in place of one."""
    text = read_response_text(source)
    try:
        return _price_of_text(given, text, source)
    except ProviderError:
        raise
    except InvalidResponseError as error:
        from budgetctl.pricing.reading.documents import are_several

        if are_several(text):
            raise SeveralResponsesError(error, text) from error
        raise


def _price_of_text(given: CostOptions, text: str, source: str) -> Price:
    """The price of one response; of one that states no usage, by its text and the text that was sent."""
    from budgetctl.pricing import price_partial, price_response, read_usage
    from budgetctl.pricing.reading.partial import UncountedStreamError

    try:
        document = read_response(source, text)
        if not given.has_input:
            return price_response(document, model=given.model, provider=given.provider)
        read_usage(document, model=given.model, provider=given.provider)
    except UncountedStreamError as error:
        sent = text_of(given.input_text, given.input_file, "input")
        return price_partial(error.answer, sent, model=given.model, provider=given.provider)
    raise InvalidValueError("the response says how much was sent: leave out --input-text and --input-file")


def text_of(text: str | None, file: str | None, which: str) -> str:
    """A text that is given as such, or as the name of a file."""
    if text is not None and file is not None:
        raise InvalidValueError(f"--{which}-text and --{which}-file were given: give one of them")
    return read_text(file) if file is not None else text or ""
