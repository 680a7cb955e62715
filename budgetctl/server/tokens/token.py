"""Tokens: each lets its holder use a server for one project, to write or only to read.

A token is `bctl_<id>_<secret>`. Of the 256 random bits of the secret only their SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

from budgetctl.errors import AlreadyExistsError, InvalidValueError, NotFoundError

_PREFIX = "bctl"
_ID_BYTES, _SECRET_BYTES = 5, 32
_WHOLE = re.compile(rf"{_PREFIX}_[0-9a-f]{{{2 * _ID_BYTES}}}_[\w-]{{43}}", re.ASCII)

USE_STEP_US = 60 * 10**6
"""How much later than the last use that is kept another one has to be to be kept too, in microseconds."""

_SHORTEST_PREFIX = 4
"""In digits of an id: fewer would name a token by chance."""

Status = Literal["valid", "revoked", "expired"]

_FAULTS: dict[Status, str] = {"revoked": "the token was revoked", "expired": "the token has expired"}


class Token(NamedTuple):
    """What is kept of a token. `digest` is the SHA-256 of its secret, in hexadecimal digits.

    `name` is what people call it in its project. `used_us` is the last use, to the minute; None where there was none.
    """

    token_id: str
    project: str
    digest: str
    read_only: bool
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    name: str | None = None
    used_us: int | None = None

    def status(self, now_us: int) -> Status:
        """Whether it can be used, or why not."""
        if self.revoked_us is not None:
            return "revoked"
        return "valid" if self.expires_us is None or self.expires_us > now_us else "expired"

    def is_valid(self, now_us: int) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.status(now_us) == "valid"

    def fault(self, secret: str, now_us: int) -> str | None:
        """The reason why the token cannot be used with a secret now, or None where it can."""
        given = hashlib.sha256(secret.encode()).hexdigest()
        if not hmac.compare_digest(given, self.digest):
            return "the token is not known"
        return _FAULTS.get(self.status(now_us))


class TokenStore(Protocol):
    """The tokens of a server, wherever they are kept."""

    def tokens(self) -> list[Token]:
        """All of them with their last use, also those that cannot be used any more, oldest first."""

    def find(self, token_id: str) -> Token | None:
        """The token of that id, as of the last `refresh` at least. Every request calls it, and it never waits."""

    def refresh(self) -> None:
        """Read the tokens again, where `find` does not. A server calls it every second."""

    def close(self) -> None:
        """Close connections. They are opened again on the next use."""

    def add(self, token: Token) -> None:
        """Keep a new one. Raises `AlreadyExistsError` where `check_name_is_free` does."""

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Revoke a token from now on. Raises `NotFoundError`; one that is revoked already stays as it is."""

    def keep_uses(self, uses: Mapping[str, int]) -> None:
        """Keep when tokens were used last, by their ids, where that is `USE_STEP_US` after what is kept.

        Raises `BudgetctlError` and `OSError`.
        """


def check_name_is_free(token: Token, others: Iterable[Token]) -> None:
    """Raise `AlreadyExistsError` where a token of the same project has the name, and can still be used."""
    if token.name is None:
        return
    for other in others:
        if (other.project, other.name) == (token.project, token.name) and other.is_valid(token.created_us):
            raise AlreadyExistsError(
                f"the project {token.project} has a token {token.name!r} already, {other.token_id}",
                hint=f"budgetctl token revoke {other.token_id}",
            )


def choose(tokens: Iterable[Token], said: str, project: str, now_us: int) -> Token:
    """The token that somebody means by its id, by its name in the project, or by the first digits of its id.

    Of several of one name the valid one is meant, else the newest. Raises `NotFoundError`, and `InvalidValueError`
    where several ids begin so.
    """
    known = list(tokens)
    for token in known:
        if token.token_id == said:
            return token
    named = [token for token in known if token.name == said]
    here = [token for token in named if token.project == project]
    if here:
        return max(here, key=lambda token: (token.is_valid(now_us), token.created_us))
    begun = [token for token in known if token.token_id.startswith(said)] if len(said) >= _SHORTEST_PREFIX else []
    if len(begun) > 1:
        raise InvalidValueError(f"the ids of {len(begun)} tokens begin with {said}", hint="budgetctl token list")
    if not begun:
        elsewhere = f"; the project {named[0].project} has one" if named else ""
        raise NotFoundError(f"the project {project} has no token {said!r:.80}{elsewhere}", hint="budgetctl token list")
    return begun[0]


def new_token(
    project: str, now_us: int, *, name: str | None = None, read_only: bool = False, expires_us: int | None = None
) -> tuple[Token, str]:
    """A new token, and its text, which is given to its holder and not kept."""
    token_id, secret = secrets.token_hex(_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    digest = hashlib.sha256(secret.encode()).hexdigest()
    token = Token(token_id, project, digest, read_only, now_us, expires_us, name=name)
    return token, f"{_PREFIX}_{token_id}_{secret}"


def is_whole(text: str) -> bool:
    """Whether a text is a token as `new_token` makes them, from its first letter to its last."""
    return _WHOLE.fullmatch(text) is not None


def parse_token(text: str) -> tuple[str, str] | None:
    """The id and the secret in the text of a token; None where the text is not of that form."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    return (token_id, secret) if prefix == _PREFIX and token_id and secret and text.isascii() else None
