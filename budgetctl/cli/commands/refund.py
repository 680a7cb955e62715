"""`budgetctl refund`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.charges import refund_document, refunded
from budgetctl.errors import InvalidValueError


def refund(
    session: Session,
    user: options.User,
    entry: Annotated[
        int | None,
        typer.Argument(metavar="[ENTRY]", parser=options.at_least(1), show_default=False, help="Its number."),
    ] = None,
    cost: Annotated[str | None, typer.Option("--cost", metavar="USD", help="So much, and not all of it.")] = None,
    note: options.Note = None,
) -> None:
    """Take back what an entry cost, or an amount of what was spent in this window.

    $ budgetctl refund alice 12
    $ budgetctl refund alice 12 --cost 0.05 --note "by invoice"
    $ budgetctl refund alice --cost 0.05

    History stays as it is: a refund is an entry of its own, and counts where the refunded one does. Of a window that
    has closed, that is history only. All refunds of an entry together never exceed it.
    """
    if entry is None and cost is None:
        raise InvalidValueError("nothing to refund was given", hint="budgetctl history alice --kind spend")
    charge = session.manager.refund(user, entry, amount=cost, note=note)
    session.output.document(refund_document(charge), lambda: refunded(charge, session.store.now_us()))
