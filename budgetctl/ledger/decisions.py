"""Decisions: which limits a cost counts against, whether they allow it, why not, and how much of one is used.

Pure functions, which stores call inside their transactions, so that every database answers alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from budgetctl.ledger.matching import means
from budgetctl.ledger.values import PRIMARY, Budget, Limit, Standing, Status, binding_of, used_up
from budgetctl.ledger.windows import CLOCK_LEEWAY_US, is_ahead
from budgetctl.money import Picodollars, format_usd
from budgetctl.periods import local_minute

if TYPE_CHECKING:
    from budgetctl.errors import OverBudgetError
    from budgetctl.ledger.holds import Decision, Freeing

_NEVER_US = 1 << 62
_MINUTE_US = 60_000_000


def counts_against(limit: Limit, names: str | None) -> bool:
    """Whether a call that has these names for its model counts against the limit: see `budgetctl.ledger.matching`."""
    return limit.models is None or (names is not None and means(limit.models, names))


def decide(
    user: str,
    standings: Sequence[Standing],
    cost: Picodollars | None,
    names: str | None,
    now_us: int,
    freeing: Freeing | None = None,
) -> Decision:
    """Whether a cost for a model of these names would be allowed by all limits that it counts against.

    Without a cost, whether anything is left. While the clock stands more than a day before a limit's window,
    nothing is allowed: the ledger does not know the spend of the windows in between. `freeing` is asked where holds
    alone are why the cost is not allowed; without it, the decision does not say when they expire.
    """
    from budgetctl.ledger.holds import Decision

    counting = [standing for standing in standings if counts_against(standing.limit, names)]
    stopped = [standing for standing in counting if is_ahead(standing.limit, now_us)]
    binding = _nearest(counting)
    if stopped:
        return Decision(user, False, cost, stopped[0], "clock")
    if _has(binding.limit, cost):
        return Decision(user, True, cost, binding)
    return _denied(user, counting, cost, freeing)


def _denied(user: str, counting: Sequence[Standing], cost: Picodollars | None, freeing: Freeing | None) -> Decision:
    """The decision against a cost, with the limit that refuses it the longest."""
    from budgetctl.ledger.holds import Decision

    needed = Picodollars(1) if cost is None else cost
    refusing = [each for each in counting if each.limit.remaining < needed]
    spent = [each for each in refusing if each.limit.remaining + each.limit.held < needed]
    if spent or freeing is None:
        return Decision(user, False, cost, _nearest(spent or refusing), "spent" if spent else "held")
    freed = [(*freeing(each.limit, needed - each.limit.remaining), each) for each in refusing]
    frees_us, holds, binding = max(freed, key=lambda each: each[0] or _NEVER_US)
    return Decision(user, False, cost, binding, "held", frees_us, holds)


def _nearest(standings: Sequence[Standing]) -> Standing:
    """The limit with the least left. Of two, the one that takes longer to reset decides on when there is more."""
    return min(standings, key=lambda each: (each.limit.remaining, -(each.limit.window_end_us or _NEVER_US)))


def clock_fault(user: str, standings: Sequence[Standing], now_us: int) -> str | None:
    """The sentence about a clock that contradicts the windows of a user's limits, or None. It says how to mend that."""
    for standing in standings:
        if is_ahead(standing.limit, now_us):
            return f"{_before_window(user, standing)}; if it is right now, {_mending(standing)} moves the window to now"
        if standing.limit.window_end_us is not None and now_us > standing.limit.window_end_us + CLOCK_LEEWAY_US:
            return (
                "the clock is years ahead of all that the ledger knows: no window passes until it is set right, or"
                " budgetctl reset-due --clock-is-right says that it is"
            )
    return None


def refusal(decision: Decision) -> OverBudgetError:
    """The error for a cost that is not allowed."""
    from budgetctl.errors import OverBudgetError

    hint = f"set the clock right, or if it is: {_mending(decision.binding)}" if _is_stopped(decision) else None
    return OverBudgetError(denial(decision), decision, hint=hint)


