"""Budgets and their limits: documents, the columns of their table, and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.cli.cells import Column, Document
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import day, moment, reset_day, timestamp
from budgetctl.ledger import decisions
from budgetctl.ledger.store import NEVER, BudgetChange
from budgetctl.ledger.values import PRIMARY, Budget, Limit, Standing
from budgetctl.money import format_usd
from budgetctl.periods import local_time, rfc3339

BUDGET_FIELDS = (
    "project user budget spent held remaining used_percent duration align timezone window_start resets_at models status"
    " created_at updated_at parent topped_up binding limited"
).split()
LIMIT_FIELDS = (
    "user name amount topped_up topped_up_until spent held remaining duration timezone models warn_at window_start"
    " resets_at status"
).split()
MIGRATED_FIELDS = "user budget spent duration migrated".split()
STATUS_STYLES = {"ok": "green", "warning": "yellow", "limited": "yellow", "exceeded": "red"}

_CALENDAR_MONTHS = ("monthly", "quarterly", "yearly")


def budget_document(budget: Budget) -> dict[str, Any]:
    """The document of a budget as it stands now.

    `budget`, `spent`, `held` and `used_percent` are those of the budget's own limit; `remaining` and `status` are over
    all limits, and `binding` and `limited` name those that they come from.
    """
    limit = budget.limit
    return {
        "project": budget.project,
        "user": budget.user,
        "budget": limit.amount,
        "spent": limit.spent,
        "held": limit.held,
        "remaining": budget.remaining,
        "used_percent": decisions.used_percent(limit),
        "duration": limit.duration,
        "align": limit.align,
        "timezone": limit.zone,
        "window_start": rfc3339(limit.window_start_us),
        "resets_at": timestamp(limit.window_end_us),
        "models": dict(budget.models),
        "status": decisions.budget_status(budget),
        "created_at": rfc3339(budget.created_us),
        "updated_at": rfc3339(budget.updated_us),
        "parent": budget.parent,
        "topped_up": limit.topped_up,
        "binding": _limit_name(budget.binding),
        "limited": [{**_limit_name(each), "models": each.limit.models} for each in budget.limited],
        # The budgets of a list come without them.
        **({"limits": [limit_document(standing) for standing in budget.standings]} if budget.standings else {}),
    }


def _limit_name(standing: Standing) -> dict[str, Any]:
    return {"user": standing.user or None, "name": standing.limit.name}


def limit_document(standing: Standing) -> dict[str, Any]:
    """The document of a limit. `user` is the user whose limit it is, null for the project's."""
    user, limit = standing
    return {
        "user": user or None,
        "name": limit.name,
        "amount": limit.amount,
        "topped_up": limit.topped_up,
        "topped_up_until": timestamp(limit.topped_up_until_us),
        "spent": limit.spent,
        "held": limit.held,
        "remaining": limit.remaining,
        "duration": limit.duration,
        "timezone": limit.zone,
        "models": limit.models,
        "warn_at": list(limit.warn_at),
        "window_start": rfc3339(limit.window_start_us),
        "resets_at": timestamp(limit.window_end_us),
        "status": decisions.status(limit),
    }


def state_document(budget: Budget) -> dict[str, Any]:
    """The fields of a budget that stand in the document of a charge, refund or top-up."""
    return {"spent": budget.limit.spent, "remaining": budget.remaining, "status": decisions.budget_status(budget)}


def migrated_document(user: str, change: BudgetChange, is_new: bool) -> dict[str, Any]:
    """The document of a budget in litellm's file, and whether it was taken over: an existing one is left alone."""
    return {
        "user": user,
        "budget": change.amount,
        "spent": change.spent or 0,
        "duration": None if change.duration == NEVER else change.duration,
        "migrated": is_new,
    }


def _next_reset(document: Document) -> str:
    """The day, and for windows of hours the minute."""
    duration = document["duration"] or ""
    is_short = duration in ("hourly", "daily") or duration.endswith("h")
    return reset_day(document["resets_at"], document["timezone"], with_time=is_short)


