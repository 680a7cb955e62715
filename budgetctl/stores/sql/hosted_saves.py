"""The shadows of litellm's hosted clients. The meanings of saves become entries in the transaction that keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from budgetctl.ledger import hosted_saves
from budgetctl.ledger.hosted_saves import Meaning, Posted, Shadow, State
from budgetctl.ledger.store import NEVER, BudgetChange
from budgetctl.ledger.values import PRIMARY
from budgetctl.money import Picodollars
from budgetctl.names import MAX_DEPTH
from budgetctl.periods import duration_from_days
from budgetctl.stores.sql import clock
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.documents import from_json
from budgetctl.stores.sql.rows import ACCOUNT_COLUMNS, AccountRow
from budgetctl.stores.sql.transaction import Transaction

_PAGE = 1_000
_ABOVE_EXTRA = 2
"""The levels above the extra keys of a state in the document of a shadow."""


class _Kept(NamedTuple):
    """A client's shadow of a budget, as it is stored. `limit_id` is of the budget's primary limit, its incarnation."""

    limit_id: int
    text: str
    is_live: bool


def accept(tx: Transaction, records: Sequence[Posted]) -> None:
    """Record the meanings of the records of a save."""
    clock.hold_still(tx)
    while conclude(tx) == _PAGE:  # a reset that is due must count before what follows it, which makes it look late
        pass
    kept = {identity: _kept_by(tx, identity) for identity in {record.identity for record in records}}
    for record in records:
        found = kept[record.identity].get(record.user)
        if record.incarnation is None:
            _accept_created(tx, record, found)
        elif record.baseline is not None:
            is_known = found is not None and found.limit_id == record.incarnation
            shadow = _shadow(found.text) if found is not None and is_known else Shadow(record.baseline)
            _accept_known(tx, record, record.incarnation, shadow)


def conclude(tx: Transaction) -> int:
    """Conclude the oldest page of shadows whose pending record has waited long enough. Returns their number."""
    rows = tx.all(
        "SELECT s.identity, s.limit_id, s.state, acc.name FROM shadows s"
        " JOIN limits l ON l.project = s.project AND l.limit_id = s.limit_id"
        " JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
        " WHERE s.project = :project AND s.conclude_us <= :now ORDER BY s.conclude_us LIMIT :page",
        page=_PAGE,
    )
    for identity, limit_id, text, user in rows:
        shadow = _shadow(text)
        meaning = hosted_saves.conclude(shadow, tx.now_us)
        account = _account_with(tx, user, limit_id)
        if account is not None and not account.row.deleted_us:
            _apply(account, meaning, shadow.state)
            account.save()
        else:  # a budget that is deleted has no reset, and what looks like one may be of its successor
            meaning = Meaning(shadow._replace(pending=None))
        _keep(tx, identity, limit_id, meaning.shadow)
    return len(rows)


def is_any_due(tx: Transaction) -> bool:
    """Whether a pending record has waited long enough for another save."""
    return tx.one("SELECT 1 FROM shadows WHERE project = :project AND conclude_us <= :now LIMIT 1") is not None


def _accept_known(tx: Transaction, record: Posted, limit_id: int, shadow: Shadow) -> None:
    """Record the changes of a record since its shadow. Its spend counts also when the budget is deleted."""
    state, is_loaded = record.state, record.baseline is not None
    if is_loaded and record.is_new and state.last_us == shadow.state.last_us:  # it says nothing of what was spent
        state = state._replace(cost=shadow.state.cost, models=shadow.state.models)
    meaning = hosted_saves.interpret(shadow, state, tx.now_us, is_new=record.is_new and not is_loaded)
    if meaning.shadow == shadow:
        return
    account = _account_with(tx, record.user, limit_id)
    if account is not None:
        _apply(account, meaning, shadow.state)
        account.save()
        _keep(tx, record.identity, limit_id, meaning.shadow)


def _account_with(tx: Transaction, user: str, limit_id: int) -> Account | None:
    """The account with that primary limit, deleted or not, if it is or was the user's."""
    row = tx.one(
        f"SELECT {ACCOUNT_COLUMNS} FROM limits l"
        " JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
        " WHERE l.project = :project AND l.limit_id = :limit_id AND l.name = :primary AND acc.name = :user",
        limit_id=limit_id,
        primary=PRIMARY,
        user=user,
    )
    return None if row is None else Account.of(tx, AccountRow(*row))