def _is_stopped(decision: Decision) -> bool:
    """Whether the clock is why a cost is not allowed. A server of an older version gives no reason."""
    if decision.reason is not None:
        return decision.reason == "clock"
    return not decision.allowed and _has(decision.binding.limit, decision.cost)


def _has(limit: Limit, cost: Picodollars | None) -> bool:
    """Whether a cost is left of the limit, or without one anything."""
    return limit.remaining >= cost if cost is not None else limit.remaining > 0


def _mending(standing: Standing) -> str:
    """The command that moves a limit's window to now."""
    import shlex

    return f"budgetctl reset {shlex.quote(standing.user)}" if standing.user else "budgetctl cap --reset"


def _before_window(user: str, standing: Standing) -> str:
    starts = local_minute(standing.limit.window_start_us, standing.limit.zone)
    return f"the clock stands before the window of {_described(user, standing)}, which starts at {starts}"


def _described(user: str, standing: Standing) -> str:
    """The name of a limit and its owner, as a user is told of it."""
    owner, limit = standing
    whose = "the " if owner == user else f"{owner}'s " if owner else "the project's "
    name = "budget" if limit.name == PRIMARY else f"limit {limit.name!r}"
    what = f"{whose}{name} of {format_usd(limit.amount)}{f' {limit.duration}' if limit.duration else ''}"
    return f"{what} and {format_usd(limit.topped_up)} on top" if limit.topped_up else what


def denial(decision: Decision) -> str:
    """Why a cost is not allowed: which limit refuses it, by how much, and until when."""
    limit = decision.binding.limit
    what = _described(decision.user, decision.binding)
    if _is_stopped(decision):
        return f"{decision.user}: {_before_window(decision.user, decision.binding)}"
    left = f"{format_usd(limit.remaining)} is left of {what}"
    if decision.cost is not None and limit.remaining > 0:
        left = f"{format_usd(decision.cost)} is {format_usd(decision.cost - limit.remaining)} too much: {left}"
    if limit.held:
        left += f" with {format_usd(limit.held)} set aside"
    if decision.holds:
        left += f" for {decision.holds:,} call{'' if decision.holds == 1 else 's'}"
    until = "which never resets"
    if decision.frees_us is not None:
        until = f"until {local_minute(-(-decision.frees_us // _MINUTE_US) * _MINUTE_US, limit.zone)} at the latest"
    elif limit.window_end_us is not None:
        until = f"until {local_minute(limit.window_end_us, limit.zone)}"
    return f"{decision.user}: {left}, {until}"


def status(limit: Limit) -> Status:
    """`exceeded` when nothing is left of a limit, `warning` from the lowest threshold on."""
    if limit.remaining <= 0:
        return "exceeded"
    return "warning" if crossed(limit) else "ok"


def budget_status(budget: Budget) -> Status:
    """`exceeded` when nothing is left for a call of any model, `limited` when a limit for some models is used up.

    `warning` when the budget's own limit, or the binding one, has reached its lowest threshold.
    """
    of_binding = status(budget.binding.limit)
    if of_binding == "exceeded":
        return "exceeded"
    if budget.limited:
        return "limited"
    return "warning" if crossed(budget.limit) else of_binding


def deciding(standings: Sequence[Standing]) -> tuple[Standing, ...]:
    """The limits that decide a budget's status, for `Budget.deciding`: the binding one, and those that are used up."""
    return (binding_of(standings), *used_up(standings))


def crossed(limit: Limit) -> list[int]:
    """The thresholds that the limit's spend has reached, in percent."""
    return [percent for percent in limit.warn_at if limit.spent * 100 >= limit.allowance * percent]


def used_percent(limit: Limit) -> float:
    """The share of the allowance that is spent, in percent with one decimal. An allowance of nothing is used up."""
    return round(limit.spent * 100 / limit.allowance, 1) if limit.allowance else 100.0
