"""Requests as the functions in the database take them, and answers as they give them, in JSON."""

from __future__ import annotations

import itertools
import json
from operator import itemgetter
from typing import Any

from budgetctl.ledger import windows
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, ReleaseRequest, Request
from budgetctl.ledger.values import PRIMARY, Budget, Charge, Entry, IdempotencyKey, Standing
from budgetctl.money import Picodollars
from budgetctl.stores.postgres.functions import qualified
from budgetctl.stores.sql.documents import to_json
from budgetctl.stores.sql.rows import Holder, limit_from_row

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def with_key(request: Request) -> Request:
    """The request with a key of its own, so that to send it again changes nothing."""
    if isinstance(request, CommitRequest):
        return request._replace(charge=_keyed(request.charge))
    return _keyed(request) if isinstance(request, ChargeRequest) else request


def _keyed(request: ChargeRequest) -> ChargeRequest:
    return request if request.key else request._replace(key=_operation_key())


def _operation_key() -> IdempotencyKey:
    """A key that is used once. It begins with the time, as in UUIDv7, so that new ones are side by side in an index."""
    import secrets
    import time

    digest = time.time_ns().to_bytes(8, "big") + secrets.token_bytes(8)
    return IdempotencyKey("operation", digest, digest)


def statement(requests: list[Request]) -> tuple[str, dict[str, Any]]:
    """The call that does them, and its parameters: one by its own function, which takes half as long to begin."""
    calls = [_call(request) for request in requests]
    if len(calls) > 1:
        runs = _encode([list(run) for _, run in itertools.groupby(calls, key=itemgetter(0))])
        return f"SELECT {qualified('apply')}(:project, :now, :asked, :users, :holds, :models)", {
            "asked": runs,
            **_named(requests),
        }
    what, *values = calls[0]
    function = "charge" if what == "commit" else what
    names = [f"v{index}" for index in range(len(values))]
    at_us = f"{qualified('share_project')}(:project, :now)"
    sql = f"SELECT {qualified(function)}(:project, {at_us}, {', '.join(map(':{}'.format, names))})"
    return sql, dict(zip(names, values, strict=True))


def _call(request: Request) -> list[Any]:
    if isinstance(request, ChargeRequest):
        return ["charge", request.user, None, *_charge(request)]
    if isinstance(request, HoldRequest):
        hold_id, user, amount, ttl_us, _, note, _ = request
        return ["reserve", user, hold_id, amount, request.names, ttl_us, note]
    if isinstance(request, CommitRequest):
        return ["commit", None, request.hold_id, *_charge(request.charge)]
    return ["release", request.hold_id]


def _charge(request: ChargeRequest) -> list[Any]:
    kind, digest, key_request = request.key or _operation_key()
    given = [to_json(request.usage), to_json(request.pricing), request.note]
    return [request.amount, request.names, kind, f"\\x{digest.hex()}", f"\\x{key_request.hex()}", *given]


def _named(requests: list[Request]) -> dict[str, list[str]]:
    """The users, holds and models that the requests name: what `apply` locks, and what it makes, before it begins."""
    users, holds, models = set(), set(), set()
    for request in requests:
        asked = request.charge if isinstance(request, CommitRequest) else request
        if isinstance(request, (ChargeRequest, HoldRequest)):
            users.add(request.user)
        else:
            holds.add(request.hold_id)
        if isinstance(asked, (ChargeRequest, HoldRequest)) and asked.model is not None:
            models.add(asked.model)
    return {"users": sorted(users), "holds": sorted(holds), "models": sorted(models)}


def answered(project: str, request: Request, answer: list[Any], budgets: dict[str, Budget]) -> Answer:
    """What the request's own method returns. Raises `OverBudgetError`.

    `budgets` are what earlier answers of the same list have said, by user: for several charges that is said once.
    """
    _, *values = answer
    if isinstance(request, HoldRequest):
        return _held(request, answer)
    if isinstance(request, ReleaseRequest):
        at_us, user, amount, created_us, expires_us, model, note = values
        amount = Picodollars(amount)
        return Hold(request.hold_id, user, amount, "released", created_us, expires_us, at_us, model, note)
    number, at_us, model, about, *found = values
    user = about[0]
    if found:
        budgets[user] = _budget(project, about, *found)
    asked = request.charge if isinstance(request, CommitRequest) else request
    entry = Entry(number, "spend", at_us, asked.amount, model, asked.usage, asked.pricing, asked.note)
    return Charge(entry, budgets[user])


def _held(request: HoldRequest, answer: list[Any]) -> Hold:
    what, at_us, found = answer
    if what == "denied":
        decision = windows.decide(request.user, standings_from(found), request.amount, request.names, at_us)
        raise windows.refusal(decision)
    hold_id, user, amount, _, model, note, _ = request
    return Hold(hold_id, user, amount, "open", at_us, found, None, model, note)


def _budget(project: str, about: list[Any], rows: list[list[Any]], models: dict[str, int] | None) -> Budget:
    user, created_us, updated_us, extra, parent = about
    standings = standings_from(rows)
    primary = next(limit for owner, limit in standings if owner == user and limit.name == PRIMARY)
    most_first = sorted((models or {}).items(), key=lambda item: (-item[1], item[0]))
    by_model = {name: Picodollars(spent) for name, spent in most_first}
    holder = Holder(0, user, 0, created_us, updated_us, extra, parent_name=parent)
    return holder.budget(project, primary, by_model)._replace(standings=standings)


def standings_from(rows: list[list[Any]]) -> tuple[Standing, ...]:
    """The limits of a user and of those above, as they are stored."""
    return tuple(Standing(row[0], limit_from_row(tuple(row[1:]))) for row in rows)