def _accept_created(tx: Transaction, record: Posted, found: _Kept | None) -> None:
    """Record the meaning of a record that the client's `create_budget` has made."""
    if found is not None:
        shadow = _shadow(found.text)
        if found.is_live or not hosted_saves.is_created_again(shadow, record.state, tx.now_us):
            _accept_known(tx, record, found.limit_id, shadow)
            return
    state = record.state
    terms = BudgetChange(amount=state.total, duration=_duration(state), extra=state.extra or None)
    account = Account.find(tx, record.user)
    if account is None:
        account = Account.create(tx, record.user, terms._replace(created_us=record.created_us))
    else:
        account.change(terms)
    meaning = hosted_saves.created(state, tx.now_us)
    _apply(account, meaning, state)
    account.save()
    _keep(tx, record.identity, account.primary.limit_id, meaning.shadow)


def _apply(account: Account, meaning: Meaning, state: State) -> None:
    """Apply a meaning to a budget whose shadow was `state` so far."""
    if not account.row.deleted_us:  # otherwise only what was spent is still of interest
        _set_terms(account, meaning, state)
    for model, amount in meaning.charges.items():
        account.post("spend" if amount > 0 else "adjustment", Picodollars(amount), model=model)


def _set_terms(account: Account, meaning: Meaning, state: State) -> None:
    new = meaning.shadow.state
    if meaning.is_reset:
        account.reset()
    if new.terms != state.terms:
        account.change(
            BudgetChange(
                amount=new.total if new.total != state.total else None,
                duration=_duration(new) if new.duration != state.duration else None,
                extra=new.extra if new.extra != state.extra else None,
            )
        )


def _duration(state: State) -> str:
    return NEVER if state.duration is None else str(duration_from_days(state.duration))


def _kept_by(tx: Transaction, identity: str) -> dict[str, _Kept]:
    """A client's shadows, by user: that of the newest budget for each."""
    rows = tx.all(
        "SELECT acc.name, s.limit_id, s.state, l.deleted_us FROM shadows s"
        " JOIN limits l ON l.project = s.project AND l.limit_id = s.limit_id"
        " JOIN accounts acc ON acc.project = l.project AND acc.account = l.account"
        " WHERE s.project = :project AND s.identity = :identity ORDER BY s.limit_id",
        identity=identity,
    )
    return {user: _Kept(limit_id, text, deleted_us == 0) for user, limit_id, text, deleted_us in rows}


def _keep(tx: Transaction, identity: str, limit_id: int, shadow: Shadow) -> None:
    tx.run(
        "INSERT INTO shadows (project, identity, limit_id, state, conclude_us, updated_us)"
        " VALUES (:project, :identity, :limit_id, :state, :conclude_us, :now)"
        " ON CONFLICT (project, identity, limit_id) DO UPDATE"
        " SET state = excluded.state, conclude_us = excluded.conclude_us, updated_us = excluded.updated_us",
        identity=identity,
        limit_id=limit_id,
        state=_text(shadow),
        conclude_us=shadow.conclude_us,
    )


def _text(shadow: Shadow) -> str:
    """The shadow as a column keeps it."""
    states = {name: _listed(state) for name, state in shadow._asdict().items() if isinstance(state, State)}
    return json.dumps(shadow._asdict() | states, separators=(",", ":"))


def _listed(state: State) -> list[Any]:
    return list(state._replace(models=dict(state.models), extra=dict(state.extra)))


def _shadow(text: str) -> Shadow:
    shadow = Shadow(**(from_json(text, MAX_DEPTH + _ABOVE_EXTRA) or {}))
    return shadow._replace(
        state=_state(shadow.state),
        before=shadow.before and _state(shadow.before),
        pending=shadow.pending and _state(shadow.pending),
    )


def _state(listed: Sequence[Any]) -> State:
    total, duration, last_us, cost, models, extra = listed
    return State(
        Picodollars(total),
        duration,
        last_us,
        Picodollars(cost),
        {model: Picodollars(spent) for model, spent in models.items()},
        extra,
    )
