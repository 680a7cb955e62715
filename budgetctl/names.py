"""What users and projects may be called."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from budgetctl.errors import InvalidValueError

MAX_LENGTH = 256

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters forge lines in a terminal; a lone surrogate is no UTF-8. No database takes either."""


def check_user(user: Any) -> str:
    """The user's name. `int` and `UUID` are taken as text, as keys of litellm's dictionary often are."""
    if isinstance(user, (int, UUID)) and not isinstance(user, bool):
        user = str(user)
    if not isinstance(user, str):
        raise InvalidValueError(f"{user!r} is not a user: pass text, an int or a UUID")
    return _checked(user, "user")


def check_project(name: Any) -> str:
    """The project's name."""
    if not isinstance(name, str):
        raise InvalidValueError(f"{name!r} is not a project name: pass text")
    return _checked(name, "project name")


def _checked(name: str, what: str) -> str:
    if not name.strip():
        raise InvalidValueError(f"the {what} is empty")
    if len(name) > MAX_LENGTH:
        raise InvalidValueError(f"the {what} {name[:40]!r}… has {len(name)} characters: at most {MAX_LENGTH}")
    if _UNSTORABLE.search(name):
        raise InvalidValueError(f"the {what} {name!r} has a control character or a lone surrogate in it")
    return name
