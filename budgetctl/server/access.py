"""Who asks, and what they may do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import NamedTuple

from budgetctl.errors import NotAuthorisedError
from budgetctl.names import check_project
from budgetctl.server.http import CONNECTION, Scope, header
from budgetctl.server.problems import UnknownTokenError
from budgetctl.server.tokens.token import TokenStore, parse_token

DEFAULT_PROJECT = "default"

_HINT = "send the header Authorization: Bearer bctl_…; budgetctl token create makes a token"


class Identity(NamedTuple):
    """Who asks: the id of a token and what it is good for. Without tokens it is anybody, who may do anything."""

    token_id: str | None
    project: str | None
    read_only: bool

    def project_of(self, asked: str | None) -> str:
        """The project that is asked for, by default the token's."""
        if asked is None:
            return self.project or DEFAULT_PROJECT
        name = check_project(asked)
        if self.project is not None and name != self.project:
            raise NotAuthorisedError(f"the token is for another project than {name!r}")
        return name

    def require_writing(self) -> None:
        """Raise `NotAuthorisedError` for one that may only read."""
        if self.read_only:
            raise NotAuthorisedError("the token may only read", hint="budgetctl token create")


ANYBODY = Identity(None, None, read_only=False)


class Access:
    """The door of a server. `tokens` is None when it stands open."""

    def __init__(self, tokens: TokenStore | None, now_us: Callable[[], int]) -> None:
        self._tokens = tokens
        self._now_us = now_us

    def admit(self, scope: Scope, *, is_password_allowed: bool = False) -> Identity:
        """Who sends a request, which is noted, and on its connection too. Raises `UnknownTokenError`.

        `is_password_allowed` is for pages that a browser shows, which asks for a password: that is the token then.
        """
        identity = self._identify(header(scope, b"authorization"), is_password_allowed=is_password_allowed)
        scope["budgetctl"]["token"] = identity.token_id
        connection = scope.get(CONNECTION)
        if connection is not None:
            connection.admit()
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
        fault = token.fault(parts[1], self._now_us())
        if fault is not None:
            raise UnknownTokenError(fault, hint=_HINT)
        return Identity(token.token_id, token.project, token.read_only)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
