"""Requests and answers on the wire: reading a body within bounds, writing JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.responses import Response

from budgetctl.errors import InvalidValueError
from budgetctl.server.problems import RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

MAX_BODY = 1 << 20
MAX_BULK_BODY = 64 << 20
"""In bytes. litellm posts the whole dictionary of a project; so does whoever takes one over."""

BODY_TIMEOUT_S = 20.0
"""How long a client may take to send its body."""

WHOLE = "budgetctl.whole"
"""The extension that the scope of a request has which has come whole, so that nobody has to look at the clock."""


class Route(NamedTuple):
    """Who answers at a path."""

    method: str
    path: str
    endpoint: Callable[[Scope, Receive], Awaitable[Response]]


def respond(
    body: bytes, status: int = HTTPStatus.OK, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """What a request is answered."""
    return Response(body, status, {**_HEADERS, **(headers or {})}, media_type)


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name, in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(scope: Scope, receive: Receive, *, most: int = MAX_BODY) -> bytes:
    """The body. Raises `RefusedError` for one that is too long, or too long in coming."""
    stated = header(scope, b"content-length")
    if stated is not None and stated.isdigit() and int(stated) > most:
        raise _too_large(most)
    if WHOLE in scope.get("extensions", ()):
        return await _received(receive, most)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _received(receive, most)
    except TimeoutError as error:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "timeout", "the body did not come in time") from error


async def _received(receive: Receive, most: int) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "disconnected", "the body has ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts) if len(parts) > 1 else part


async def read_json(scope: Scope, receive: Receive, *, most: int = MAX_BODY) -> dict[str, Any]:
    """The object in a JSON body. Raises `RefusedError` and `InvalidValueError`."""
    kind = (header(scope, b"content-type") or b"").split(b";")[0].strip().lower()
    if kind != JSON.encode():
        # A browser sends this type to another site only after that has allowed it.
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the Content-Type must be application/json"
        )
    body = await read_body(scope, receive, most=most)
    try:
        document = _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", f"the body is no JSON: {error!s:.200}") from error
    if not isinstance(document, dict):
        raise InvalidValueError("the body must be a JSON object")
    return document


def read_query(scope: Scope) -> dict[str, str]:
    """The parameters behind the path's question mark, each at most once."""
    try:
        pairs = parse_qsl(
            scope["query_string"].decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=50,
        ) if scope["query_string"] else []  # fmt: skip
    except ValueError as error:
        raise InvalidValueError(f"the query cannot be read: {error!s:.200}") from error
    query = dict(pairs)
    if len(query) < len(pairs):
        raise InvalidValueError("the query has a parameter twice")
    return query


def encoded(document: Any) -> bytes:
    """Compact JSON."""
    try:
        return orjson.dumps(document)
    except TypeError:  # an amount of more than 64 bits
        return json.dumps(document, separators=(",", ":")).encode()


def _too_large(most: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"the body is too large: at most {most:,} bytes are taken"
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # once: `json.loads` makes one for each document
