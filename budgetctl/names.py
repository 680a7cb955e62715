"""What users and projects may be called."""

from __future__ import annotations

import re
from typing import Any

from budgetctl.errors import InvalidValueError

MAX_LENGTH = 256

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters forge lines in a terminal; a lone surrogate is no UTF-8. No database takes either."""


def check_user(user: Any) -> str:
    """The user's name. `int` and `UUID` are taken as text, as keys of litellm's dictionary often are."""
    if not is_user(user):
        raise InvalidValueError(f"{user!r:.80} is not a user: pass text, an int or a UUID")
    return _checked(str(user), "user")


def is_user(value: Any) -> bool:
    """Whether the value is of a type that names a user."""
    if isinstance(value, str):
        return True
    from uuid import UUID

    return isinstance(value, (int, UUID)) and not isinstance(value, bool)


def check_project(name: Any) -> str:
    """The project's name."""
    if not isinstance(name, str):
        raise InvalidValueError(f"{name!r:.80} is not a project name: pass text")
    return _checked(name, "project name")


def check_text(text: str, what: str, max_length: int) -> str:
    """A model's name or a note: shorter than `max_length`, and nothing in it that acts on a terminal."""
    if len(text) > max_length:
        raise InvalidValueError(f"the {what} {text[:40]!r}… has {len(text)} characters: at most {max_length}")
    if _UNSTORABLE.search(text):
        raise InvalidValueError(f"the {what} {text[:80]!r} has a control character or a lone surrogate in it")
    return text


def _checked(name: str, what: str) -> str:
    if not name.strip():
        raise InvalidValueError(f"the {what} is empty")
    return check_text(name, what, MAX_LENGTH)
