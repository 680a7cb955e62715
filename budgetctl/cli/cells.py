"""The pieces of output: documents as JSON, columns of tables, and texts that do nothing to a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from budgetctl.money import Picodollars, to_text

Document = Mapping[str, Any]

_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff"
    # Invisible characters make a name look like another one: they turn the order of letters, or hide among them.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """The text without characters that act on a terminal, or hide: a name may come from a file or a response."""
    return _without_acting(text, lambda _: "\N{REPLACEMENT CHARACTER}")


def _without_acting(text: str, instead: Callable[[str], str]) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _ACTING.sub(lambda found: found[0] if _joins(found) else instead(found[0]), text)


def _joins(found: re.Match[str]) -> bool:
    """Whether the match is a joiner of two letters or pictures that are written with it; in ASCII there are none."""
    before, after = found.string[found.start() - 1 : found.start()], found.string[found.end() : found.end() + 1]
    return found[0] in _JOINERS and before > "\x7f" and after > "\x7f"


def dumps(value: Any, indent: str | None = None) -> str:
    """A document as JSON, with amounts as numbers that print exactly: `json` itself would pass them through a float."""
    if isinstance(value, Picodollars):
        return to_text(value)
    if isinstance(value, Mapping):
        items = [f"{dumps(str(key))}: {dumps(item, _deeper(indent))}" for key, item in value.items()]
        return _enclose("{}", items, indent)
    if isinstance(value, (list, tuple)):
        return _enclose("[]", [dumps(item, _deeper(indent)) for item in value], indent)
    # `json` leaves some characters as they are, though a terminal acts on them or no encoding has them.
    return _without_acting(json.dumps(value, ensure_ascii=False), lambda character: json.dumps(character)[1:-1])


def _deeper(indent: str | None) -> str | None:
    return None if indent is None else indent + "  "


def _enclose(brackets: str, items: list[str], indent: str | None) -> str:
    if indent is None or not items:
        return brackets[0] + ", ".join(items) + brackets[1]
    inner = f",\n{indent}  ".join(items)
    return f"{brackets[0]}\n{indent}  {inner}\n{indent}{brackets[1]}"


class Column(NamedTuple):
    """A column of a table: its heading, and the function that makes the text of a cell from a document.

    A number is aligned to the right. A name may be cut where the terminal is too narrow; nothing else is. Columns that
    may be `dropped` there are left out, those of the highest number first.
    """

    heading: str
    text: Callable[[Document], str]
    is_number: bool = False
    is_name: bool = False
    style: Callable[[Document], str] | None = None
    dropped: int = 0
