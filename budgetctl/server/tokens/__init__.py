"""Tokens: who may use a server, for which project, and whether to change anything.

A token is `bctl_<id>_<secret>`; what is kept of the secret's 256 random bits is their SHA-256.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from budgetctl.directories import data_directory
from budgetctl.errors import CorruptStoreError, NotFoundError
from budgetctl.pricing.prices.price_files import locked, replace
from budgetctl.stores import open_store
from budgetctl.stores.location import is_database, is_directory, store_path

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


class FileTokens:
    """Tokens in a file of their own beside the stores, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def tokens(self) -> list[Token]:
        """All of them."""
        return list(self._loaded().values())

    def find(self, token_id: str) -> Token | None:
        """The token of that id. What another process has changed counts at once."""
        return self._loaded().get(token_id)

    def refresh(self) -> None:
        """Nothing: `find` looks at the file."""

    def close(self) -> None:
        """Nothing: no file stays open."""

    def add(self, token: Token) -> None:
        """Keep a new one."""
        with locked(self.path):
            self._write({**self._loaded(), token.token_id: token})

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Let it not be used from now on."""
        with locked(self.path):
            tokens = dict(self._loaded())
            found = tokens.get(token_id)
            if found is None:
                raise NotFoundError(f"there is no token {token_id!r:.80}", hint="budgetctl token list")
            if found.revoked_us is None:
                found = tokens[token_id] = found._replace(revoked_us=now_us)
                self._write(tokens)
        return found

    def _loaded(self) -> dict[str, Token]:
        try:
            status = os.stat(self.path)  # noqa: PTH116  # at every request: a Path takes twice the time
        except FileNotFoundError:
            self._state, self._tokens = None, {}
            return self._tokens
        state = (status.st_mtime_ns, status.st_size, status.st_ino)
        if state != self._state:
            self._tokens = {token.token_id: token for token in self._read()}
            self._state = state
        return self._tokens

    def _read(self) -> list[Token]:
        try:
            documents: list[dict[str, Any]] = json.loads(self.path.read_bytes())["tokens"]
            return [Token(**document) for document in documents]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStoreError(
                f"{self.path} holds no tokens of budgetctl; it was left as it is", hint="restore it from a backup"
            ) from error

    def _write(self, tokens: dict[str, Token]) -> None:
        content = {"tokens": [token._asdict() for token in tokens.values()]}
        replace(self.path, json.dumps(content, indent=1).encode())


def open_tokens(location: str | os.PathLike[str] | None) -> TokenStore:
    """The tokens for the stores at a location as `--store` names it."""
    if is_database(location):
        open_store(location, "default")  # which says it when psycopg is not there
        from budgetctl.server.tokens.postgres import PostgresTokens

        return PostgresTokens(str(location))
    if location is not None and not is_directory(location):
        path = store_path(location, "default")
        return FileTokens(path.with_name(path.name + ".tokens.json"))
    # No project's file: those end in `.db`.
    return FileTokens((data_directory() if location is None else Path(location).expanduser()) / "tokens.json")
