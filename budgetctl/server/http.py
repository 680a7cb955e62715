"""Requests and answers of the ASGI application: headers, queries, and answers in JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.responses import Response

from budgetctl.errors import InvalidValueError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON = "application/json"

_RAW_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

MAX_SMALL_BODY = 1 << 16
MAX_BODY = 1 << 20
MAX_BULK_BODY = 64 << 20
"""The largest bodies, in bytes: of a request that only names a thing, of most requests, and of a whole project."""

CONNECTION = "budgetctl.connection"
"""The key in the scope of a request under which its connection stands."""

WHOLE = "budgetctl.whole"
"""The extension in the scope of a request whose body has come whole, and so needs no timeout."""


def respond(
    body: bytes, status: int = HTTPStatus.OK, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer of a request, which no cache may keep."""
    response = Response(body, status, headers, media_type)
    response.raw_headers += _RAW_HEADERS
    return response


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of a name, which is given in lower case; None where there is none."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


def read_query(scope: Scope) -> dict[str, str]:
    """The parameters behind the question mark of the address. Raises `InvalidValueError` where one comes twice."""
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
    """A document as compact JSON."""
    try:
        return orjson.dumps(document)
    except TypeError:  # an amount of more than 64 bits
        return json.dumps(document, separators=(",", ":")).encode()
