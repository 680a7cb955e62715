"""`BudgetManager.user_dict`: litellm's dictionary of records, live: a record that is written to it is stored.

`user_dict`, its records and the dictionaries in them show the state of the store, and write each change to it. Other
values, lists too, are copies: they are changed by assigning them.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, SupportsIndex
from weakref import WeakValueDictionary

from budgetctl.errors import InvalidValueError, UnknownUserError
from budgetctl.ledger.records import Record, change_of, record_of
from budgetctl.ledger.store import BudgetChange, Store
from budgetctl.ledger.values import Budget
from budgetctl.names import check_user, is_user, user_name

_MANY = 1_000
"""From so many changed records on, all records are loaded in pages, which takes less time than one by one."""


class LiveDict(dict[str, Any]):
    """A dictionary that is brought up to date before it is read, and written through when it is changed.

    Its own storage is filled, because C code (`json.dumps`) looks there. A loop goes over a snapshot, as the store may
    change in the midst of it.
    """

    __slots__ = ()

    def _refresh(self) -> None:
        """Bring the dictionary's own storage up to date."""
        raise NotImplementedError

    def _change(self, written: Mapping[str, Any], removed: Collection[str] = ()) -> None:
        """Store the values of these keys, and remove those keys."""
        raise NotImplementedError

    def _replace(self, content: Mapping[str, Any]) -> None:
        """Change the dictionary's own storage alone. Keys that stay never disappear: other threads may read them."""
        for key in self._own().keys() - content.keys():
            dict.pop(self, key, None)
        for key, value in content.items():
            if isinstance(value, dict):
                part = dict.get(self, key)
                if isinstance(part, _Part):
                    part._replace(value)
                    continue
                value = _Part(self, key, value)
            dict.__setitem__(self, key, value)

    def _own(self) -> dict[str, Any]:
        """A copy of the dictionary's own storage. `dict.copy` would come back here for it."""
        return dict(dict.items(self))

    def _stored(self) -> dict[str, Any]:
        """A copy of the dictionary's own storage in which no dictionary is live."""
        return {key: value._stored() if isinstance(value, LiveDict) else value for key, value in self._own().items()}

    def _plain(self) -> dict[str, Any]:
        self._refresh()
        return self._stored()

    def _snapshot(self) -> dict[str, Any]:
        self._refresh()
        return self._own()

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
        return iter(self._snapshot())

    def __reversed__(self) -> Any:
        return reversed(self._snapshot())

    def __len__(self) -> int:
        self._refresh()
        return dict.__len__(self)

    def __repr__(self) -> str:
        return repr(self._plain())

    def __eq__(self, other: object) -> bool:
        return self._plain() == other

    def __ne__(self, other: object) -> bool:
        return not self == other  # dict has its own, which looks into the storage

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

    def get(self, key: Any, default: Any = None) -> Any:
        """The value, or the default."""
        self._refresh()
        return dict.get(self, self._key(key), default)

    def keys(self) -> Any:
        """The keys, as they stand now."""
        return self._snapshot().keys()

    def values(self) -> Any:
        """The values, as they stand now."""
        return self._snapshot().values()

    def items(self) -> Any:
        """The items, as they stand now."""
        return self._snapshot().items()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._change({self._key(key): value})

    def __delitem__(self, key: Any) -> None:
        self.pop(key)

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def update(self, *others: Any, **more: Any) -> None:
        """Write the values of all these keys."""
        self._change({self._key(key): value for key, value in dict(*others, **more).items()})

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Write the default where the key is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, *default: Any) -> Any:
        """Remove the key, and return its value as a plain one."""
        value = self._snapshot().pop(self._key(key), *default)
        if key in self:
            self._change({}, [self._key(key)])
        return value._stored() if isinstance(value, LiveDict) else value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key."""
        key, _ = self._snapshot().popitem()
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all keys."""
        self._change({}, self.keys())


