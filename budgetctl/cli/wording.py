"""How budgets, times and charges are put into words."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import dumps
from budgetctl.ledger import decisions
from budgetctl.ledger.values import Budget, Charge, Entry, Limit, Price, Reset, Usage
from budgetctl.money import Picodollars, format_exact, format_usd, from_number
from budgetctl.periods import load_zone, to_datetime

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Hold
    from budgetctl.pricing.prices.map_update import Changes
    from budgetctl.pricing.prices.own_prices import OwnPrice
    from budgetctl.pricing.prices.quotes import Quote, Sources, Trust

_FEW = 5
_SOON_US = 48 * 3600 * 10**6
_CALENDAR_MONTHS = ("monthly", "quarterly", "yearly")


def moment(at_us: int, zone: str) -> str:
    """A time on the zone's clock: `22 Dec 2026 06:41`."""
    local = to_datetime(at_us).astimezone(load_zone(zone))
    return f"{local.day} {local:%b %Y %H:%M}"


def day(at_us: int, zone: str, now_us: int) -> str:
    """A day on the zone's calendar; with the year when it is another one, with the time within two days."""
    local, now = (to_datetime(us).astimezone(load_zone(zone)) for us in (at_us, now_us))
    text = f"{local.day} {local:%b}"
    if local.year != now.year:
        text += f" {local.year}"
    return f"{text} {local:%H:%M}" if abs(at_us - now_us) < _SOON_US else text


def resets(limit: Limit, now_us: int) -> str:
    """When the limit resets next."""
    return "never resets" if limit.window_end_us is None else f"resets {day(limit.window_end_us, limit.zone, now_us)}"


def standing(budget: Budget, now_us: int) -> str:
    """What is spent of what, until when: `$1.20 of $10.00, resets 22 Dec`."""
    return _limit(budget.limit, now_us)


def tokens(usage: Usage) -> str:
    """`(1,204 in, 87 out)`, or nothing where no tokens are known."""
    if not usage.total_input and not usage.total_output:
        return ""
    return f" ({usage.total_input:,} in, {usage.total_output:,} out)"


def cost_of(price: Price) -> str:
    """`+$0.0042 gpt-4o (1,204 in, 87 out)`."""
    return f"+{format_usd(price.amount)}{f' {price.model}' if price.model else ''}{tokens(price.usage)}"


def estimated(price: Price, budget: Budget | None) -> str:
    """What a call would cost, and where it would leave the user."""
    line = f"{format_usd(price.amount)} {price.model}{tokens(price.usage)}"
    if budget is None:
        return line
    projected = format_usd(budget.limit.spent + price.amount)
    return f"{line} · {budget.user} would have spent {projected} of {format_usd(budget.limit.allowance)}"


def would_be_charged(price: Price, budget: Budget) -> str:
    """What a charge would record."""
    return f"{budget.user} would be charged {cost_of(price)}"


def charged(charge: Charge, price: Price, key: str | None, now_us: int) -> str:
    """What was charged, or that the key, or without one the response, was charged before."""
    if not charge.replayed:
        return f"{charge.budget.user} {cost_of(price)} · {standing(charge.budget, now_us)}"
    what = key or price.usage.request_id
    at = day(charge.entry.at_us, charge.budget.limit.zone, charge.entry.at_us)
    line = f"{charge.budget.user}: already charged {format_usd(charge.entry.amount)}{f' for {what}' if what else ''}"
    return f"{line} on {at}; nothing added{'' if key else ' (--again to charge it again)'}"


def warnings_of(charge: Charge, price: Price, now_us: int) -> list[str]:
    """What a person should know of a charge beside what it says."""
    new = [] if charge.replayed else [*notes_of(price), unpriced(charge.entry)]
    fault = decisions.clock_fault(charge.budget.user, charge.budget.standings, now_us)
    return [warning for warning in (*new, over_budget(charge.budget, now_us), fault) if warning]


def notes_of(price: Price) -> list[str]:
    """What a person should know of how a price was found: by a usage read how, by which text, and without what."""
    notes = list(price.usage.notes)
    if "counted" in price.pricing:
        notes.append(_counted(price))
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


def _counted(price: Price) -> str:
    number = price.usage.total_output
    tokens_ = "1 token was" if number == 1 else f"{number:,} tokens were"
    line = f"the answer does not say what was used: {tokens_} counted from its text"
    return line if price.usage.total_input else f"{line}, and none of what was sent (--input-file gives it)"


def committed(charge: Charge, price: Price, hold_id: str, now_us: int) -> str:
    """What a commit recorded, or that it was done before."""
    if not charge.replayed:
        return f"{charge.budget.user} {cost_of(price)} · {standing(charge.budget, now_us)}"
    what = f"{hold_id} is already committed, as entry {charge.entry.number} of {format_usd(charge.entry.amount)}"
    return f"{charge.budget.user}: {what}; nothing added"


