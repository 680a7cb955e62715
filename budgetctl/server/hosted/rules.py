"""The protocol of `litellm.BudgetManager(client_type="hosted")`: its two requests, as functions of their documents.

The client loads all records of a project once, and posts all of them after each change. Into each record that it loads
the server puts, under `budgetctl`, the load that it is from and its values then: the client sends that back.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.hosted_saves import NOTHING, Posted, State
from budgetctl.ledger.records import Record, record_of
from budgetctl.money import Picodollars, from_number, from_small
from budgetctl.names import check_document, check_model, check_user
from budgetctl.periods import duration_from_days, from_timestamp

if TYPE_CHECKING:
    from budgetctl.ledger.store import ServedStore
    from budgetctl.ledger.values import Budget

Document = dict[str, Any]

MARK = "budgetctl"
"""The key in a record under which its values stand as they were when it was loaded."""

_KEYS = {
    "total": "total_budget",
    "duration": "duration",
    "last": "last_updated_at",
    "cost": "current_cost",
    "models": "model_cost",
}
"""The fields of a record that a baseline keeps, by shorter names."""

_OWN = frozenset({*_KEYS.values(), "created_at", MARK})
_SESSION = re.compile(r"[0-9a-f]{32}")
_MAX_INCARNATION = 2**63 - 1
_DAY_US = 86_400_000_000


def get_budget(store: ServedStore) -> Document:
    """All records of the project, each marked as loaded in a new session."""
    store.conclude_saves()
    if not store.exists():
        return {"status": "error"}
    session = secrets.token_hex(16)
    return {"status": "success", "data": {budget.user: _served(budget, session) for budget in store.budgets()}}


def set_budget(store: ServedStore, token_id: str, document: Any) -> Document:
    """Record the charges and changes in a client's save: `{"user_dict": {user: record}}`.

    `token_id` stands for the client where the save does not tell which one it is from. Raises `InvalidValueError`, and
    then nothing was changed.
    """
    records = document.get("user_dict") if isinstance(document, Mapping) else None
    if not isinstance(records, Mapping):
        raise InvalidValueError('a save needs "user_dict": an object of users and their records')
    try:
        posted = _posted(records, token_id)
    except RecursionError:
        raise InvalidValueError("the records of a save are nested too deeply") from None
    store.accept(posted)
    return {"status": "success"}


def _served(budget: Budget, session: str) -> Record:
    """The record of a budget as a client loads it."""
    record, limit = record_of(budget), budget.limit
    record.pop(MARK, None)
    if limit.window_end_us is not None:
        # A client takes a window to last a number of days: here that of the current one, in whatever month.
        days = (limit.window_end_us - limit.window_start_us) / _DAY_US
        record["duration"] = int(days) if days.is_integer() else days
    record[MARK] = {"session": session, "incarnation": limit.limit_id, "baseline": _said(record)}
    return record


def _posted(records: Mapping[Any, Any], token_id: str) -> list[Posted]:
    """The records of a save, each with the client that keeps it."""
    for user, record in records.items():
        if not isinstance(record, Mapping):
            raise InvalidValueError(f"{user!r:.80} has no record, but {record!r:.80}: a save needs an object for each")
    marks = {user: _checked_mark(record[MARK]) for user, record in records.items() if MARK in record}
    session = min((mark["session"] for mark in marks.values()), default=None)
    return [
        _loaded(check_user(user), record, marks[user])
        if user in marks
        else _created(check_user(user), record, session, token_id)
        for user, record in records.items()
    ]


def _loaded(user: str, record: Mapping[str, Any], mark: Mapping[str, Any]) -> Posted:
    """A record that the client has loaded."""
    said = _said(record)
    baseline = _state(mark["baseline"])
    state = baseline if said == mark["baseline"] else _state(said)
    if state.duration != baseline.duration:
        _check_duration(state)
    return Posted(
        user,
        f"session {mark['session']}",
        state,
        incarnation=mark["incarnation"],
        baseline=baseline,
        is_new=_is_uncharged(record),
    )


def _created(user: str, record: Mapping[str, Any], session: str | None, token_id: str) -> Posted:
    """A record that the client has created since it loaded the others."""
    created_us = _instant(record.get("created_at"))
    # litellm's default for `created_at` is when the process imported it, which tells the process from others.
    known = [str(part) for part in (created_us, session) if part is not None]
    state = _state(_said(record))
    _check_duration(state)
    return Posted(
        user,
        f"process {' '.join(known)}" if known else f"token {token_id}",
        state,
        created_us=created_us,
        is_new=_is_uncharged(record),
    )


def _is_uncharged(record: Mapping[str, Any]) -> bool:
    """Whether a record was never charged: a reset leaves zeros."""
    return "current_cost" not in record and "model_cost" not in record


def _checked_mark(mark: Any) -> Mapping[str, Any]:
    """The mark of a record, checked, as the client could have changed it. Raises `InvalidValueError`."""
    known = mark if isinstance(mark, Mapping) else {}
    session, incarnation = known.get("session"), known.get("incarnation")
    if (
        not isinstance(session, str)
        or not _SESSION.fullmatch(session)
        or not isinstance(incarnation, int)
        or not 0 < incarnation <= _MAX_INCARNATION
        or not isinstance(known.get("baseline"), Mapping)
    ):
        raise InvalidValueError(f"a record has {MARK!r}: {mark!r:.80}, which is not as it was loaded")
    return known


def _said(record: Mapping[str, Any]) -> Document:
    """The fields of a record as a baseline keeps them: by shorter names, with all that are not litellm's as `extra`."""
    said = {name: record[key] for name, key in _KEYS.items() if key in record}
    if not record.keys() <= _OWN:
        said["extra"] = {key: value for key, value in record.items() if key not in _OWN}
    return said


def _state(said: Mapping[str, Any]) -> State:
    """The state that such fields say. Raises `InvalidValueError` for one that no record can have."""
    if "total" not in said:
        raise InvalidValueError("a budget record needs total_budget")
    duration, models = said.get("duration"), said.get("models", NOTHING)
    if duration is not None and (isinstance(duration, bool) or not isinstance(duration, int | float)):
        raise InvalidValueError(f"{duration!r:.80} is not a duration: a record has a number of days")
    if not isinstance(models, Mapping):
        raise InvalidValueError(f"model_cost is {models!r:.80}: a record has an object of models and their costs")
    return State(
        total=_amount(said["total"]),
        duration=duration,
        last_us=_instant(said.get("last")),
        cost=_amount(said.get("cost", 0)),
        models={check_model(model): _amount(cost) for model, cost in models.items()},
        extra=check_document(said["extra"], "record") if "extra" in said else NOTHING,
    )


def _check_duration(state: State) -> None:
    if state.duration is not None:
        duration_from_days(state.duration)


def _amount(value: Any) -> Picodollars:
    # Most costs are less than a dollar, and a save may have a hundred thousand of them.
    return from_small(value) if type(value) is float and 0 <= value < 1 else from_number(value)


def _instant(seconds: Any) -> int | None:
    return None if seconds is None else from_timestamp(seconds)
