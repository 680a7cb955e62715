"""Rows of the ledger: entries, sets of postings, totals by model. The counters of limits are written in `counters`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import sub
from typing import Any

from budgetctl.ledger.counts import TokenCounts, token_counts
from budgetctl.ledger.values import ClosedWindow, EntryKind, Limit
from budgetctl.money import Picodollars
from budgetctl.stores.sql.documents import to_json
from budgetctl.stores.sql.token_columns import TOKEN_COLUMNS
from budgetctl.stores.sql.transaction import Transaction


def insert_entry(
    tx: Transaction,
    account: int,
    number: int,
    kind: EntryKind,
    amount: Picodollars,
    *,
    model: int | None = None,
    postings: int | None = None,
    usage: Mapping[str, Any] | None = None,
    pricing: Mapping[str, Any] | None = None,
    note: str | None = None,
    known: TokenCounts | None = None,
    at_us: int | None = None,
    **more: Any,
) -> None:
    """Write an entry. `postings` is the key of the set of generations that it counts against.

    Of the tokens in `usage`, those in `known` are other entries' already. `at_us` is when it happened, by default now.
    `more` may be the number of an entry that it `refers_to`, a `caller_key`, the name of a `hold`, and `changed` terms.
    """
    if usage:
        counts = token_counts(usage)
        more["usage"] = to_json(usage)
        more.update(zip(TOKEN_COLUMNS, counts if known is None else map(sub, counts, known), strict=True))
    if pricing:
        more["pricing"] = to_json(pricing)
    if at_us is None:
        at_us = tx.now_us
    elif at_us != tx.now_us:
        more["recorded_us"] = tx.now_us
    tx.run(
        _insert(*more),
        account=account,
        number=number,
        kind=kind,
        at_us=at_us,
        amount=amount,
        model=model,
        postings=postings,
        note=note,
        **more,
    )


@cache
def _insert(*more: str) -> str:
    """The statement that writes an entry, with the columns that not every entry has: each takes time to bind."""
    names, values = (", ".join(["", *each]) for each in (more, [f":{name}" for name in more]))
    return (
        f"INSERT INTO entries (project, account, number, kind, at_us, amount, model, posting_set, note{names})"
        f" VALUES (:project, :account, :number, :kind, :at_us, :amount, :model, :postings, :note{values})"
    ).replace(", :hold", ", (SELECT o.hold FROM holds o WHERE o.project = :project AND o.name = :hold)")


def insert_reset(tx: Transaction, account: int, number: int, limit_id: int, closed: ClosedWindow) -> None:
    """Write the entry that keeps the spend of a closed window."""
    tx.run(
        "INSERT INTO entries (project, account, number, kind, at_us, amount,"
        " closed_limit, closed_generation, closed_start_us, closed_end_us, closed_spent)"
        " VALUES (:project, :account, :number, 'reset', :now, 0, :limit_id, :generation, :start, :end, :spent)",
        account=account,
        number=number,
        limit_id=limit_id,
        generation=closed.generation,
        start=closed.start_us,
        end=closed.end_us,
        spent=closed.spent,
    )


def posting_set(tx: Transaction, limits: Sequence[Limit]) -> int | None:
    """The key of the interned set of the limits' current generations; None for no limits."""
    if not limits:
        return None
    members = ",".join(f"{limit.limit_id}:{limit.generation}" for limit in limits)
    known = tx.keys.get(("postings", members))
    if known is None:
        known = tx.keys["postings", members] = _posting_set(tx, members, limits)
    return known


def _posting_set(tx: Transaction, members: str, limits: Sequence[Limit]) -> int:
    row = tx.one(
        "SELECT posting_set FROM posting_sets WHERE project = :project AND members = :members",
        members=members,
    )
    if row is not None:
        return int(row[0])
    key = tx.insert(
        "INSERT INTO posting_sets (project, members) VALUES (:project, :members) RETURNING posting_set",
        members=members,
    )
    for limit in limits:
        tx.run(
            "INSERT INTO postings (project, posting_set, limit_id, generation)"
            " VALUES (:project, :key, :limit_id, :generation)",
            key=key,
            limit_id=limit.limit_id,
            generation=limit.generation,
        )
    return key


def count_model(tx: Transaction, limit_id: int, generation: int, model: int | None, amount: Picodollars) -> None:
    """Add to the spend of a primary limit's generation on a model; None stands for no model."""
    tx.run(
        "INSERT INTO model_totals (project, limit_id, generation, model, spent)"
        " VALUES (:project, :limit_id, :generation, :model, :amount)"
        " ON CONFLICT (limit_id, generation, model) DO UPDATE SET spent = model_totals.spent + excluded.spent",
        limit_id=limit_id,
        generation=generation,
        model=model or 0,
        amount=amount,
    )


def model_key(tx: Transaction, name: str) -> int:
    """The key of a model's name, which is made when it is new."""
    known = tx.keys.get(("model", name))
    if known is None:
        known = tx.keys["model", name] = _model_key(tx, name)
    return known


def _model_key(tx: Transaction, name: str) -> int:
    row = tx.one("SELECT model FROM models WHERE project = :project AND name = :name", name=name)
    if row is not None:
        return int(row[0])
    return tx.insert("INSERT INTO models (project, name) VALUES (:project, :name) RETURNING model", name=name)
