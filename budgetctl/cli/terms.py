"""The options that say how a limit is kept, as groups that several commands take."""

from __future__ import annotations

from typing import NamedTuple

from budgetctl.cli import options
from budgetctl.errors import InvalidValueError


class Window(NamedTuple):
    """How long a limit's windows are, and where they begin."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None


class Terms(NamedTuple):
    """The terms of a budget, beside its amount."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None
    parent: options.Parent = None
    warn_at: options.WarnAt = None


def stated_amount(amount: str | None, budget: str | None, *, hint: str | None = None) -> str | None:
    """What was given as AMOUNT or as --budget, None where nothing was. Raises `InvalidValueError` for both."""
    if amount is not None and budget is not None:
        raise InvalidValueError(f"two amounts were given: {amount!r} and --budget {budget!r}", hint=hint)
    return amount if budget is None else budget
