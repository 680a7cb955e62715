"""Input that commands read: files, stdin, and JSON."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from budgetctl.errors import InvalidResponseError, InvalidValueError

_MAX_BYTES = 64 * 2**20
_JSON = re.compile(r"\s*[{\[]")
"""How JSON begins, and no name of a file."""
_DOCUMENT = re.compile(r"\s*(?:\{|\[\s*\{|data:|event:)")
"""How a response or a saved stream begins, and no name of a file."""
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""PowerShell's `>` writes UTF-16."""


def read_text(source: str) -> str:
    """The text of a file, or of stdin for `-`. Raises `InvalidValueError` when it cannot be read."""
    name = _name(source)
    try:
        if source == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValueError(f"cannot read {name}: {reason}") from error
    if len(content) > _MAX_BYTES:
        raise InvalidValueError(f"{name} is larger than {_MAX_BYTES // 2**20} MiB")
    encoding = next((encoding for bom, encoding in _BOMS if content.startswith(bom)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"{name} is not text in UTF-8: byte {error.start} does not fit") from error


def read_response(source: str) -> Any:
    """A provider's response or saved stream: of a file, of stdin for `-`, or the text itself when it is one."""
    from budgetctl.pricing import read_document

    if _DOCUMENT.match(source):
        return read_document(source)
    text = read_text(source)
    try:
        return read_document(text)
    except InvalidResponseError as error:
        raise InvalidResponseError(f"{_name(source)}: {error.message}", hint=error.hint) from error


def read_json(source: str) -> Any:
    """The JSON document of a file, of stdin for `-`, or the text itself when it is one."""
    is_inline = _JSON.match(source) is not None
    text = source if is_inline else read_text(source)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{'this' if is_inline else _name(source)} is not JSON: {error}") from error


def _name(source: str) -> str:
    return "stdin" if source == "-" else source
