"""Several responses in one text: their prices, and the charges that they become."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from budgetctl.cli.costs import CostOptions, with_instead
from budgetctl.cli.reading import named
from budgetctl.cli.session import Session
from budgetctl.errors import BudgetctlError, CannotPriceError, InvalidResponseError, InvalidValueError, ProviderError
from budgetctl.ledger.values import Charge, Price

if TYPE_CHECKING:
    from budgetctl.pricing.reading.documents import Answer, Documents


class Terms(NamedTuple):
    """What holds for all charges of a command line. `at` is a time as it was typed."""

    on_unknown_price: str | None = None
    note: str | None = None
    at: str | None = None
    is_again: bool = False
    is_dry: bool = False
    skips_bad: bool = False


class Priced(NamedTuple):
    """An answer in a text: its place there, its price, and its charge, None for one that was not made.

    `at_us` is when it happened, in microseconds since 1970, where that is known.
    """

    place: str
    price: Price
    at_us: int | None = None
    charge: Charge | None = None


class Several(NamedTuple):
    """What the documents of a text come to: answers with their prices, and what cannot be charged, by its place."""

    found: Documents
    priced: list[Priced]
    bad: list[tuple[str, BudgetctlError]]


def price_several(given: CostOptions, text: str, terms: Terms, *, otherwise: str | None = None) -> Several:
    """The prices of all answers in a text. `otherwise` is the model of those that cannot be read without one.

    Raises the error of the first document that cannot be priced, which says its place, unless the terms skip it; and
    `InvalidResponseError` where no document is an answer.
    """
    from budgetctl.pricing.reading.documents import read_documents

    source = given.response or ""
    if given.has_input:
        raise InvalidValueError(
            named(source, "--input-text and --input-file are for one response, and there are several documents")
        )
    try:
        found = read_documents(text, model=given.model, provider=given.provider, otherwise=otherwise)
    except InvalidResponseError as error:
        error.message = named(source, error.message)
        raise
    priced: list[Priced] = []
    bad: list[tuple[str, BudgetctlError]] = list(found.bad)
    if not bad or terms.skips_bad:
        for answer in found.answers:
            try:
                price = with_instead(partial(_price_of, answer), terms.on_unknown_price)
                priced.append(Priced(answer.place, price, answer.at_us))
            except (CannotPriceError, InvalidValueError) as error:
                bad.append((answer.place, error))
                if not terms.skips_bad:
                    break
    if bad and not (terms.skips_bad and priced):
        place, first = bad[0]
        first.message = named(source, f"{place}: {first.message}")
        if isinstance(first, InvalidResponseError) and "--model" not in (first.hint or ""):
            first.hint = "mend that document, or charge the others: --skip-bad"
        raise first
    if not priced:
        raise _nothing(found, source)
    return Several(found, priced, bad)


def _price_of(answer: Answer) -> Price:
    from budgetctl.pricing import price_partial, price_usage

    return price_usage(answer.usage) if answer.partial is None else price_partial(answer.partial)


def _nothing(found: Documents, source: str) -> InvalidResponseError:
    """The error for a text without an answer."""
    if found.failed:
        return ProviderError(named(source, f"all that the provider answered are errors ({found.failed:,}); no usage"))
    return InvalidResponseError(
        named(source, f"none of the {found.count:,} documents is a response that says what was used"),
        hint="save the provider's whole JSON bodies, or give the tokens or the cost yourself",
    )


def charge_several(session: Session, user: str, given: CostOptions, text: str, terms: Terms) -> Several:
    """Charge the user for each answer in a text, once; all of them or none, unless the terms skip what is bad.

    Where the terms have no time, an answer is charged at the time that its line states.
    """
    from budgetctl.periods import instant

    manager = session.manager
    with session.progress("charging") as progress:
        try:
            several = price_several(given, text, terms)
        except BudgetctlError as error:
            if isinstance(error, (InvalidResponseError, CannotPriceError)):
                error.message += "; nothing was charged"
            raise
        if terms.is_dry:
            manager.budget(user)
            return several
        at_us = None
        if terms.at is not None:
            at_us = instant(terms.at, session.store.now_us, lambda: manager.budget(user).limit.zone)
        prices = [(each.price, each.at_us if at_us is None else at_us) for each in several.priced]
        progress(0, len(prices), "responses")
        charge = manager.charge_each if terms.skips_bad else manager.charge_prices
        try:
            answers = charge(user, prices, once=not terms.is_again, note=terms.note)
        except BudgetctlError as error:
            if error.place is not None:
                error.message = named(given.response or "", f"{several.priced[error.place].place}: {error.message}")
            raise
    return _answered(several, answers)


def _answered(several: Several, answers: list[Charge] | list[Charge | BudgetctlError]) -> Several:
    priced, bad = [], list(several.bad)
    for each, answer in zip(several.priced, answers, strict=True):
        if isinstance(answer, BudgetctlError):
            bad.append((each.place, answer))
        else:
            priced.append(each._replace(charge=answer))
    return several._replace(priced=priced, bad=bad)
