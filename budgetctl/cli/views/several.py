"""Charges of several responses in one text: their documents, and words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from budgetctl.cli.views.budgets import standing, state_document
from budgetctl.cli.views.charges import (
    charge_document,
    charged,
    cost_of,
    dry_charge_document,
    notes_of,
    warnings_of_budget,
)
from budgetctl.ledger.values import Budget
from budgetctl.money import ZERO, Picodollars, format_usd

if TYPE_CHECKING:
    from budgetctl.cli.several import Priced, Several

FIELDS = (
    "place user charged cost model usage entry_id spent remaining status unpriced at owner total_cost refers_to".split()
)

_MOST_LINES = 20
"""Of more responses, text has the total alone."""

_MOST_WARNINGS = 10


def documents(several: Several, budget: Budget) -> Iterator[dict[str, Any]]:
    """The document of each charge, with its place in the text."""
    for place, price, _, charge in several.priced:
        document = dry_charge_document(price, budget) if charge is None else charge_document(charge, price)
        yield {"place": place, **document}


def several_document(several: Several, budget: Budget) -> dict[str, Any]:
    """The document of all charges: each of them, the total, and how many documents were charged, and how many not."""
    found = several.found
    return {
        "user": budget.user,
        "documents": list(documents(several, budget)),
        "total": total_of(several),
        "read": found.count,
        "charged": sum(_is_new(each) for each in several.priced),
        "replayed": sum(each.charge is not None and each.charge.replayed for each in several.priced),
        "repeated": found.repeated,
        "without_usage": found.silent,
        "failed": found.failed,
        "skipped": len(several.bad),
        "bad": [{"place": place, "code": error.code, "message": error.message} for place, error in several.bad],
        **state_document(budget),
    }


def total_of(several: Several) -> Picodollars:
    """What was added to the user's spend; of charges that are not made, what would be at most."""
    return Picodollars(
        sum((_cost(each) for each in several.priced if each.charge is None or each.charge.owner is None), ZERO)
    )


def sentences(several: Several, budget: Budget, now_us: int) -> str:
    """A line for each response, unless there are too many for a person to read, and one for all."""
    lines = [_line(each, now_us) for each in several.priced] if len(several.priced) <= _MOST_LINES else []
    return "\n".join([*(line for line in lines if line), _total(several, budget, now_us)])


def _line(each: Priced, now_us: int) -> str:
    if each.charge is None:
        return cost_of(each.price)
    if each.charge.replayed or each.charge.entry.refers_to is not None:
        return charged(each.charge, each.price, None, now_us)
    return f"{each.charge.budget.user} {cost_of(each.price)}"


def _total(several: Several, budget: Budget, now_us: int) -> str:
    found, priced = several.found, several.priced
    is_dry = any(each.charge is None for each in priced)
    apart = {
        "without usage": found.silent,
        "repeated": found.repeated,
        "charged before": sum(not _is_new(each) for each in priced if not is_dry),
        "error of the provider" if found.failed == 1 else "errors of the provider": found.failed,
        "skipped": len(several.bad),
    }
    named = ", ".join(f"{count:,} {what}" for what, count in apart.items() if count)
    count = len(priced) if is_dry else sum(map(_is_new, priced))
    whole = (
        f"+{format_usd(total_of(several))} for {count:,} of {found.count:,} documents{f' ({named})' if named else ''}"
    )
    if is_dry:
        return f"{budget.user} would be charged {whole}"
    return f"{budget.user} {whole} · {standing(budget, now_us)}"


def _is_new(each: Priced) -> bool:
    return each.charge is not None and not each.charge.replayed


def _at(each: Priced) -> int:
    return 0 if each.charge is None else each.charge.entry.at_us


def _cost(each: Priced) -> Picodollars:
    if each.charge is None:
        return each.price.amount
    return ZERO if each.charge.replayed else each.charge.entry.amount


def warnings_of(
    several: Several, budget: Budget, now_us: int, *, is_again: bool = False, takes_input: bool = False
) -> list[str]:
    """The warnings: each document that was skipped; the notes on prices, each once; what is not noticed again."""
    lines = [f"{place} is skipped: {error.message}" for place, error in several.bad]
    noted: dict[str, list[str]] = {}
    unpriced: dict[str, int] = {}
    for each in several.priced:
        if each.charge is not None and each.charge.replayed:
            continue
        for note in notes_of(each.price, takes_input=takes_input):
            noted.setdefault(note, []).append(each.place)
        if each.charge is not None and each.charge.entry.is_unpriced:
            model = each.price.model or ""
            unpriced[model] = unpriced.get(model, 0) + 1
    lines += [f"{_places(places)}: {note}" for note, places in list(noted.items())[:_MOST_WARNINGS]]
    if len(noted) > _MOST_WARNINGS:
        lines.append(
            f"{len(noted) - _MOST_WARNINGS:,} other remarks on counts stand in the entries: budgetctl history --json"
        )
    for model, count in unpriced.items():
        entries = "1 entry is" if count == 1 else f"{count:,} entries are"
        lines.append(f"{model} has no price: {entries} unpriced until budgetctl reprice --model {shlex.quote(model)}")
    early = sum(_is_new(each) and _at(each) < budget.limit.window_start_us for each in several.priced)
    if early:
        what = "1 response is" if early == 1 else f"{early:,} responses are"
        lines.append(f"{what} of before the current window: not in what is spent now")
    nameless = sum(each.price.usage.request_id is None for each in several.priced if each.charge is not None)
    if nameless and not is_again:
        what = "1 response has" if nameless == 1 else f"{nameless:,} responses have"
        lines.append(f"{what} no id: charging the same again will not be noticed")
    return lines + ([] if any(each.charge is None for each in several.priced) else warnings_of_budget(budget, now_us))


def _places(places: list[str]) -> str:
    return places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1:,} more"
