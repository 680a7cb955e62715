"""litellm's records of budgets: plain dictionaries, and `user_dict`, whose changes are written to the store.

A record is what `litellm.BudgetManager` keeps for a user: `total_budget`; with a duration `duration` (days),
`created_at` and `last_updated_at` (seconds since 1970); once something was spent or reset `current_cost` and
`model_cost`; and any key of the caller's own. Amounts are floats of USD.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, SupportsIndex

from budgetctl.errors import InvalidValueError
from budgetctl.models import Budget
from budgetctl.money import Picodollars, from_number, to_float
from budgetctl.names import is_user
from budgetctl.periods import days_of, duration_from_days, from_timestamp, parse_duration, to_timestamp
from budgetctl.stores.base import NEVER, BudgetChange

Record = dict[str, Any]

_KNOWN = ("total_budget", "duration", "created_at", "last_updated_at", "current_cost", "model_cost")


def record_of(budget: Budget) -> Record:
    """The record of a budget as it stands now. Without anything spent or reset it says nothing of costs."""
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
    return {**record, **budget.extra}


def change_of(record: Any, before: Mapping[str, Any]) -> BudgetChange:
    """What has to change in a budget whose record was `before` so that it becomes `record`.

    Raises `InvalidValueError` for a record that no budget can have.
    """
    if not isinstance(record, Mapping):
        raise InvalidValueError(f"{record!r} is not a budget record: pass a dictionary with total_budget")
    if "total_budget" not in record:
        raise InvalidValueError("a budget record needs total_budget")

    def changed(key: str) -> bool:
        return record.get(key) != before.get(key)

    spent: Picodollars | None = None
    if changed("current_cost"):
        spent = from_number(record.get("current_cost", 0))
    return BudgetChange(
        amount=from_number(record["total_budget"]) if changed("total_budget") else None,
        duration=_duration(record.get("duration")) if changed("duration") or not before else None,
        created_us=_instant(record, "created_at") if changed("created_at") else None,
        window_start_us=_instant(record, "last_updated_at") if changed("last_updated_at") else None,
        spent=spent,
        models=_model_costs(record.get("model_cost")) if changed("model_cost") else None,
        extra=_extra(record) if _extra(record) != _extra(before) else None,
    )


def _duration(value: Any) -> str:
    if value is None:
        return NEVER
    return value if isinstance(value, str) else str(duration_from_days(value))


def _instant(record: Mapping[str, Any], key: str) -> int | None:
    return from_timestamp(record[key]) if key in record else None


def _model_costs(value: Any) -> dict[str, Picodollars]:
    if not isinstance(value, Mapping | None):
        raise InvalidValueError(f"model_cost is {value!r}: pass a dictionary of model and cost")
    return {str(model): from_number(cost) for model, cost in (value or {}).items()}


def _extra(record: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in record.items() if key not in _KNOWN}


class LiveDict(dict[str, Any]):
    """A dictionary that is brought up to date before it is read and written through when it is changed.

    Its own storage is filled, because C code (`json.dumps`, `dict(d)`) looks there.
    """

    def _refresh(self) -> None:
        """Bring the dictionary's own storage up to date."""
        raise NotImplementedError

    def _commit(self, after: dict[str, Any]) -> None:
        """Make the source say `after`, and the dictionary's own storage with it."""
        raise NotImplementedError

    def _replace(self, content: Mapping[str, Any]) -> None:
        """Change the dictionary's own storage alone."""
        dict.clear(self)
        dict.update(self, content)

    def _plain(self) -> dict[str, Any]:
        self._refresh()
        return {key: value._plain() if isinstance(value, LiveDict) else value for key, value in dict.items(self)}

    def _key(self, key: Any) -> Any:
        """The key as it is stored."""
        return key

    def __getitem__(self, key: Any) -> Any:
        self._refresh()
        return dict.__getitem__(self, self._key(key))

    def __contains__(self, key: object) -> bool:
        self._refresh()
        return dict.__contains__(self, self._key(key))

    def __iter__(self) -> Any:
        self._refresh()
        return dict.__iter__(self)

    def __reversed__(self) -> Any:
        self._refresh()
        return dict.__reversed__(self)

    def __len__(self) -> int:
        self._refresh()
        return dict.__len__(self)

    def __repr__(self) -> str:
        return repr(self._plain())

    def __eq__(self, other: object) -> bool:
        return self._plain() == (other._plain() if isinstance(other, LiveDict) else other)

    __hash__ = None

    def __or__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]
        return {**self._plain(), **other}

    def __ror__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]
        return {**other, **self._plain()}

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return copy.deepcopy(self._plain(), memo)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return dict, (self._plain(),)

    def copy(self) -> dict[str, Any]:
        """A plain dictionary, as it stands now."""
        return self._plain()

    __copy__ = copy

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default."""
        self._refresh()
        return dict.get(self, self._key(key), default)

    def keys(self) -> Any:
        """The keys, as they stand now."""
        self._refresh()
        return dict.keys(self)

    def values(self) -> Any:
        """The values, as they stand now."""
        self._refresh()
        return dict.values(self)

    def items(self) -> Any:
        """The items, as they stand now."""
        self._refresh()
        return dict.items(self)

    def __setitem__(self, key: str, value: Any) -> None:
        self._commit({**self._plain(), self._key(key): value})

    def __delitem__(self, key: str) -> None:
        after = self._plain()
        del after[self._key(key)]
        self._commit(after)

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def update(self, *others: Mapping[str, Any] | Iterable[tuple[str, Any]], **more: Any) -> None:  # type: ignore[override]
        """Write all of them in one transaction for each record."""
        after = self._plain()
        after.update(*others, **more)
        self._commit(after)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Write the default where the key is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove the key, and return its value as a plain one."""
        after = self._plain()
        value = after.pop(self._key(key), *default)
        self._commit(after)
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key."""
        after = self._plain()
        item = after.popitem()
        self._commit(after)
        return item

    def clear(self) -> None:
        """Remove all keys."""
        self._commit({})


class _Nested(LiveDict):
    """A live dictionary inside another one."""

    def __init__(
        self,
        content: Mapping[str, Any],
        refresh: Callable[[], None],
        commit: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self._refresh_parent, self._commit_parent = refresh, commit
        self._replace(content)

    def _refresh(self) -> None:
        self._refresh_parent()

    def _commit(self, after: dict[str, Any]) -> None:
        self._commit_parent(after)


class LiveRecord(LiveDict):
    """The record of one user."""

    def __init__(self, refresh: Callable[[], None], write: Callable[[Any, Record], None]) -> None:
        super().__init__()
        self._refresh_all, self._write = refresh, write

    def _refresh(self) -> None:
        self._refresh_all()

    def _commit(self, after: dict[str, Any]) -> None:
        self._write(after, self._plain())
        self._refresh()

    def load(self, record: Record) -> None:
        """Take over the record that the store has now. A `model_cost` that somebody holds stays live."""
        costs = dict.get(self, "model_cost")
        content = dict(record)
        if "model_cost" in content:
            if isinstance(costs, _Nested):
                costs._replace(content["model_cost"])
            else:
                costs = _Nested(
                    content["model_cost"], self._refresh, lambda after: self.__setitem__("model_cost", after)
                )
            content["model_cost"] = costs
        self._replace(content)


class RecordSource(Protocol):
    """What `UserDict` needs of the manager that it belongs to."""

    def change_token(self) -> object:
        """Equal tokens mean that no other connection has committed anything in between."""

    def now_us(self) -> int:
        """The store's time."""

    def find_budget(self, user: str) -> Budget | None:
        """The user's budget, if there is one."""

    def budgets(self) -> Iterable[Budget]:
        """All of them."""

    def write_record(self, user: str, after: Any, before: Record) -> None:
        """Make the user's record, which was `before`, read `after`; an empty `before` means that there was none."""

    def delete_budget(self, user: str) -> None:
        """Delete the user's budget."""