def _allowance(document: Document) -> str:
    """The amount, and the money on top of it: `$10.00+$5.00`."""
    on_top = f"+{format_usd(document['topped_up'])}" if document["topped_up"] else ""
    return f"{format_usd(document['budget'])}{on_top}"


def _bound_by(document: Document) -> str:
    """The limits beside the budget's own that leave less, as `team-a, daily gpt-4o*`."""
    binding, user = document["binding"], document["user"]
    others = [*([] if binding == {"user": user, "name": PRIMARY} else [binding]), *document["limited"]]
    return ", ".join(_short_name(each, user) for each in others) or "-"


def _short_name(limit: Mapping[str, Any], user: str) -> str:
    owner = "the project" if limit["user"] is None else limit["user"]
    if limit["user"] == user:
        return str(limit["name"])
    return owner if limit["name"] == PRIMARY else f"{owner}: {limit['name']}"


def _style(document: Document) -> str:
    return STATUS_STYLES[document["status"]]


BUDGET_COLUMNS = (
    columns.name("user"),
    columns.name("parent", dropped=6),
    columns.usd("spent"),
    Column("BUDGET", _allowance, is_number=True),
    Column("USED", lambda document: f"{document['used_percent']:.0f} %", is_number=True, dropped=3),
    columns.usd("held", dropped=4),
    columns.usd("remaining", "LEFT"),
    Column("BOUND BY", _bound_by, is_name=True, dropped=5),
    Column("RESETS", _next_reset, dropped=1),
    Column("STATUS", lambda document: str(document["status"]), style=_style, dropped=2),
)
LIMIT_COLUMNS = (
    columns.owner(),
    columns.name("name", "LIMIT"),
    columns.name("models", dropped=2),
    columns.usd("spent"),
    columns.usd("held", dropped=3),
    Column("OF", lambda document: format_usd(document["amount"] + document["topped_up"]), is_number=True),
    columns.usd("remaining", "LEFT")._replace(style=_style),
    Column("RESETS", _next_reset, dropped=1),
)
MIGRATED_COLUMNS = (
    columns.name("user"),
    columns.usd("spent"),
    columns.usd("budget"),
    columns.text("duration"),
    Column("", lambda document: "" if document["migrated"] else "has a budget here; left alone"),
)


def resets(limit: Limit, now_us: int) -> str:
    """The words for the next reset of a limit."""
    return "never resets" if limit.window_end_us is None else f"resets {day(limit.window_end_us, limit.zone, now_us)}"


def standing(budget: Budget, now_us: int) -> str:
    """The money that is spent, the limit's amount, and its next reset: `$1.20 of $10.00, resets 22 Dec`."""
    return _limit(budget.limit, now_us)


def limits_of(budget: Budget, now_us: int) -> str:
    """The limits of a user, a line each."""
    return "\n".join(
        f"{budget.user}: {limit.name}: {_limit(limit, now_us)}"
        for owner, limit in budget.standings
        if owner == budget.user
    )


def capped(budget: Budget, now_us: int) -> str:
    """The words for the cap of a project, and the money that is spent against it."""
    return f"the project {budget.project}: {_limit(budget.limit, now_us)}"


def _limit(limit: Limit, now_us: int) -> str:
    models = f" on {limit.models}" if limit.models else ""
    return f"{format_usd(limit.spent)} of {format_usd(limit.allowance)}{models}, {resets(limit, now_us)}"


def topped_up_by(limit: Limit) -> str:
    """The money on top of a limit's amount, and its expiry: `$5.00, until 29 Nov 2026 10:00 UTC`."""
    if limit.topped_up_until_us is None:
        return format_usd(limit.topped_up)
    until = moment(limit.topped_up_until_us, limit.zone)
    return f"{format_usd(limit.topped_up)}, the first of it until {until}"


def name_of(standing: Standing, user: str) -> str:
    """The name of a limit for a user who knows her own: `total`, `team-a's total`, `the project's total`."""
    owner, limit = standing
    return limit.name if owner == user else f"{owner or 'the project'}'s {limit.name}"


