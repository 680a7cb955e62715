"""Tokens: who may use a server, for which project, and whether to change anything.

A token is `bctl_<id>_<secret>`; what is kept of the secret's 256 random bits is their SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple, Protocol

_PREFIX = "bctl"
_ID_BYTES, _SECRET_BYTES = 5, 32


class Token(NamedTuple):
    """What is kept of a token. `digest` is the SHA-256 of its secret, in hexadecimal digits."""

    token_id: str
    project: str
    digest: str
    read_only: bool
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None

    def fault(self, secret: str, now_us: int) -> str | None:
        """Why it cannot be used with this secret, or None when it can."""
        given = hashlib.sha256(secret.encode()).hexdigest()
        if not hmac.compare_digest(given, self.digest):
            return "the token is not known"
        if self.revoked_us is not None:
            return "the token was revoked"
        if self.expires_us is not None and self.expires_us <= now_us:
            return "the token has expired"
        return None


class TokenStore(Protocol):
    """Where the tokens of a server are kept."""

    def tokens(self) -> list[Token]:
        """All of them, also those that cannot be used any more, oldest first."""

    def find(self, token_id: str) -> Token | None:
        """The token of that id, as of the last `refresh` at least. It is asked for at each request, and never waits."""

    def refresh(self) -> None:
        """Read what others have changed, where `find` does not. A server does so every second."""

    def close(self) -> None:
        """Let go of connections. They are opened again on the next use."""

    def add(self, token: Token) -> None:
        """Keep a new one."""

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Let it not be used from now on. Raises `NotFoundError`; one that is revoked stays as it is."""


def new_token(
    project: str, now_us: int, *, read_only: bool = False, expires_us: int | None = None
) -> tuple[Token, str]:
    """A token, and the text that its holder shows. The text is not kept."""
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Token(token_id, project, digest, read_only, now_us, expires_us), f"{_PREFIX}_{token_id}_{secret}"


def parse_token(text: str) -> tuple[str, str] | None:
    """The id and the secret of a token's text, if it looks like one."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    return (token_id, secret) if prefix == _PREFIX and token_id and secret and text.isascii() else None
