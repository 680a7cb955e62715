"""The options for the terms of a limit, as groups that several commands take."""

from __future__ import annotations

from typing import NamedTuple

from budgetctl.cli import options


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
