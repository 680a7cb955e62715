"""The options for the terms of a limit, as groups that several commands take."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from budgetctl.cli import options

if TYPE_CHECKING:
    from budgetctl.cli.session import Session
    from budgetctl.ledger.values import Limit


class Window(NamedTuple):
    """The options for the windows of a limit: their length, alignment and zone."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None


def note_no_window(session: Session, align: str | None, limit: Limit) -> None:
    """Note that windows were to be aligned where there are none, as no duration was given."""
    if align is not None and limit.duration is None:
        session.note(f"--align {align} does nothing without a --duration: it never resets")


class Terms(NamedTuple):
    """The options for the terms of a budget beside its amount."""

    duration: options.Duration = None
    align: options.Align = None
    timezone: options.Timezone = None
    parent: options.Parent = None
    warn_at: options.WarnAt = None
