"""Requests and answers: what they look like here, reading a query, writing JSON."""

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
"""In bytes: of what only names something; of most; and of what may be a whole project, as litellm posts it."""

CONNECTION = "budgetctl.connection"
"""Where the scope of a request has the connection that it came on."""

WHOLE = "budgetctl.whole"
"""The extension that the scope of a request has which has come whole, so that nobody has to look at the clock."""


def respond(
    body: bytes, status: int = HTTPStatus.OK, *, media_type: str = JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """What a request is answered."""
    response = Response(body, status, headers, media_type)
    response.raw_headers += _RAW_HEADERS
    return response


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that name, in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


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