def set_aside(hold: Hold) -> str:
    """What `reserve` set aside, and until when."""
    return f"{hold.user}: {format_usd(hold.amount)} set aside until {moment(hold.expires_us, 'UTC')} UTC"


def let_go(hold: Hold) -> str:
    """What `release` let go."""
    return f"{hold.user}: {format_usd(hold.amount)} is not set aside any more"


def limits_of(budget: Budget, now_us: int) -> str:
    """A user's own limits, a line each."""
    return "\n".join(
        f"{budget.user}: {limit.name}: {_limit(limit, now_us)}"
        for owner, limit in budget.standings
        if owner == budget.user
    )


def capped(budget: Budget, now_us: int) -> str:
    """What the whole project may spend, and has spent."""
    return f"the project {budget.project}: {_limit(budget.limit, now_us)}"


def _limit(limit: Limit, now_us: int) -> str:
    models = f" on {limit.models}" if limit.models else ""
    return f"{format_usd(limit.spent)} of {format_usd(limit.allowance)}{models}, {resets(limit, now_us)}"


def refunded(charge: Charge, now_us: int) -> str:
    """What was taken back."""
    of = f" of entry {charge.entry.refers_to}" if charge.entry.refers_to is not None else ""
    amount = format_usd(-charge.entry.amount)
    return f"{charge.budget.user} -{amount}{of} · {standing(charge.budget, now_us)}"


def topped_up(charge: Charge, now_us: int) -> str:
    """What was given on top, or that the key gave it before."""
    amount = format_usd(charge.entry.amount)
    if charge.replayed:
        return f"{charge.budget.user}: already topped up by {amount}, as entry {charge.entry.number}; nothing added"
    return f"{charge.budget.user} topped up by {amount} · {standing(charge.budget, now_us)}"


def extra(limit: Limit) -> str:
    """What is on top of a limit's amount, and until when: `$5.00, until 29 Nov 2026 10:00 UTC`."""
    if limit.topped_up_until_us is None:
        return format_usd(limit.topped_up)
    until = moment(limit.topped_up_until_us, limit.zone)
    return f"{format_usd(limit.topped_up)}, the first of it until {until} {limit.zone}"


def unpriced(entry: Entry) -> str | None:
    """The warning for a charge that nobody knew the price of."""
    if not entry.is_unpriced:
        return None
    model = shlex.quote(entry.model or "")
    return f"{entry.model} has no price: entry {entry.number} is unpriced until budgetctl reprice --model {model}"


def over_budget(budget: Budget, now_us: int) -> str | None:
    """The warning for a budget that has nothing left."""
    if decisions.status(budget.limit) != "exceeded":
        return None
    state = "is over budget" if budget.limit.spent > budget.limit.allowance else "has used up the budget"
    return f"{budget.user} {state}: {standing(budget, now_us)}"


def created(budget: Budget, is_new: bool, now_us: int) -> str:
    """What `create` made, or found."""
    if not is_new:
        return f"{budget.user}: has a budget already; left as it is: {standing(budget, now_us)}"
    return f"{budget.user}: {_terms(budget, now_us)}{_calendar_tip(budget.limit)}"


def changed(budget: Budget, now_us: int) -> str:
    """What `set` made of a budget."""
    return f"{budget.user}: {_terms(budget, now_us)} · {format_usd(budget.limit.spent)} spent"


def was_reset(reset: Reset) -> str:
    """What `reset` did."""
    return f"{reset.user}: reset; {format_usd(reset.closed.spent)} was spent"


def description(budget: Budget, now_us: int) -> str:
    """A budget as lines of a word and a value, for a pipe."""
    limit = budget.limit
    lines = [
        ("user", budget.user),
        ("project", budget.project),
        ("budget", format_usd(limit.amount)),
        *([("topped up", extra(limit))] if limit.topped_up else []),
        ("spent", f"{format_usd(limit.spent)} ({decisions.used_percent(limit):g} %)"),
        ("left", format_usd(budget.remaining)),
        ("status", decisions.status(limit)),
        ("duration", limit.duration or "none"),
    ]
    if limit.window_end_us is not None:
        lines.append(("window", f"{moment(limit.window_start_us, limit.zone)} {limit.zone}, {limit.align}"))
        lines.append(("resets", f"{moment(limit.window_end_us, limit.zone)} {limit.zone}"))
    if limit.held:
        lines.append(("held", format_usd(limit.held)))
    if budget.parent is not None:
        lines.append(("parent", budget.parent))
    for owner, other in budget.standings[1:]:
        whose = "" if owner == budget.user else f"{owner or 'the project'}'s "
        lines.append(("limit", f"{whose}{other.name}: {_limit(other, now_us)}"))
    lines += [("model", f"{model} {format_usd(spent)}") for model, spent in budget.models.items()]
    return "\n".join(f"{word:<10}{value}" for word, value in lines)


