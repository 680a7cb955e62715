"""Documents in columns: the usage of an entry, its pricing, and callers' own keys of a budget."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from budgetctl.errors import CorruptStoreError
from budgetctl.names import MAX_DEPTH

_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]')
_LEFT_OUT = '"nested too deeply to show"'

_encode = json.JSONEncoder(separators=(",", ":")).encode


def to_json(value: Mapping[str, Any] | None) -> str | None:
    """A column's JSON; None for nothing."""
    return _encode(value) if value else None


def from_json(column: str | None, max_depth: int = MAX_DEPTH) -> dict[str, Any] | None:
    """The document of a column. Raises `CorruptStoreError`.

    Parts that are nested more deeply than is taken today, as older versions kept them, are left out: all later readers
    of a document, down to a client's program, go down by recursion.
    """
    if not column:
        return None
    if len(column) > 2 * max_depth and column.count("{") + column.count("[") > max_depth:
        column = _shallow(column, max_depth)
    try:
        document: dict[str, Any] = json.loads(column)
    except ValueError as error:
        raise CorruptStoreError(
            f"the store is damaged: {column!r:.80} is no JSON any more",
            hint="restore it from a backup: budgetctl verify says more",
        ) from error
    return document


def _shallow(text: str, max_depth: int) -> str:
    """The JSON without the parts that are too deep. A parser of all could run out of its stack."""
    pieces, depth, begin = [], 0, 0
    for token in _TOKENS.finditer(text):
        if token[0] in ("{", "["):
            depth += 1
            if depth == max_depth + 1:
                pieces += [text[begin : token.start()], _LEFT_OUT]
        elif token[0] in ("}", "]"):
            depth -= 1
            if depth == max_depth:
                begin = token.end()
    return "".join([*pieces, text[begin:]])