class _Part(LiveDict):
    """A live dictionary under a key of another one."""

    __slots__ = ("__weakref__", "_name", "_parent")

    def __init__(self, parent: Any, name: str, content: Mapping[str, Any]) -> None:
        super().__init__()
        self._parent, self._name = parent, name
        self._replace(content)

    def _refresh(self) -> None:
        self._parent._refresh()

    def _change(self, written: Mapping[str, Any], removed: Collection[str] = ()) -> None:
        def change(content: dict[str, Any]) -> None:
            content.update(written)
            for key in removed:
                content.pop(key, None)

        self._edit(change)

    def _edit(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Store the dictionary as `edit` changes a plain copy of it."""
        self._parent._edit(lambda content: edit(content.setdefault(self._name, {})))


class LiveRecord(_Part):
    """The record of one user. A deleted user's record keeps its last state, and cannot be written."""

    __slots__ = ()

    def _edit(self, edit: Callable[[dict[str, Any]], None]) -> None:
        self._refresh()
        # Both from one look at the store: what others write meanwhile is no difference between them.
        before = self._stored()
        after = copy.deepcopy(before)
        edit(after)
        self._parent._write({self._name: (after, before)})


class UserDict(LiveDict):
    """`{user: record}` for all users of a store.

    It is loaded once and kept up to date: as a whole when another connection has committed or a window has passed, and
    record by record after its manager's own writes.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._lock = threading.RLock()
        self._stale: set[str] = set()
        self._token: object = None
        self._loaded_until_us: float = 0
        self._deleted: WeakValueDictionary[str, LiveRecord] = WeakValueDictionary()

    def touch(self, user: str | None = None) -> None:
        """Load the user's record, or all of them, before the next read."""
        with self._lock:
            if user is None:
                self._token = None
            else:
                self._stale.add(user)

    def assign(self, records: Any) -> None:
        """Replace all records by these: users who are not among them are deleted."""
        if records is self:  # as `manager.user_dict |= …` does
            return
        if not isinstance(records, Mapping):
            raise InvalidValueError(f"{records!r:.80} is no dictionary of users and their records")
        written = {self._key(user): record for user, record in records.items()}
        self._change(written, self.keys() - written.keys())

    def _key(self, key: Any) -> Any:
        return user_name(key) if is_user(key) else key

    def _refresh(self) -> None:
        with self._lock:
            if len(self._stale) > _MANY:
                self._token = None
            token = self._store.change_token()
            if token != self._token or self._store.now_us() >= self._loaded_until_us:
                self._load_all()
                self._token = token
                self._stale.clear()
            while self._stale:
                user = self._stale.pop()
                self._load(user, self._find(user))

    def _load_all(self) -> None:
        self._loaded_until_us = float("inf")
        gone = set(self._own())
        for budget in self._store.budgets():
            self._load(budget.user, budget)
            gone.discard(budget.user)
        for user in gone:
            self._load(user, None)

    def _load(self, user: str, budget: Budget | None) -> None:
        record = dict.get(self, user)
        if budget is None:
            if record is not None:
                self._deleted[user] = dict.pop(self, user)
            return
        content = record_of(budget)
        if record is None:
            record = self._deleted.pop(user, None)
        if record is None:
            record = LiveRecord(self, user, content)
        else:
            record._replace(content)
        dict.__setitem__(self, user, record)
        if budget.limit.window_end_us is not None:
            self._loaded_until_us = min(self._loaded_until_us, budget.limit.window_end_us)

    def _find(self, user: str) -> Budget | None:
        try:
            return self._store.budget(user)
        except UnknownUserError:
            return None

    def _change(self, written: Mapping[str, Any], removed: Collection[str] = ()) -> None:
        self._refresh()
        edits: dict[str, tuple[Any, Record | None]] = {}
        for user, record in written.items():
            before = dict.get(self, user)
            edits[user] = (
                record._plain() if isinstance(record, LiveDict) else record,
                None if before is None else before._stored(),
            )
        self._write(edits, removed)

    def _write(self, edits: Mapping[str, tuple[Any, Record | None]], removed: Collection[str] = ()) -> None:
        """Store the differences between new and old records. All are checked before any is stored."""
        changes = {check_user(user): change_of(after, before) for user, (after, before) in edits.items()}
        new = [(user, changes[user]) for user, (_, before) in edits.items() if before is None]
        try:
            created = self._store.create_budgets(new) if new else []
            done = {user for (user, _), is_new in zip(new, created, strict=True) if is_new}
            for user, change in changes.items():
                if user not in done and change != BudgetChange():
                    self._store.change_budget(user, change)
            for user in removed:
                with suppress(UnknownUserError):  # somebody else was faster
                    self._store.delete_budget(user)
        finally:
            for user in (*changes, *removed):
                self.touch(user)
