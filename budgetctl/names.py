"""The names that users, projects, models and limits may have, and the bounds of a caller's text and documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from budgetctl.errors import InvalidValueError

DEFAULT_PROJECT = "default"
"""The project of those who name none."""

MAX_LENGTH = 256
MAX_TEXT_LENGTH = 1_000
"""In characters, each of which has up to four bytes in UTF-8."""

MAX_CALLED = 8
"""How many more names a call may have for its model."""

MAX_MODEL_BYTES = 1_000
"""A model's name and the pattern that it is matched with stand in one row of an index, for which PostgreSQL has some
2,700 bytes."""

MAX_DEPTH = 64
MAX_DOCUMENT_BYTES = 65_536
"""Of a caller's document: everybody who reads a page of entries or budgets reads a thousand of them."""

MAX_PERCENT = 1_000
MAX_THRESHOLDS = 10

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters forge lines in a terminal; a lone surrogate is no UTF-8. No database takes either."""


def check_user(user: Any) -> str:
    """The user's name. `int` and `UUID` are taken as text, as keys of litellm's dictionary often are."""
    if not is_user(user):
        raise InvalidValueError(f"{user!r:.80} is not a user: pass text, an int or a UUID")
    return _checked(user_name(user), "user", MAX_LENGTH)


def is_user(value: Any) -> bool:
    """Whether the value is of a type that names a user."""
    if isinstance(value, str):
        return True
    from uuid import UUID

    return isinstance(value, (int, UUID)) and not isinstance(value, bool)


def user_name(user: Any) -> str:
    """The text of a value that names a user. Of a member of an enumeration that is its value, as in JSON."""
    if isinstance(user, str):
        return str.__str__(user)
    return int.__repr__(user) if isinstance(user, int) else str(user)


def check_project(name: Any) -> str:
    """The project's name."""
    return _checked(_text(name, "a project name"), "project name", MAX_LENGTH)


def check_model(name: Any) -> str:
    """A model's name, or a pattern for them."""
    checked = _checked(_text(name, "the name of a model"), "model", MAX_TEXT_LENGTH)
    if not checked.isascii() and (size := len(checked.encode())) > MAX_MODEL_BYTES:
        raise InvalidValueError(f"the model {checked[:40]!r}… has {size} bytes in UTF-8: at most {MAX_MODEL_BYTES}")
    return checked


def is_model(name: Any) -> bool:
    """Whether a value can be a model's name."""
    try:
        check_model(name)
    except InvalidValueError:
        return False
    return True


def check_name(name: Any) -> str:
    """The name of a limit."""
    return _checked(_text(name, "the name of a limit"), "limit", MAX_LENGTH)


def check_token(name: Any) -> str:
    """The name of a token."""
    return _checked(_text(name, "the name of a token"), "name of a token", MAX_LENGTH)


def check_hold(name: Any) -> str:
    """The id of a hold."""
    return _checked(_text(name, "the id of a hold"), "hold", MAX_LENGTH)


def check_note(note: Any) -> str:
    """A note that is kept with an entry."""
    return _storable(_text(note, "a note"), "note", MAX_TEXT_LENGTH)


def check_percents(values: Sequence[Any]) -> tuple[int, ...]:
    """Percents of an amount, from 1 to 1000, each once and lowest first."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PERCENT:
            raise InvalidValueError(f"{value!r:.80} is no threshold: give a whole percent from 1 to {MAX_PERCENT}")
    if not values or len(set(values)) > MAX_THRESHOLDS:
        raise InvalidValueError(f"a limit has from 1 to {MAX_THRESHOLDS} thresholds, not {len(values)}")
    return tuple(sorted(set(values)))


def check_document(value: Any, what: str) -> dict[str, Any]:
    """A copy of a caller's dictionary as it is once it has been stored as JSON."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"the {what} {value!r:.80} is no dictionary")
    try:
        text = json.dumps(dict(value), allow_nan=False)
        document: dict[str, Any] = json.loads(text)
    except RecursionError as error:
        raise _too_deep(what) from error
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"the {what} cannot be stored as JSON: {error}") from error
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidValueError(f"the {what} has {len(text):,} bytes as JSON: at most {MAX_DOCUMENT_BYTES:,}")
    if len(text) > 2 * MAX_DEPTH and text.count("{") + text.count("[") > MAX_DEPTH and _is_deep(document):
        raise _too_deep(what)
    return document


def _too_deep(what: str) -> InvalidValueError:
    return InvalidValueError(f"the {what} is nested too deeply: at most {MAX_DEPTH} levels are kept")


def _is_deep(document: Any) -> bool:
    """Whether objects and arrays are nested more deeply than a store keeps them."""
    level = [document]
    for _ in range(MAX_DEPTH):
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for values in inner for each in values if isinstance(each, (dict, list))]
    return bool(level)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidValueError(f"{value!r:.80} is not {what}: pass text")
    return value


def _checked(name: str, what: str, max_length: int) -> str:
    if not name.strip():
        raise InvalidValueError(f"the {what} is empty")
    return _storable(name, what, max_length)


def _storable(text: str, what: str, max_length: int) -> str:
    """The text, if it is within the length, and without characters that act on a terminal."""
    if len(text) > max_length:
        raise InvalidValueError(f"the {what} {text[:40]!r}… has {len(text)} characters: at most {max_length}")
    if _UNSTORABLE.search(text):
        raise InvalidValueError(f"the {what} {text[:80]!r} has a control character or a lone surrogate in it")
    return text
