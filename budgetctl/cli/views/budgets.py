"""Budgets and their limits: documents, the columns of their table, and words."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.cells import Column, Document
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import day, moment, reset_day, timestamp
from budgetctl.ledger import decisions
from budgetctl.ledger.store import NEVER, BudgetChange
from budgetctl.ledger.values import Budget, Limit, Standing
from budgetctl.money import format_usd
from budgetctl.periods import local_time, rfc3339

BUDGET_FIELDS = (
    "project user budget spent held remaining used_percent duration align timezone window_start resets_at models status"
    " created_at updated_at parent topped_up"
).split()
LIMIT_FIELDS = (
    "user name amount topped_up topped_up_until spent held remaining duration timezone models warn_at window_start"
    " resets_at status"
).split()
MIGRATED_FIELDS = "user budget spent duration migrated".split()
STATUS_STYLES = {"ok": "green", "warning": "yellow", "exceeded": "red"}

_CALENDAR_MONTHS = ("monthly", "quarterly", "yearly")


def budget_document(budget: Budget) -> dict[str, Any]:
    """The document of a budget as it stands now."""
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
        "status": decisions.status(limit),
        "created_at": rfc3339(budget.created_us),
        "updated_at": rfc3339(budget.updated_us),
        "parent": budget.parent,
        "topped_up": limit.topped_up,
        # The budgets of a list come without them.
        **({"limits": [limit_document(standing) for standing in budget.standings]} if budget.standings else {}),
    }


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
    return {"spent": budget.limit.spent, "remaining": budget.remaining, "status": decisions.status(budget.limit)}


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


BUDGET_COLUMNS = (
    columns.name("user"),
    columns.usd("spent"),
    columns.usd("budget"),
    Column("USED", lambda document: f"{document['used_percent']:.0f} %", is_number=True, dropped=3),
    columns.usd("remaining", "LEFT"),
    Column("RESETS", _next_reset, dropped=1),
    Column(
        "STATUS",
        lambda document: str(document["status"]),
        style=lambda document: STATUS_STYLES[document["status"]],
        dropped=2,
    ),
)
LIMIT_COLUMNS = (
    columns.owner(),
    columns.name("name", "LIMIT"),
    columns.name("models", dropped=2),
    columns.usd("spent"),
    Column("OF", lambda document: format_usd(document["amount"] + document["topped_up"]), is_number=True),
    columns.usd("remaining", "LEFT"),
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


def over_budget(budget: Budget, now_us: int) -> str | None:
    """The warning for a budget that has no money left."""
    if decisions.status(budget.limit) != "exceeded":
        return None
    state = "is over budget" if budget.limit.spent > budget.limit.allowance else "has used up the budget"
    return f"{budget.user} {state}: {standing(budget, now_us)}"


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


def description(budget: Budget, now_us: int) -> str:
    """A budget as lines of a word and a value, for a pipe."""
    limit = budget.limit
    lines = [
        ("user", budget.user),
        ("project", budget.project),
        ("budget", format_usd(limit.amount)),
        *([("topped up", topped_up_by(limit))] if limit.topped_up else []),
        ("spent", f"{format_usd(limit.spent)} ({decisions.used_percent(limit):g} %)"),
        ("left", format_usd(budget.remaining)),
        ("status", decisions.status(limit)),
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
    for owner, other in budget.standings[1:]:
        whose = "" if owner == budget.user else f"{owner or 'the project'}'s "
        lines.append(("limit", f"{whose}{other.name}: {_limit(other, now_us)}"))
    lines += [("model", f"{model} {format_usd(spent)}") for model, spent in budget.models.items()]
    return "\n".join(f"{word:<10}{value}" for word, value in lines)