def own_price(price: OwnPrice, before: OwnPrice | None) -> str:
    """What `prices set` set, and that it replaced another."""
    rates = ", ".join(f"{_spaced(name)} {format_exact(rate)}" for name, rate in price.rates.items())
    each = "" if price.web_search is None else f", {format_exact(price.web_search)} a web search"
    replaced = "" if before is None else ", in place of what was set"
    return f"{price.model}: {rates} per {_count(price.per)}{each}{replaced}"


def quoted(quote: Quote) -> str:
    """A price as lines of a word and a value."""
    lines = [("model", quote.key), ("from", "your own prices" if quote.source == "user" else "litellm's price map")]
    lines += [("provider", quote.provider)] if quote.provider else []
    lines += [(_spaced(name), f"{format_exact(rate)} per {_count(quote.per)}") for name, rate in quote.rates.items()]
    lines += [(name, _other(name, value)) for name, value in quote.others.items()]
    width = max(len(word) for word, _ in lines)
    return "\n".join(f"{word:<{width}}  {value}" for word, value in lines)


def _other(name: str, value: Any) -> str:
    """A field of the price map that has no name here."""
    if isinstance(value, Picodollars):
        return format_exact(value)
    if "token" in name and isinstance(value, float):
        return f"{format_exact(from_number(value) * 10**6)} per 1M tokens"
    return dumps(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def price_sources(sources: Sources) -> str:
    """The files that prices come from, in the order in which they are asked."""
    own = f"{sources.own_models:,} models" if sources.own_models else "none set"
    lines = [f"{'your own':<10}{sources.own} ({own})"]
    rules = f"{'rules':<10}{trusted(sources.trust)}"
    if sources.map is None:
        return "\n".join([*lines, f"{'map':<10}litellm's own, which only litellm can read", rules])
    about = f"{sources.map_models:,} models, by the rules of litellm {sources.version}"
    if sources.installed_us is not None:
        about += f", installed {moment(sources.installed_us, 'UTC')} UTC"
    return "\n".join([*lines, f"{'map':<10}{sources.map} ({about})", rules])


def trusted(trust: Trust) -> str:
    """Why litellm is not asked for each price."""
    if trust.digest is None:
        return "not to be read: litellm is asked for each price"
    if trust.by == "digest":
        return f"trusted by their digest, {trust.digest[:12]}"
    return (
        f"not known to this release, digest {trust.digest[:12]}: litellm is asked, except for the models proven in"
        f" {trust.proofs} ({trust.proven_models:,})"
    )


def proved(trust: Trust, proven: Sequence[str], asked: Sequence[str]) -> str:
    """What `prices prove` proved."""
    if trust.by == "digest":
        return "litellm's rules are trusted by their digest; nothing to prove"
    line = f"{len(proven):,} {'model' if len(proven) == 1 else 'models'} proven in {trust.proofs}"
    if not asked:
        return line
    names = ", ".join(asked[:_FEW]) + (", …" if len(asked) > _FEW else "")
    return f"{line}; for {len(asked):,} litellm is asked: {names}"


def map_changed(changes: Changes, *, dry_run: bool) -> str:
    """What a price map brought."""
    counts = f"{len(changes.added):,} new, {len(changes.removed):,} gone, {len(changes.repriced):,} at another price"
    return f"{changes.models:,} models {'would be' if dry_run else 'are'} in force: {counts}"


def scaled_prices(changes: Changes) -> str:
    """The models of a map that cost a hundred times more or less, of which a few may be right."""
    names = ", ".join(changes.scaled[:_FEW]) + (", …" if len(changes.scaled) > _FEW else "")
    return f"a hundred times more or less than before: {names}"


def _count(tokens: int) -> str:
    """`1M`, `1K`, or the number of tokens."""
    for unit, size in (("M", 1_000_000), ("K", 1_000)):
        if tokens % size == 0:
            return f"{tokens // size:,}{unit} tokens"
    return "token" if tokens == 1 else f"{tokens:,} tokens"


def _terms(budget: Budget, now_us: int) -> str:
    limit = budget.limit
    duration = f" {limit.duration}" if limit.duration else ""
    return f"{format_usd(limit.amount)}{duration}, {resets(limit, now_us)}"


def _calendar_tip(limit: Limit) -> str:
    """Months that count from the creation surprise those who think of invoices."""
    if limit.window_end_us is None or limit.align == "calendar" or limit.duration not in _CALENDAR_MONTHS:
        return ""
    if to_datetime(limit.window_end_us).astimezone(load_zone(limit.zone)).day == 1:
        return ""
    return " (--align calendar: on the 1st)"
