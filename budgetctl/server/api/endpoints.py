"""The endpoints of the store's operations: each reads its parameters, asks the store, and writes the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from starlette.responses import Response

from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.ledger.keys import canonical, commit_key
from budgetctl.ledger.store import BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest, Request
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.names import MAX_LENGTH, check_note
from budgetctl.server.bodies import Bodies
from budgetctl.server.door import Right, Route, Visitor
from budgetctl.server.http import (
    MAX_BODY,
    MAX_BULK_BODY,
    Receive,
    Scope,
    encoded,
    header,
    read_query,
    respond,
)
from budgetctl.server.projects import Project, Projects
from budgetctl.wire.calls import CALLS, Call

PROJECT_PARAMETER = "project"
SIZE_PARAMETER = "limit"
KEY_HEADER = b"idempotency-key"
NOW_HEADER = "budgetctl-now"
CHANGE_HEADER = "budgetctl-change"
"""Headers of an answer: the server's time in microseconds; and the count of changes, with the request's own."""

_MAX_BATCH = 5_000

_REQUESTS: dict[str, Callable[[dict[str, Any]], Request]] = {
    "charge": lambda asked: asked["request"],
    "reserve": lambda asked: asked["request"],
    "commit": lambda asked: CommitRequest(asked["hold_id"], asked["request"]),
    "release": lambda asked: ReleaseRequest(asked["hold_id"]),
}


class Endpoint:
    """The endpoint of one operation of a store."""

    def __init__(self, call: Call, projects: Projects, bodies: Bodies) -> None:
        self._call = call
        self._projects = projects
        self._bodies = bodies

    async def __call__(self, visitor: Visitor, scope: Scope, receive: Receive) -> Response:
        """Answer a request."""
        call = self._call
        if call.writes:
            reading = self._bodies.read(scope, receive, most=MAX_BULK_BODY if call.is_bulk else MAX_BODY)
            async with reading as document:
                if not isinstance(document.get(PROJECT_PARAMETER, ""), str):
                    raise InvalidValueError(f"{PROJECT_PARAMETER} must be text")
                name = visitor.enter(scope, document.pop(PROJECT_PARAMETER, None))
                if reading.is_big:
                    asked, key = await self._projects.run(self._read_request, visitor, scope, document)
                else:
                    asked, key = self._read_request(visitor, scope, document)
                with await self._projects.use(name) as project:
                    write = self._queued if call.kind == "queue" else self._written
                    return await self._answer(project, await write(project, asked, key))
        query = read_query(scope)
        name = visitor.enter(scope, query.pop(PROJECT_PARAMETER, None))
        document, size = _from_query(call, query)
        with await self._projects.use(name) as project:
            return await self._answer(project, await project.call(_read, call, project, document, size))

    async def _answer(self, project: Project, body: bytes) -> Response:
        call, headers = self._call, {}
        if project.reader.is_near or call.kind != "queue":  # a request that has to be fast does not wait for the time
            headers[NOW_HEADER] = str(await project.now_us())
        if call.writes:
            headers[CHANGE_HEADER] = str(project.changes)
        return respond(body, headers=headers)

    def _read_request(
        self, visitor: Visitor, scope: Scope, document: dict[str, Any]
    ) -> tuple[dict[str, Any], IdempotencyKey | None]:
        """The parameters in a body, and the key that the client gives to the request, if any."""
        asked = self._call.parameters.read(document, "the body", strict=True)
        return _signed(asked, visitor), _request_key(scope, document)

    async def _queued(self, project: Project, asked: dict[str, Any], key: IdempotencyKey | None) -> bytes:
        """The answer of a queued operation, which is done together with those of other requests."""
        call = self._call
        if call.name == "apply":
            requests = asked["requests"]
            if len(requests) > _MAX_BATCH:
                raise InvalidValueError(f"{len(requests):,} requests are too many at once: at most {_MAX_BATCH:,}")
        else:
            requests = [_REQUESTS[call.name](asked)]
        answers = await project.submit([_keyed(each, key, n) for n, each in enumerate(requests)])
        if key is not None:
            answers = [_as_at_first(each, asked) for each, asked in zip(answers, requests, strict=True)]
        if call.name == "apply":
            return encoded(call.write_answer(answers))
        if isinstance(answers[0], BudgetctlError):
            raise answers[0]
        return encoded(call.write_answer(answers[0]))

    async def _written(self, project: Project, asked: dict[str, Any], key: IdempotencyKey | None) -> bytes:
        """The answer of an operation that is done once for each key."""
        call = self._call

        def act() -> str:
            return encoded(call.write_answer(getattr(project.writer, call.name)(**asked))).decode()

        if key is None or call.kind == "repeat":
            body = await project.call(act)
        else:
            creates = call.name in ("create_budget", "create_budgets")
            body = await project.call(lambda: project.writer.once(key.digest, key.request, act, create=creates))
        project.changes += 1
        return body.encode()


def call_routes(projects: Projects, bodies: Bodies) -> list[Route]:
    """The routes of all operations of a store."""
    return [
        Route("POST", call.path, Right.WRITE, Endpoint(call, projects, bodies))
        if call.writes
        else Route("GET", call.path, Right.READ, Endpoint(call, projects, bodies))
        for call in CALLS.values()
    ]


def _signed(asked: dict[str, Any], visitor: Visitor) -> dict[str, Any]:
    """The parameters, with the token in place of whoever the client says is changing terms."""
    if visitor.token_id is None:
        return asked
    by = f"token {visitor.token_id}"
    if isinstance(asked.get("change"), BudgetChange):
        return asked | {"change": asked["change"]._replace(by=by)}
    return asked | {"by": by} if "by" in asked else asked


def _read(call: Call, project: Project, document: dict[str, Any], size: int | None) -> bytes:
    asked = call.parameters.read(document, "the query", strict=True)
    found = getattr(project.reader, call.name)(**asked)
    return encoded(call.write_answer(call.page(found, asked, size) if call.is_list else found))


def _from_query(call: Call, query: dict[str, str]) -> tuple[dict[str, Any], int | None]:
    """The document of a query, and the number of items that a page of a list shall have, None where none is given."""
    size = None
    if call.asked.cursor is not None and SIZE_PARAMETER in query:
        text = query.pop(SIZE_PARAMETER)
        if not (text.isascii() and text.isdigit() and int(text[:9]) > 0 and len(text) < 10):
            raise InvalidValueError(f"{SIZE_PARAMETER} must be a whole number from 1 up")
        size = int(text)
    kinds = {field.name: field.shape.schema() for field in call.parameters.all_fields()}
    return {name: _query_value(text, kinds.get(name, {})) for name, text in query.items()}, size


def _query_value(text: str, schema: dict[str, Any]) -> Any:
    """The value of a parameter: text as it stands, any other value from JSON."""
    kinds = {each.get("type") for each in schema.get("anyOf", [schema])}
    if "string" in kinds:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is None else value  # for null, the parameter is left out


def _request_key(scope: Scope, document: dict[str, Any]) -> IdempotencyKey | None:
    """The key that the client gives to the request, if any."""
    given = header(scope, KEY_HEADER)
    if given is None:
        return None
    text = given.decode("latin-1").strip()
    if not text or len(text) > MAX_LENGTH:
        raise InvalidValueError(f"the Idempotency-Key must have from 1 to {MAX_LENGTH} characters")
    check_note(text)
    asked = scope["path"].encode() + canonical(document)
    return IdempotencyKey("request", _digest(text.encode()), _digest(asked))


def _keyed(request: Request, key: IdempotencyKey | None, number: int) -> Request:
    """A charge or commit with a key, unless it has one already; holds and releases have a name of their own.

    The key of a charge is made from that of the HTTP request, the key of a commit from its hold.
    """
    if isinstance(request, CommitRequest) and request.charge.key is None:
        charge = request.charge
        own = commit_key(request.hold_id, amount=charge.amount, model=charge.model, usage=charge.usage)
        return CommitRequest(request.hold_id, charge._replace(key=own))
    if key is None or not isinstance(request, ChargeRequest) or request.key is not None:
        return request
    own = key._replace(digest=_digest(key.digest + str(number).encode()))
    return request._replace(key=own)


def _as_at_first(given: Any, request: Request) -> Any:
    """The answer as it was the first time: a charge that the HTTP request's key replays is the very same request."""
    if isinstance(request, ChargeRequest) and request.key is None and not isinstance(given, BudgetctlError):
        return given if given.cost is not None else given._replace(replayed=False)
    return given


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()
