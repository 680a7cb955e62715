"""The door of a server: which names it answers to, who asks, and for which project with which right."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import NamedTuple

from budgetctl.errors import NotAuthorisedError
from budgetctl.names import DEFAULT_PROJECT, check_project
from budgetctl.server.http import CONNECTION, Scope, header
from budgetctl.server.problems import RefusedError, UnknownTokenError
from budgetctl.server.tokens.token import TokenStore, parse_token

_HINT = "send the header Authorization: Bearer bctl_…; budgetctl token create makes a token"


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # what nobody calls a server by


def host_names(listening: str, allowed: Collection[str]) -> frozenset[str]:
    """The names of a server that listens there, without ports and in lower case."""
    own = {listening} - _ANY_ADDRESS
    return frozenset(name.lower().strip("[]") for name in {*LOOPBACK, *own, *allowed})


class Identity(NamedTuple):
    """Who asks: the id of a token and what it is good for. Without tokens it is anybody, who may do anything."""

    token_id: str | None
    project: str | None
    read_only: bool

    def enter(self, scope: Scope, asked: str | None) -> str:
        """The project that a request is for, by default the token's, which is noted. Raises `NotAuthorisedError`."""
        name = self.project or DEFAULT_PROJECT if asked is None else check_project(asked)
        if self.project is not None and name != self.project:
            raise NotAuthorisedError(f"the token is for another project than {name!r}")
        scope["budgetctl"]["project"] = name
        return name


ANYBODY = Identity(None, None, read_only=False)


class Door:
    """What every request passes. `names` are those that the server answers to; `tokens` is None when it stands open."""

    def __init__(self, tokens: TokenStore | None, now_us: Callable[[], int], names: Collection[str]) -> None:
        self._tokens = tokens
        self._now_us = now_us
        self._names = names
        self.uses: dict[str, int] = {}
        """When tokens were used, by their ids, since somebody has taken the last ones to keep them."""

    @property
    def has_tokens(self) -> bool:
        """Whether it opens to those alone who have a token."""
        return self._tokens is not None

    def check_host(self, scope: Scope, *, is_any_allowed: bool = False) -> None:
        """Raise `RefusedError` for a request that is meant for another server, or does not say for which.

        A web page may send requests to any address, under a name of its own, with what the browser is trusted with.
        """
        host = _host_of(scope)
        if not is_any_allowed and _without_port(host) not in self._names:
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "misdirected",
                f"this server does not answer to {host!r:.80}",
                hint="budgetctl serve --allowed-host NAME",
            )

    def admit(self, scope: Scope, *, writes: bool = False, is_password_allowed: bool = False) -> Identity:
        """Who sends a request, which is noted, and on its connection too.

        Raises `UnknownTokenError`, and `NotAuthorisedError` where it `writes` and the token may only read.
        `is_password_allowed` is for pages that a browser shows, which asks for a password: that is the token then.
        """
        try:
            identity = self._identify(header(scope, b"authorization"), is_password_allowed=is_password_allowed)
        except UnknownTokenError as error:
            error.asks_for_password = is_password_allowed
            raise
        scope["budgetctl"]["token"] = identity.token_id
        connection = scope.get(CONNECTION)
        if connection is not None:
            connection.admit()
        if writes and identity.read_only:
            raise NotAuthorisedError("the token may only read", hint="budgetctl token create")
        return identity

    def _identify(self, authorization: bytes | None, *, is_password_allowed: bool) -> Identity:
        if self._tokens is None:
            return ANYBODY
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
        return Identity(token.token_id, token.project, token.read_only)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _host_of(scope: Scope) -> str:
    """Whom a request is meant for, in lower case. Raises `RefusedError` where it says nobody, or several."""
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
