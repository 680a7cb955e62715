"""Variables of the environment by which budgetctl is set up."""

from __future__ import annotations

import os

from budgetctl.errors import InvalidValueError


def user_name() -> str:
    """The name of the account of the operating system under which this program runs."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # in a container, a number may have no name
        return str(os.geteuid())


def variable(name: str) -> str | None:
    """The value of a variable, or None where it is not set.

    Raises `InvalidValueError` for one that is set to nothing, as by a secret that is not there: whoever sets it means
    another store, project or token than the one that is taken without it.
    """
    value = os.environ.get(name)
    if value == "":
        raise InvalidValueError(f"{name} is set, and empty", hint=f"unset {name}, or set it to a value")
    return value
