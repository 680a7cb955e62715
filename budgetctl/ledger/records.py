"""litellm's records of budgets: what `litellm.BudgetManager` keeps for a user, as a plain dictionary.

A record has `total_budget`; with a duration `duration` (days), `created_at` and `last_updated_at` (seconds since
1970); once something was spent or reset `current_cost` and `model_cost`; and any key of the caller's own. Amounts are
floats of USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.store import NEVER, BudgetChange
from budgetctl.ledger.values import Budget
from budgetctl.money import Picodollars, from_number, to_float
from budgetctl.names import check_document, check_model
from budgetctl.periods import (
    check_alignment,
    days_of,
    duration_from_days,
    from_timestamp,
    load_zone,
    parse_duration,
    to_timestamp,
)

Record = dict[str, Any]

_COSTS = frozenset({"current_cost", "model_cost"})
_TIMES = frozenset({"duration", "created_at", "last_updated_at"})
_MISSING = object()


def record_of(budget: Budget) -> Record:
    """The record of a budget as it stands now. A budget without any spending or reset has no fields of costs."""
    limit = budget.limit
    record: Record = {"total_budget": to_float(limit.amount)}
    duration = parse_duration(limit.duration) if limit.duration else None
    if duration is not None:
        record["duration"] = days_of(duration)
        record["created_at"] = to_timestamp(budget.created_us)
        record["last_updated_at"] = to_timestamp(limit.window_start_us)
    if limit.spent or budget.models or limit.generation > 1:
        record["current_cost"] = to_float(limit.spent)
        record["model_cost"] = {model: to_float(spent) for model, spent in budget.models.items()}
    return record | {key: value for key, value in budget.extra.items() if key not in record}


def change_of(record: Any, before: Record | None) -> BudgetChange:
    """The change of a budget by which its record `before` becomes `record`.

    `before` is None for a user who has none yet. Raises `InvalidValueError` for a record that no budget can have.
    """
    if not isinstance(record, Mapping):
        raise InvalidValueError(f"{record!r:.80} is not a budget record: pass a dictionary with total_budget")
    if "total_budget" not in record:
        raise InvalidValueError("a budget record needs total_budget")
    old = before or {}

    def changed(key: str) -> bool:
        return bool(record.get(key, _MISSING) != old.get(key, _MISSING))

    extra = _extra(record, old)
    return check_terms(
        BudgetChange(
            amount=from_number(record["total_budget"]) if changed("total_budget") else None,
            duration=_duration(record.get("duration")) if changed("duration") or before is None else None,
            created_us=_instant(record, "created_at") if changed("created_at") else None,
            window_start_us=_instant(record, "last_updated_at") if changed("last_updated_at") else None,
            spent=from_number(record.get("current_cost", 0)) if changed("current_cost") else None,
            models=_model_costs(record.get("model_cost", {})) if changed("model_cost") else None,
            extra=extra,
        )
    )


def check_terms(change: BudgetChange) -> BudgetChange:
    """The change, with its duration, alignment and zone checked before any transaction begins."""
    for what, text in (("duration", change.duration), ("alignment", change.align), ("time zone", change.zone)):
        if not isinstance(text, str | None):
            raise InvalidValueError(f"{text!r:.80} is not a {what}: pass text")
    duration = None if change.duration is None else parse_duration(change.duration)
    if change.align is not None:
        check_alignment(duration, change.align)
    if change.zone is not None:
        load_zone(change.zone)
    return change


def _duration(value: Any) -> str:
    if value is None:
        return NEVER
    return value if isinstance(value, str) else str(duration_from_days(value))


def _instant(record: Mapping[str, Any], key: str) -> int | None:
    return from_timestamp(record[key]) if key in record else None


def _model_costs(value: Any) -> dict[str, Picodollars]:
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"model_cost is {value!r:.80}: pass a dictionary of model and cost")
    return {check_model(model): from_number(cost) for model, cost in value.items()}


def _extra(record: Mapping[str, Any], old: Mapping[str, Any]) -> Record | None:
    """The caller's own keys of a record, or None where they are those of the old record."""
    own, before = _own(record), _own(old)
    if own == before:  # which may be longer than is taken today
        return None
    extra = check_document(own, "record")
    return extra if extra != before else None


def _own(record: Mapping[str, Any]) -> Record:
    """The keys that budgetctl does not know, and those that somebody wrote although budgetctl leaves them away.

    A key that was written has to be there when the record is read.
    """
    shown = {"total_budget", *(key for key in _COSTS if record.get(key))}
    if record.get("duration") is not None:
        shown |= _TIMES
    return {key: value for key, value in record.items() if key not in shown}