def bound_by(budget: Budget) -> str:
    """The words for the limit that decides how much is left, where that is not the budget's own."""
    binding = budget.binding
    own = (budget.user, PRIMARY)
    return "" if (binding.user, binding.limit.name) == own else name_of(binding, budget.user)


def over_budget(budget: Budget, now_us: int) -> str | None:
    """The warning for a user for whom nothing is left: of the budget, or of another limit that counts every call."""
    limit = budget.binding.limit
    if limit.remaining > 0:
        return None
    state = "has nothing left while money is set aside"
    if limit.spent >= limit.allowance:
        state = "is over budget" if limit.spent > limit.allowance else "has used up the budget"
    by = bound_by(budget)
    return f"{budget.user} {state}: {f'{by}: ' if by else ''}{_limit(limit, now_us)}"


def created(budget: Budget, is_new: bool, now_us: int) -> str:
    """The sentence for a budget that `create` made, or found."""
    if not is_new:
        return f"{budget.user}: has a budget already; left as it is: {standing(budget, now_us)}"
    return f"{budget.user}: {_terms(budget, now_us)}{_calendar_tip(budget.limit)}"


def changed(budget: Budget, now_us: int) -> str:
    """The sentence for a budget that `set` changed."""
    return f"{budget.user}: {_terms(budget, now_us)} · {format_usd(budget.limit.spent)} spent"


def _terms(budget: Budget, now_us: int) -> str:
    limit = budget.limit
    duration = f" {limit.duration}" if limit.duration else ""
    return f"{format_usd(limit.amount)}{duration}, {resets(limit, now_us)}"


def _calendar_tip(limit: Limit) -> str:
    """A tip: months that count from the creation surprise those who think of invoices."""
    if limit.window_end_us is None or limit.align == "calendar" or limit.duration not in _CALENDAR_MONTHS:
        return ""
    if local_time(limit.window_end_us, limit.zone).day == 1:
        return ""
    return " (--align calendar: on the 1st)"


def limited(budget: Budget) -> str:
    """The words for limits for some models only that are used up, empty where there are none."""
    names = ", ".join(name_of(each, budget.user) for each in budget.limited)
    return f"{names} {'are' if len(budget.limited) > 1 else 'is'} used up" if names else ""


def _budget(limit: Limit) -> str:
    """The amount of a budget; with the money on top of it, what both come to: `$15.00 ($10.00 and $5.00 on top)`."""
    if not limit.topped_up:
        return format_usd(limit.amount)
    return f"{format_usd(limit.allowance)} ({format_usd(limit.amount)} and {format_usd(limit.topped_up)} on top)"


def description(budget: Budget, now_us: int) -> str:
    """A budget as lines of a word and a value, for a pipe."""
    limit = budget.limit
    lines = [
        ("user", budget.user),
        ("project", budget.project),
        ("budget", _budget(limit)),
        *([("topped up", topped_up_by(limit))] if limit.topped_up else []),
        ("spent", f"{format_usd(limit.spent)} ({decisions.used_percent(limit):g} %)"),
        ("left", f"{format_usd(budget.remaining)}{f' (bound by {by})' if (by := bound_by(budget)) else ''}"),
        ("status", f"{decisions.budget_status(budget)}{f' ({used_up})' if (used_up := limited(budget)) else ''}"),
        ("duration", limit.duration or "none"),
    ]
    if limit.window_end_us is not None:
        lines.append(("window", f"{moment(limit.window_start_us, limit.zone)}, {limit.align}"))
        lines.append(("resets", moment(limit.window_end_us, limit.zone)))
        if limit.zone != "UTC":
            lines.append(("zone", limit.zone))
    if limit.held:
        lines.append(("held", format_usd(limit.held)))
    if budget.parent is not None:
        lines.append(("parent", budget.parent))
    for other in budget.standings[1:]:
        lines.append(("limit", f"{name_of(other, budget.user)}: {_limit(other.limit, now_us)}"))
    lines += [("model", f"{model} {format_usd(spent)}") for model, spent in budget.models.items()]
    return "\n".join(f"{word:<10}{value}" for word, value in lines)
