"""The price of a call to a model, past or planned: a saved response, text or numbers of tokens in, a `Price` out.

Light to import, and mostly light to use: prices per token are worked out from the price map that litellm ships, and
tokens are counted by its vocabularies, to litellm's number. litellm itself is loaded by the first question that needs
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from budgetctl.errors import CannotPriceError, InvalidResponseError, InvalidValueError
from budgetctl.ledger.values import UNKNOWN_PRICE, Price, Usage
from budgetctl.money import Picodollars, to_float
from budgetctl.pricing.counting import prompts
from budgetctl.pricing.litellm import asking, litellm_rules
from budgetctl.pricing.prices import asked, catalog, own_prices, price_files, proofs, recorded
from budgetctl.pricing.prices.recorded import recorded_usage
from budgetctl.pricing.reading.partial import PartialAnswer, UncountedStreamError
from budgetctl.pricing.reading.usage import MAX_TOKENS, checked_name, read_document, read_usage, shown

__all__ = [
    "is_reproduced",
    "price_answer",
    "price_as_recorded",
    "price_partial",
    "price_prompt",
    "price_recorded",
    "price_response",
    "price_text",
    "price_tokens",
    "price_usage",
    "read_document",
    "read_usage",
    "without_price",
]

_OF_COUNTS = "cost_per_token"
"""litellm's function for plain numbers of tokens. For some models its price is not that of the one for responses."""


def price_response(body: Any, *, model: str | None = None, provider: str | None = None) -> Price:
    """Price a provider's response: parsed JSON of any format that `read_usage` knows, or a response object.

    litellm's own objects are priced by `litellm.completion_cost`, everything else to its number. `model` replaces
    the one that parsed JSON names, `provider` is litellm's word for who served it. Raises `InvalidResponseError`
    and `CannotPriceError`.
    """
    if isinstance(body, (dict, Mapping)):  # a dict is told faster
        return price_usage(read_usage(body, model=model, provider=provider))
    if _is_of_litellm(body):
        return _noted(asking.price_object(body, model=model, provider=provider))
    if hasattr(body, "model_dump"):  # the objects of the providers' own libraries
        return price_usage(read_usage(body.model_dump(warnings=False), model=model, provider=provider))
    raise InvalidResponseError(
        f"a {type(body).__name__} is not a response: pass its parsed JSON, or litellm's response object"
    )


def price_answer(body: Any, prompt: str | Iterable[Any], *, provider: str | None = None) -> Price:
    """Price a response as `price_response` does, and one that states no tokens by its text and its prompt.

    litellm makes such a response of the chunks of a server that sends no usage with them. `prompt` is text, or the
    chat messages that were sent. Raises `InvalidResponseError` and `CannotPriceError`.
    """
    try:
        return price_response(body, provider=provider)
    except UncountedStreamError as error:
        return price_partial(error.answer, prompt, provider=provider)


def price_usage(usage: Usage, *, at_us: int | None = None) -> Price:
    """Price disjoint counts of tokens as `litellm.completion_cost` prices the response they were read from.

    An amount that the provider itself has billed comes first. Some models cost less at some hours: `at_us`
    (microseconds since 1970) is the time, by default now. Raises `CannotPriceError` for a model without a price.
    """
    if usage.cost is not None:
        return _noted(Price(usage.cost, usage, usage.model, {"source": "provider"}))
    price = _price_here(usage, at_us=at_us) or asked.ask(usage)
    return _noted(_with_others(price, at_us) if usage.also else price)


def price_recorded(usage: Mapping[str, Any], pricing: Mapping[str, Any], at_us: int) -> Price:
    """Price the usage that an entry recorded, as at that time by the prices of now. Raises `CannotPriceError`."""
    return _price_again(recorded_usage(usage), pricing, at_us)


def is_reproduced(usage: Mapping[str, Any], pricing: Mapping[str, Any], amount: Picodollars, at_us: int) -> bool:
    """Whether an entry's amount is what its recorded usage costs at its recorded rates.

    Where it is not, the usage lacks a count that was billed, or other rules were in force. Raises `CannotPriceError`.
    """
    return price_as_recorded(usage, pricing, at_us) == amount


