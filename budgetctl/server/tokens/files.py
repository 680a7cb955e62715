"""Tokens in a file beside the stores."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from budgetctl.errors import CorruptStoreError, NotFoundError
from budgetctl.files.opening import open_regular
from budgetctl.files.replacing import locked, replace
from budgetctl.server.tokens.token import Token


class FileTokens:
    """Tokens in a file beside the stores, which only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def tokens(self) -> list[Token]:
        """All tokens."""
        return list(self._loaded().values())

    def find(self, token_id: str) -> Token | None:
        """The token of that id, also one that another process has only just added or revoked."""
        return self._loaded().get(token_id)

    def refresh(self) -> None:
        """Do nothing: `find` looks at the file."""

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def add(self, token: Token) -> None:
        """Add a token."""
        with locked(self.path):
            self._write({**self._loaded(), token.token_id: token})

    def revoke(self, token_id: str, now_us: int) -> Token:
        """Revoke a token from now on. Raises `NotFoundError`."""
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
            with open_regular(self.path) as file:
                documents: list[dict[str, Any]] = json.load(file)["tokens"]
            return [Token(**document) for document in documents]
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStoreError(
                f"{self.path} holds no tokens of budgetctl; it was left as it is", hint="restore it from a backup"
            ) from error

    def _write(self, tokens: dict[str, Token]) -> None:
        content = {"tokens": [token._asdict() for token in tokens.values()]}
        replace(self.path, json.dumps(content, indent=1).encode())
