"""The options that say how a limit is kept, as groups that several commands take."""

from __future__ import annotations

from typing import NamedTuple

from budgetctl.cli import options


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
