"""`budgetctl release`."""

from __future__ import annotations

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.holds import hold_document, let_go


def release(session: Session, hold: options.HoldId) -> None:
    """Let go of what was set aside for a call that was not made.

    $ budgetctl release "$hold"

    The same again changes nothing.
    """
    released = session.manager.release(hold)
    session.output.document(hold_document(released), lambda: let_go(released))