def price_as_recorded(usage: Mapping[str, Any], pricing: Mapping[str, Any], at_us: int) -> Picodollars | None:
    """The price of a usage at the rates that an entry recorded. None where these do not cover it.

    The rates of tools are not recorded: they are those of now. Raises `CannotPriceError`.
    """
    again = recorded_usage(usage)
    tokens = again.of_tokens()
    try:
        then = recorded.price_then(tokens, pricing)
    except (InvalidValueError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None  # a caller of the library may have recorded anything as rates
    if then is None or tokens == again:
        return then
    tools = _price_again(again, pricing, at_us).amount - _price_again(tokens, pricing, at_us).amount
    return Picodollars(then + tools)


def _price_again(usage: Usage, pricing: Mapping[str, Any], at_us: int) -> Price:
    if pricing.get("calculator") == _OF_COUNTS:
        return _price_counts(usage, at_us=at_us)
    return price_usage(usage, at_us=at_us)


def _noted(price: Price) -> Price:
    """The price with the remarks that an entry keeps on its usage: that it is estimated, and the notes."""
    usage = price.usage
    if not usage.unexplained and not usage.notes:
        return price
    kept: dict[str, Any] = {"estimated": True} if usage.unexplained and usage.cost is None else {}
    return price._replace(pricing={**price.pricing, **kept, **({"notes": list(usage.notes)} if usage.notes else {})})


def _with_others(price: Price, at_us: int | None) -> Price:
    """The price with the prices of other models' usage for the same answer, each kept with its own rates."""
    try:
        others = [price_usage(usage, at_us=at_us) for usage in price.usage.also]
    except CannotPriceError as error:
        error.usage = price.usage
        raise
    also = [{"model": other.model, "cost": to_float(other.amount), **other.pricing} for other in others]
    total = Picodollars(price.amount + sum(other.amount for other in others))
    return price._replace(amount=total, pricing={**price.pricing, "also": also})


def without_price(usage: Usage, amount: Picodollars) -> Price:
    """The price of a usage for which nobody knows one: an amount, until `reprice` corrects it."""
    return Price(amount, usage, usage.model, {"source": UNKNOWN_PRICE})


def price_text(model: str, input_text: str, output_text: str, *, provider: str | None = None) -> Price:
    """Price a call by its texts, to the number of litellm's `BudgetManager.update_cost`.

    As there, each text is counted as one chat message, the output too; empty text is no tokens.
    Raises `InvalidValueError` for values that are not text, and `CannotPriceError`.
    """
    input_tokens, output_tokens = (
        _count_as_message(_checked_model(model), name, text)
        for name, text in (("input_text", input_text), ("output_text", output_text))
    )
    return price_tokens(model, input_tokens, output_tokens, provider=provider)


def price_partial(
    answer: PartialAnswer, prompt: str | Iterable[Any] = "", *, model: str | None = None, provider: str | None = None
) -> Price:
    """Price an answer that does not say what was used, by its text, and by the prompt that was sent.

    The tokens are those of the response that litellm builds from a stream without usage: a prompt of text counts as a
    chat message, a prompt of messages as these, and the answer as text. Where the answer says how many tokens were
    sent, `prompt` does not count. Raises `InvalidResponseError` for an answer without a model, and `CannotPriceError`.
    """
    name = checked_name(model or answer.usage.model)
    counted = max(answer.usage.text_output, prompts.count_text(name, answer.text))
    usage = answer.usage._replace(model=name, provider=provider or answer.usage.provider, text_output=counted)
    if not answer.has_input:
        usage = usage._replace(
            uncached_input=_count_as_message(name, "prompt", prompt)
            if isinstance(prompt, str)
            else prompts.count_messages(name, prompt)
        )
    price = price_usage(usage)
    return price._replace(pricing={**price.pricing, "counted": "text"})


def price_tokens(model: str, input_tokens: int, output_tokens: int, *, provider: str | None = None) -> Price:
    """Price plain numbers of tokens, none of them cached, as `litellm.cost_per_token` does.

    Raises `InvalidValueError` for values that are no numbers of tokens, and `CannotPriceError`.
    """
    usage = Usage(
        model=_checked_model(model),
        provider=provider,
        uncached_input=_checked_tokens("input_tokens", input_tokens),
        text_output=_checked_tokens("output_tokens", output_tokens),
    )
    return _price_counts(usage)


def price_prompt(
    model: str, prompt: str | Iterable[Any], max_output_tokens: int = 0, *, provider: str | None = None
) -> Price:
    """Price a call before it is made: by the tokens of its text, or of its chat messages as they are sent.

    Raises `InvalidValueError` for a prompt that is neither, and `CannotPriceError`.
    """
    count = prompts.count_text if isinstance(prompt, str) else prompts.count_messages
    input_tokens = count(_checked_model(model), prompt)  # type: ignore[arg-type]
    return price_tokens(model, input_tokens, _checked_tokens("max_output_tokens", max_output_tokens), provider=provider)


def _price_counts(usage: Usage, *, at_us: int | None = None) -> Price:
    price = _price_here(usage, as_counts=True, at_us=at_us) or asked.ask(usage, as_counts=True)
    return price._replace(pricing={**price.pricing, "calculator": _OF_COUNTS})


def _price_here(usage: Usage, *, as_counts: bool = False, at_us: int | None = None) -> Price | None:
    """The price by the user's own prices or the price map, or None if litellm has to be asked.

    A process that has imported litellm may have changed its prices: then the entry has to be the one that is shipped.
    """
    if not usage.model:
        return None
    files = price_files.seen()
    if files.own_state is not None:
        own = own_prices.find_in(files, usage.model, usage.provider)
        if own is not None:
            return own.price(usage)
    listing = catalog.find_in(files, usage.model, usage.provider)
    if listing is None:
        return _price_retired(files, usage)
    litellm = catalog.imported_litellm()
    if litellm is not None and not listing.holds_in(litellm):
        return None
    if listing.off_peak is not None:
        listing = listing.at(usage, at_us)
    amount = listing.price(usage, as_counts=as_counts)
    if amount is None or not (litellm_rules.is_trusted() or proofs.covers(files, listing, usage, as_counts=as_counts)):
        return None
    pricing = {
        "source": "litellm",
        "version": listing.source.version,
        "key": listing.key,
        "rates": listing.rates.copy(),
    }
    if usage.citations or listing.by_list is not None:
        pricing |= listing.remarks(usage)
    return Price(amount, usage, usage.model, pricing)


def _price_retired(files: price_files.PriceFiles, usage: Usage) -> Price | None:
    """The price of a model that litellm's map has dropped, by the last entry that it had."""
    listing = catalog.find_retired(files, usage.model or "", usage.provider)
    litellm = catalog.imported_litellm()
    if listing is None or (litellm is not None and not listing.is_missing_in(litellm)):
        return None
    amount, entry = listing.price(usage), listing.tariff.entry
    if amount is None:
        return None
    pricing = {"source": "litellm", "version": entry["litellm"], "key": listing.key, "rates": listing.rates.copy()}
    return Price(amount, usage, usage.model, {**pricing, "retired": entry["retired"]})


def _is_of_litellm(value: Any) -> bool:
    return any(cls.__module__.partition(".")[0] == "litellm" for cls in type(value).__mro__)


def _count_as_message(model: str, name: str, text: str) -> int:
    if not isinstance(text, str):
        raise InvalidValueError(f"{name} must be text, not {shown(text)}")
    return prompts.count_messages(model, [{"role": "user", "content": text}]) if text else 0


def _checked_model(model: Any) -> str:
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        raise InvalidValueError(f"{shown(model)} is not the name of a model")
    return model


def _checked_tokens(name: str, tokens: Any) -> int:
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 0 <= tokens <= MAX_TOKENS:
        raise InvalidValueError(f"{name} must be a whole number of tokens from 0 to 10¹², not {shown(tokens)}")
    return tokens
