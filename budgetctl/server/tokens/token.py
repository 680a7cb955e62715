"""Tokens: each lets its holder use a server for one project, to write or only to read.

A token is `bctl_<id>_<secret>`. Of the 256 random bits of the secret only their SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple, Protocol

_PREFIX = "bctl"
_ID_BYTES, _SECRET_BYTES = 5, 32


class Token(NamedTuple):
    """A token as it is kept. `digest` is the SHA-256 of its secret, in hexadecimal digits.

    `created_us`, `expires_us` and `revoked_us` are microseconds since 1970.
    """

    token_id: str
    project: str
    digest: str
    read_only: bool
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None

    def fault(self, secret: str, now_us: int) -> str | None:
        """The reason why the token cannot be used with a secret now, or None where it can."""
        given = hashlib.sha256(secret.encode()).hexdigest()
        if not hmac.compare_digest(given, self.digest):
            return "the token is not known"
        if self.revoked_us is not None:
            return "the token was revoked"
        if self.expires_us is not None and self.expires_us <= now_us:
            return "the token has expired"
        return None


class TokenStore(Protocol):
    """The tokens of a server, wherever they are kept."""

    def tokens(self) -> list[Token]:
        """All tokens, also those that cannot be used any more, oldest first."""

    def find(self, token_id: str) -> Token | None:
        """The token of that id, as of the last `refresh` at least. Every request calls it, and it never waits."""

    def refresh(self) -> None:
        """Read the tokens again, where `find` does not. A server calls it every second."""

    def close(self) -> None:
        """Close connections. They are opened again on the next use."""

    def add(self, token: Token) -> None:
        """Add a token."""

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Revoke a token from now on. Raises `NotFoundError`; one that is revoked already stays as it is."""


def new_token(
    project: str, now_us: int, *, read_only: bool = False, expires_us: int | None = None
) -> tuple[Token, str]:
    """A new token, and its text, which is given to its holder and not kept."""
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return Token(token_id, project, digest, read_only, now_us, expires_us), f"{_PREFIX}_{token_id}_{secret}"


def parse_token(text: str) -> tuple[str, str] | None:
    """The id and the secret in the text of a token; None where the text is not of that form."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    return (token_id, secret) if prefix == _PREFIX and token_id and secret and text.isascii() else None