class UserDict(LiveDict):
    """`{user: record}` for all users of a store.

    It is loaded once and kept up to date: in full when another connection has committed or a window has passed, and
    record by record after this manager's own writes.
    """

    def __init__(self, source: RecordSource) -> None:
        super().__init__()
        self._source = source
        self._stale: set[str] = set()
        self._token: object = None
        self._loaded_until_us: float = 0

    def touch(self, user: str | None = None) -> None:
        """Load the user's record, or all of them, before the next read."""
        if user is None:
            self._token = None
        else:
            self._stale.add(user)

    def _key(self, key: Any) -> Any:
        return str(key) if is_user(key) else key

    def _refresh(self) -> None:
        token = self._source.change_token()
        if token != self._token or self._source.now_us() >= self._loaded_until_us:
            self._load_all()
            self._token = token
        for user in tuple(self._stale):
            self._load(user, self._source.find_budget(user))
        self._stale.clear()

    def _load_all(self) -> None:
        self._loaded_until_us = float("inf")
        gone = set(dict.keys(self))
        for budget in self._source.budgets():
            self._load(budget.user, budget)
            gone.discard(budget.user)
        for user in gone:
            dict.pop(self, user)

    def _load(self, user: str, budget: Budget | None) -> None:
        if budget is None:
            dict.pop(self, user, None)
            return
        record = dict.get(self, user)
        if record is None:
            record = LiveRecord(self._refresh, lambda after, before: self._source.write_record(user, after, before))
            dict.__setitem__(self, user, record)
        record.load(record_of(budget))
        if budget.limit.window_end_us is not None:
            self._loaded_until_us = min(self._loaded_until_us, budget.limit.window_end_us)

    def _commit(self, after: dict[str, Any]) -> None:
        before = self._plain()
        for user in before.keys() - after.keys():
            self._source.delete_budget(user)
        for user, record in after.items():
            if record != before.get(user):
                self._source.write_record(user, record, before.get(user, {}))
        self._refresh()
