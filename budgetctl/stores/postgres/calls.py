"""Requests as the functions in the database take them, and answers as they give them, in JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from functools import cache
from operator import itemgetter
from typing import Any

from budgetctl.ledger import decisions
from budgetctl.ledger.counts import token_counts
from budgetctl.ledger.holds import Decision, Hold, HoldRequest
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, ReleaseRequest, Request
from budgetctl.ledger.values import PRIMARY, Budget, Charge, Entry, IdempotencyKey, Limit, Standing
from budgetctl.money import Picodollars
from budgetctl.stores.postgres.functions import qualified
from budgetctl.stores.sql.documents import to_json
from budgetctl.stores.sql.rows import AccountRow, limit_from_row

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def with_key(request: Request) -> Request:
    """The request with a key: its own, or a new one, so that sending it again changes nothing."""
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
    """The statement that does the requests, and its parameters.

    A single request is done by a function of its own, which takes half as long to begin as that for lists.
    """
    calls = [_call(request) for request in requests]
    if len(calls) > 1:
        given = [{name: value for name, value in call.items() if value is not None} for call in calls]
        runs = _encode([list(run) for _, run in itertools.groupby(given, key=itemgetter("what"))])
        sql = f"SELECT {qualified('apply')}(:project, :now, :asked, :users, :holds, :models)"
        return sql, {"asked": runs, **_named(requests)}
    (call,) = calls
    what = call.pop("what")
    return _single(_FUNCTIONS.get(what, what), *call), call


_FUNCTIONS = {"commit": "charge", "reserve part": "reserve"}
"""The functions of operations that have none of their own name."""


@cache
def _single(function: str, *names: str) -> str:
    at_us = f"{qualified('share_project')}(:project, :now)"
    given = ", ".join(f"{name} => :{name}" for name in names)
    return f"SELECT {qualified(function)}(of_project => :project, at_us => {at_us}, {given})"


def _call(request: Request) -> dict[str, Any]:
    """The operation of a request (`what`), and its arguments by the parameters of the operation's function."""
    if isinstance(request, ChargeRequest):
        return {"what": "charge", "of_user": request.user, "hold_name": None, **_charge(request)}
    if isinstance(request, HoldRequest):
        call = {
            "what": "reserve",
            "of_user": request.user,
            "hold_name": request.hold_id,
            "cost": request.amount,
            "of_model": request.names,
            "ttl_us": request.ttl_us,
            "note": request.note,
        }
        return call if request.at_least is None else {**call, "what": "reserve part", "at_least": request.at_least}
    if isinstance(request, CommitRequest):
        return {"what": "commit", "of_user": None, "hold_name": request.hold_id, **_charge(request.charge)}
    return {"what": "release", "hold_name": request.hold_id}


def _charge(request: ChargeRequest) -> dict[str, Any]:
    kind, digest, key_request, text = request.key or _operation_key()
    counts = token_counts(request.usage) if request.usage else None
    return {
        "cost": request.amount,
        "of_model": request.names,
        "key_kind": kind,
        "key_digest": f"\\x{digest.hex()}",
        "key_request": f"\\x{key_request.hex()}",
        "usage": to_json(request.usage),
        "pricing": to_json(request.pricing),
        "note": request.note,
        "happened_us": request.at_us,
        "tokens": None if counts is None else f"{{{','.join(map(str, counts))}}}",
        "call_ids": ",".join(f"\\x{each.hex()}" for each in dict.fromkeys(request.identities)) or None,
        "caller_key": text,
    }


def _named(requests: list[Request]) -> dict[str, list[str]]:
    """The users, holds and models that the requests name. `apply` locks or makes their rows before it begins."""
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


def answered(project: str, request: Request, answer: Mapping[str, Any], budgets: dict[str, Budget]) -> Answer:
    """The value that the request's method returns, from the answer of a function. Raises `OverBudgetError`.

    `budgets` are the budgets in earlier answers of the same list, by user: a list answers each budget once.
    """
    at_us = answer["at_us"]
    if isinstance(request, HoldRequest):
        if answer["what"] == "denied":
            raise decisions.refusal(_decision(request, answer))
        hold_id, user, amount, _, model, note, *_ = request
        amount = amount if request.at_least is None else Picodollars(answer["amount"])
        return Hold(hold_id, user, amount, "open", at_us, answer["expires_us"], None, model, note)
    if isinstance(request, ReleaseRequest):
        amount = Picodollars(answer["amount"])
        created_us, expires_us = answer["created_us"], answer["expires_us"]
        model, note = answer["model"], answer["note"]
        return Hold(request.hold_id, answer["user"], amount, "released", created_us, expires_us, at_us, model, note)
    user = answer["user"]
    if "budget" in answer:
        budgets[user] = _budget(project, user, **answer["budget"])
    asked = request.charge if isinstance(request, CommitRequest) else request
    number, model = answer["number"], answer["model"]
    happened_us = at_us if asked.at_us is None else min(asked.at_us, at_us)
    entry = Entry(
        number,
        "spend",
        happened_us,
        asked.amount,
        model,
        asked.usage,
        asked.pricing,
        asked.note,
        recorded_us=None if happened_us == at_us else at_us,
        key=asked.key and asked.key.text,
        hold_id=request.hold_id if isinstance(request, CommitRequest) else None,
    )
    return Charge(entry, budgets[user])


def _decision(request: HoldRequest, answer: Mapping[str, Any]) -> Decision:
    def freeing(limit: Limit, _: Picodollars) -> tuple[int | None, int]:
        frees_us, holds = answer["freeing"][str(limit.limit_id)]
        return frees_us, holds

    standings = standings_from(answer["standings"])
    return decisions.decide(request.user, standings, request.needed, request.names, answer["at_us"], freeing)


def _budget(
    project: str,
    user: str,
    *,
    created_us: int,
    updated_us: int,
    extra: str | None,
    parent: str | None,
    standings: list[list[Any]],
    models: dict[str, int] | None,
) -> Budget:
    limits = standings_from(standings)
    primary = next(limit for owner, limit in limits if owner == user and limit.name == PRIMARY)
    most_first = sorted((models or {}).items(), key=lambda item: (-item[1], item[0]))
    by_model = {name: Picodollars(spent) for name, spent in most_first}
    account = AccountRow(0, user, 0, created_us, updated_us, extra, parent_name=parent)
    return account.budget(project, primary, by_model)._replace(standings=limits)


def standings_from(found: list[list[Any]]) -> tuple[Standing, ...]:
    """The limits of a user and of those above, as they are stored."""
    return tuple(Standing(owner, limit_from_row(columns)) for owner, *columns in found)
