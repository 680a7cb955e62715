"""Charges, estimates and refunds: documents, and words."""

from __future__ import annotations

import shlex
from typing import Any

from budgetctl.cli.views.budgets import over_budget, standing, state_document
from budgetctl.cli.views.entries import usage_document
from budgetctl.cli.views.times import day
from budgetctl.ledger import decisions
from budgetctl.ledger.values import UNKNOWN_PRICE, Budget, Charge, Entry, Price, Usage
from budgetctl.ledger.windows import is_in_generation
from budgetctl.money import Picodollars, format_usd, from_number
from budgetctl.periods import rfc3339


def charge_document(charge: Charge, price: Price) -> dict[str, Any]:
    """The document of a charge, with the budget after it. A replayed charge has the amounts of the first one.

    `total_cost` is what the call has cost in all, also where more entries than this one say so. `owner` is whose entry
    it is, where another user was charged for the call before.
    """
    return {
        "user": charge.budget.user,
        "charged": not charge.replayed,
        "cost": charge.entry.amount,
        "model": charge.entry.model,
        "usage": usage_document(price.usage.to_json()),
        "entry_id": charge.entry.number,
        **state_document(charge.budget),
        "unpriced": charge.entry.is_unpriced,
        "at": rfc3339(charge.entry.at_us),
        "owner": charge.owner or charge.budget.user,
        "total_cost": charge.entry.amount if charge.cost is None else charge.cost,
        "refers_to": charge.entry.refers_to,
    }


def dry_charge_document(price: Price, budget: Budget) -> dict[str, Any]:
    """The same document for a charge that is not made."""
    return {
        "user": budget.user,
        "charged": False,
        "cost": price.amount,
        "model": price.model,
        "usage": usage_document(price.usage.to_json()),
        "entry_id": None,
        **state_document(budget),
        "unpriced": price.pricing.get("source") == UNKNOWN_PRICE,
        "at": None,
        "owner": budget.user,
        "total_cost": price.amount,
        "refers_to": None,
    }


def estimate_document(price: Price, budget: Budget | None) -> dict[str, Any]:
    """The document of the cost of a call, and of the money that the user would then have spent."""
    document: dict[str, Any] = {
        "cost": price.amount,
        "model": price.model,
        "input_tokens": price.usage.total_input,
        "output_tokens": price.usage.total_output,
    }
    if budget is None:
        return document
    projected = Picodollars(budget.limit.spent + price.amount)
    remaining = Picodollars(budget.remaining - price.amount)
    return {"user": budget.user, **document, "projected": projected, "remaining": remaining}


def refund_document(charge: Charge) -> dict[str, Any]:
    """The document of a refund, with the budget after it."""
    return {
        "user": charge.budget.user,
        "refunded": Picodollars(-charge.entry.amount),
        "refers_to": charge.entry.refers_to,
        "entry_id": charge.entry.number,
        **state_document(charge.budget),
    }


def charged(charge: Charge, price: Price, key: str | None, now_us: int) -> str:
    """The sentence for a charge, also for one whose key, or whose response, was charged before."""
    if charge.replayed:
        return _already(charge, key or price.usage.request_id)
    if charge.entry.refers_to is not None:
        return _grown(charge)
    return f"{charge.budget.user} {cost_of(price)}{_when(charge)} · {standing(charge.budget, now_us)}"


def _when(charge: Charge) -> str:
    """Words for an entry that stands in the history of the budget alone, as it happened before its current window."""
    limit, entry = charge.budget.limit, charge.entry
    if entry.recorded_us is None or is_in_generation(limit, entry.at_us, entry.recorded_us):
        return ""
    return f" on {day(entry.at_us, limit.zone, entry.at_us)}, before this window"


def _already(charge: Charge, what: str | None) -> str:
    """The sentence for a call for which somebody was charged before."""
    user, at = charge.budget.user, day(charge.entry.at_us, charge.budget.limit.zone, charge.entry.at_us)
    cost = format_usd(charge.entry.amount if charge.cost is None else charge.cost)
    who = "already charged" if charge.owner is None else f"{charge.owner} was already charged"
    return f"{user}: {who} {cost}{f' for {what}' if what else ''} on {at}; nothing added"


def _grown(charge: Charge) -> str:
    """The sentence for a call that has used more than was known."""
    user, entry = charge.owner or charge.budget.user, charge.entry
    total = format_usd(entry.amount if charge.cost is None else charge.cost)
    return f"{user} +{format_usd(entry.amount)}: more was used than entry {entry.refers_to} says, {total} in all"


