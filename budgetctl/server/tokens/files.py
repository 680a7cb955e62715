"""Tokens in a file beside the stores."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetctl.errors import CorruptStoreError, NotFoundError
from budgetctl.files.opening import open_regular
from budgetctl.files.replacing import locked, replace
from budgetctl.server.tokens.token import USE_STEP_US, Token, check_name_is_free

_State = tuple[int, int, int]
"""By which a file is told from the one that was there before: time, size and inode."""


class FileTokens:
    """Tokens in a file of their own beside the stores, readable by its owner only.

    Their last uses are in another one, at `uses_path`: what is written by the minute is not what opens the server.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.uses_path = path.with_suffix(".used.json")
        # Together, as threads read them: tokens that are older than their state would never be looked at again.
        self._known: tuple[_State | None, dict[str, Token]] = (None, {})

    def tokens(self) -> list[Token]:
        """All tokens."""
        uses = self._uses()
        return [token._replace(used_us=uses.get(token.token_id)) for token in self._loaded().values()]

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
            tokens = self._loaded()
            check_name_is_free(token, tokens.values())
            self._write({**tokens, token.token_id: token})

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

    def keep_uses(self, uses: Mapping[str, int]) -> None:
        """Keep when tokens were used last, in one write."""
        with locked(self.path):
            kept = self._uses()
            due = {each: used for each, used in uses.items() if used - kept.get(each, 0) >= USE_STEP_US}
            if due:
                known = self._loaded()
                content = {each: used for each, used in {**kept, **due}.items() if each in known}
                replace(self.uses_path, json.dumps({"used_us": content}, indent=1).encode())

    def _uses(self) -> dict[str, int]:
        """When tokens were used last, by their ids. A file that cannot be read says nothing, and is replaced."""
        try:
            with open_regular(self.uses_path) as file:
                uses: dict[str, Any] = json.load(file)["used_us"]
            return {each: int(used) for each, used in uses.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _loaded(self) -> dict[str, Token]:
        known, tokens = self._known
        try:
            status = os.stat(self.path)  # noqa: PTH116  # at every request: a Path takes twice the time
        except FileNotFoundError:
            self._known = (None, {})
            return {}
        state = (status.st_mtime_ns, status.st_size, status.st_ino)
        if state != known:
            tokens = {token.token_id: token for token in self._read()}
            self._known = (state, tokens)
        return tokens

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
        content = {"tokens": [_document(token) for token in tokens.values()]}
        replace(self.path, json.dumps(content, indent=1).encode())


def _document(token: Token) -> dict[str, Any]:
    """What the file has of a token. A name only where there is one: a program of before knows none."""
    document = token._asdict()
    del document["used_us"]
    if token.name is None:
        del document["name"]
    return document
