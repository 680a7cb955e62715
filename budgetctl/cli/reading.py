"""Input that commands read: files, stdin, and JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from budgetctl.errors import InvalidResponseError, InvalidValueError
from budgetctl.files.opening import read_regular

_JSON = re.compile(r"\s*[{\[]")
"""The beginnings of JSON, which no name of a file has."""
_DOCUMENT = re.compile(r"\s*(?:\{|\[\s*\{|data:|event:)")
"""The beginnings of responses and saved streams, which no name of a file has."""


def read_text(source: str) -> str:
    """The text of a file, or of stdin for `-`. Raises `InvalidValueError` when it cannot be read."""
    from budgetctl.pricing.reading.saved import decode_text

    return _decoded(source, decode_text)


def read_report(path: Path) -> str:
    """The text that a program has written to a file of that name; empty where it has made no file.

    Raises `InvalidValueError` where the name is not that of a file: a pipe would be waited for, a device has no end.
    """
    from budgetctl.pricing.reading.saved import MAX_BYTES, decode_text

    try:
        content = read_regular(path, MAX_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise InvalidValueError(f"cannot read {path}: {error.strerror}") from error
    return _text(str(path), content, decode_text)


class SeveralResponsesError(InvalidResponseError):
    """A text is not one response but several documents. `text` is all of it."""

    def __init__(self, error: InvalidResponseError, text: str) -> None:
        super().__init__(error.message, hint=error.hint)
        self.text = text


def read_response_text(source: str) -> str:
    """The text of a response: from a file, from stdin for `-`, or the source itself where it is one."""
    from budgetctl.pricing.reading.saved import decode

    return source if _DOCUMENT.match(source) else _decoded(source, decode)


def read_response(source: str, text: str | None = None) -> Any:
    """The response or saved stream of a source, or in `text`, where that was read from it.

    Raises `InvalidResponseError`, which names the source.
    """
    from budgetctl.pricing import read_document

    try:
        return read_document(read_response_text(source) if text is None else text)
    except InvalidResponseError as error:
        error.message = named(source, error.message)
        raise


def named(source: str, message: str) -> str:
    """A message about the response of a source, behind the name of the source where it has one."""
    return message if _DOCUMENT.match(source) else f"{_name(source)}: {message}"


def _decoded(source: str, decode: Callable[[bytes], str]) -> str:
    return _text(source, _content(source), decode)


def _text(source: str, content: bytes, decode: Callable[[bytes], str]) -> str:
    try:
        return decode(content)
    except InvalidResponseError as error:
        raise InvalidValueError(f"{_name(source)} {error.message}", hint=error.hint) from error


def _content(source: str) -> bytes:
    from budgetctl.pricing.reading.saved import MAX_BYTES

    try:
        if source == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValueError(f"cannot read {_name(source)}: {reason}") from error
    if len(content) > MAX_BYTES:
        raise InvalidValueError(f"{_name(source)} is larger than {MAX_BYTES // 2**20} MiB")
    return content


def read_json(source: str) -> Any:
    """The JSON document in a file, in stdin for `-`, or in the text itself where it is one."""
    is_inline = _JSON.match(source) is not None
    text = source if is_inline else read_text(source)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{'this' if is_inline else _name(source)} is not JSON: {error}") from error


def _name(source: str) -> str:
    return "stdin" if source == "-" else source