def committed(charge: Charge, price: Price, hold_id: str, now_us: int) -> str:
    """The sentence for a commit, also for one that was done before."""
    if charge.cost is not None:  # its identity was known
        sentence = _already(charge, price.usage.request_id) if charge.replayed else _grown(charge)
        return f"{sentence}; {hold_id} is released"
    if not charge.replayed:
        return f"{charge.budget.user} {cost_of(price)} · {standing(charge.budget, now_us)}"
    what = f"{hold_id} is already committed, as entry {charge.entry.number} of {format_usd(charge.entry.amount)}"
    return f"{charge.budget.user}: {what}; nothing added"


def would_be_charged(price: Price, budget: Budget) -> str:
    """The sentence for a charge that is not made."""
    return f"{budget.user} would be charged {cost_of(price)}"


def estimated(price: Price, budget: Budget | None) -> str:
    """The sentence for the cost of a call, and for the money that the user would then have spent."""
    line = f"{format_usd(price.amount)} {price.model}{tokens(price.usage)}"
    if budget is None:
        return line
    projected = format_usd(budget.limit.spent + price.amount)
    return f"{line} · {budget.user} would have spent {projected} of {format_usd(budget.limit.allowance)}"


def refunded(charge: Charge, now_us: int) -> str:
    """The sentence for a refund."""
    of = f" of entry {charge.entry.refers_to}" if charge.entry.refers_to is not None else ""
    amount = format_usd(-charge.entry.amount)
    return f"{charge.budget.user} -{amount}{of} · {standing(charge.budget, now_us)}"


def cost_of(price: Price) -> str:
    """The cost, the model and the tokens of a charge: `+$0.0042 gpt-4o (1,204 in, 87 out)`."""
    return f"+{format_usd(price.amount)}{f' {price.model}' if price.model else ''}{tokens(price.usage)}"


def tokens(usage: Usage) -> str:
    """The tokens of a usage: `(1,204 in, 87 out)`, or no words where none are known."""
    if not usage.total_input and not usage.total_output:
        return ""
    return f" ({usage.total_input:,} in, {usage.total_output:,} out)"


def warnings_of(charge: Charge, price: Price, now_us: int, *, takes_input: bool = True) -> list[str]:
    """The warnings of a charge: of its price, of a budget that is used up, and of a clock that is wrong.

    `takes_input` says whether the command has options for the text that was sent.
    """
    new = [] if charge.replayed else [*notes_of(price, takes_input=takes_input), unpriced(charge.entry)]
    return [warning for warning in (*new, *warnings_of_budget(charge.budget, now_us)) if warning]


def warnings_of_budget(budget: Budget, now_us: int) -> list[str]:
    """The warnings of a budget after a charge: that it is used up, and that the clock is wrong."""
    found = (over_budget(budget, now_us), decisions.clock_fault(budget.user, budget.standings, now_us))
    return [warning for warning in found if warning]


def unpriced(entry: Entry) -> str | None:
    """The warning for a charge without a known price."""
    if not entry.is_unpriced:
        return None
    model = shlex.quote(entry.model or "")
    return f"{entry.model} has no price: entry {entry.number} is unpriced until budgetctl reprice --model {model}"


def notes_of(price: Price, *, takes_input: bool = True) -> list[str]:
    """The notes on a price: on the reading of its usage, counted text, and counts or models without a sure price."""
    notes = list(price.usage.notes)
    if "counted" in price.pricing:
        notes.append(_counted(price, takes_input=takes_input))
    components = [name.replace("_", " ") for name in price.pricing.get("unpriced", ())]
    if components:
        notes.append(f"{price.model} has no price for {', '.join(components)}: not in the price")
    if "retired" in price.pricing:
        notes.append(f"litellm has dropped {price.model} in {price.pricing['retired']}: priced as it was last known")
    if "disputed" in price.pricing:
        difference = from_number(price.pricing["disputed"], signed=True)
        more = f"{format_usd(abs(difference))} {'more' if difference > 0 else 'less'}"
        notes.append(f"the price is litellm's; the list of {price.model}'s provider has {more}")
    return notes


def _counted(price: Price, *, takes_input: bool) -> str:
    number = price.usage.total_output
    tokens_ = "1 token was" if number == 1 else f"{number:,} tokens were"
    line = f"the answer does not say what was used: {tokens_} counted from its text"
    if price.usage.total_input:
        return line
    return f"{line}, and none of what was sent{' (--input-file gives it)' if takes_input else ''}"
