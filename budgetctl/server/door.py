"""The door of a server: the host names that it answers to, whose token a request has, and the right that it needs.

A route cannot be made without the right that it needs, and its endpoint is called with the visitor that the door has
let in: so no route can forget to ask for a token.
"""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Awaitable, Callable, Collection
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple

from starlette.responses import Response

from budgetctl.errors import NotAuthorisedError
from budgetctl.names import DEFAULT_PROJECT, check_project
from budgetctl.server.http import CONNECTION, Receive, Scope, header
from budgetctl.server.problems import RefusedError, UnknownTokenError
from budgetctl.server.tokens.token import Token, TokenStore, parse_token
from budgetctl.stores.location import ANY_ADDRESS, LOOPBACK

_HINT = "send the header Authorization: Bearer bctl_…; budgetctl token create makes a token"


class Right(Enum):
    """The right that a request needs at a route."""

    HEALTH = auto()
    """None, neither a token nor one of the server's host names; the route answers also while too many others wait."""

    NONE = auto()
    """None: the answer says nothing of any project."""

    LOOK = auto()
    """A token, which a browser may send as a password: the answer is for people too."""

    READ = auto()
    """A token."""

    WRITE = auto()
    """A token that is not for reading only."""


class Visitor(NamedTuple):
    """The sender of a request. Without a token it is anybody, who may use any project.

    `token_id` names the token. `project` is the project that the token is for, None where any is allowed.
    """

    token_id: str | None
    project: str | None

    def enter(self, scope: Scope, asked: str | None) -> str:
        """The project that a request asks for, by default the token's, which is noted. Raises `NotAuthorisedError`."""
        name = self.project or DEFAULT_PROJECT if asked is None else check_project(asked)
        if self.project is not None and name != self.project:
            raise NotAuthorisedError(
                f"the token is for the project {self.project!r}, and not for {name!r}",
                hint=f"--project {shlex.quote(self.project)}, or BUDGETCTL_PROJECT; or take the token of the other one",
            )
        scope["budgetctl"]["project"] = name
        return name


ANYBODY = Visitor(None, None)


class Route(NamedTuple):
    """A method and a path, the right that a request needs there, and the endpoint that answers it."""

    method: str
    path: str
    right: Right
    endpoint: Callable[[Visitor, Scope, Receive], Awaitable[Response]]


class Door:
    """The door that every request passes. `names` are the server's host names. Without `tokens` it stands open."""

    def __init__(self, tokens: TokenStore | None, now_us: Callable[[], int], names: Collection[str]) -> None:
        self._tokens = tokens
        self._now_us = now_us
        self._names = names
        self.uses: dict[str, int] = {}
        """The last uses of tokens by their ids, in microseconds since 1970, that are not kept yet."""

    @property
    def has_tokens(self) -> bool:
        """Whether requests need a token."""
        return self._tokens is not None

    def check_host(self, scope: Scope, *, is_any_allowed: bool = False) -> None:
        """Raise `RefusedError` unless the Host header names this server, or, where any is allowed, names one at all.

        A web page can reach the server under a host name of its own, by the browser of a reader, and would be trusted
        like that reader.
        """
        host = _host_of(scope)
        if not is_any_allowed and _without_port(host) not in self._names:
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "misdirected",
                f"this server does not answer to {host!r:.80}",
                hint="budgetctl serve --allowed-host NAME",
            )

    def admit(self, scope: Scope, right: Right) -> Visitor:
        """The visitor who sends a request: its token is noted, and its connection counts as one with a token.

        Raises `UnknownTokenError` where there is no token that can be used, and `NotAuthorisedError` where the right
        is to write and the token is for reading only.
        """
        if right in (Right.HEALTH, Right.NONE):
            return ANYBODY
        is_password_allowed = right is Right.LOOK
        try:
            token = self._token(header(scope, b"authorization"), is_password_allowed=is_password_allowed)
        except UnknownTokenError as error:
            error.asks_for_password = is_password_allowed
            raise
        connection = scope.get(CONNECTION)
        if connection is not None:
            connection.admit()
        if token is None:
            return ANYBODY
        scope["budgetctl"]["token"] = token.token_id
        if token.read_only and right is Right.WRITE:
            raise NotAuthorisedError(
                "the token may only read", hint="take one that may write: whoever runs the server can make it"
            )
        return Visitor(token.token_id, token.project)

    def _token(self, authorization: bytes | None, *, is_password_allowed: bool) -> Token | None:
        """The token in a header, which can be used; None where the door stands open. Raises `UnknownTokenError`."""
        if self._tokens is None:
            return None
        if authorization is None:
            raise UnknownTokenError("a token is needed", hint=_HINT)
        scheme, _, credentials = authorization.decode("latin-1").partition(" ")
        text = credentials.strip()
        if scheme.lower() == "basic" and is_password_allowed:
            text = _password(text)
        elif scheme.lower() != "bearer":
            raise UnknownTokenError("a bearer token is needed", hint=_HINT)
        parts = parse_token(text)
        token = None if parts is None else self._tokens.find(parts[0])
        if parts is None or token is None:
            raise UnknownTokenError("the token is not known", hint=_HINT)
        now_us = self._now_us()
        fault = token.fault(parts[1], now_us)
        if fault is not None:
            raise UnknownTokenError(fault, hint=_HINT)
        self.uses[token.token_id] = now_us
        return token


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def host_names(listening: str, allowed: Collection[str]) -> frozenset[str]:
    """The host names of a server that listens at an address, without ports and in lower case."""
    own = {listening} - ANY_ADDRESS
    return frozenset(name.lower().strip("[]") for name in {*LOOPBACK, *own, *allowed})


def _host_of(scope: Scope) -> str:
    """The Host header of a request, in lower case. Raises `RefusedError` where it has none, or several."""
    said = [value for name, value in scope["headers"] if name == b"host"]
    if len(said) > 1 or (not said and scope["http_version"] == "1.1"):
        told = "a request needs one Host header" if not said else "a request has one Host header, and not several"
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", told)
    return said[0].decode("latin-1").lower() if said else ""


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
