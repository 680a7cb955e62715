"""The options for the terms of a limit, as groups that several commands take."""

from __future__ import annotations

from typing import NamedTuple

from budgetctl.cli import options
from budgetctl.errors import InvalidValueError


class Window(NamedTuple):
    """The options for the windows of a limit: their length, alignment and zone."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None


class Terms(NamedTuple):
    """The options for the terms of a budget beside its amount."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None
    parent: options.Parent = None
    warn_at: options.WarnAt = None


def stated_amount(amount: str | None, budget: str | None, *, hint: str | None = None) -> str | None:
    """The amount that was given as AMOUNT or as --budget, None without one. Raises `InvalidValueError` for both."""
    if amount is not None and budget is not None:
        raise InvalidValueError(f"two amounts were given: {amount!r} and --budget {budget!r}", hint=hint)
    return amount if budget is None else budget
