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
    entry: Annotated[str | None, typer.Argument(metavar="[ENTRY]", show_default=False, help="Its number.")] = None,
    amount: options.PartOfCost = None,
    note: options.Note = None,
) -> None:
    """Take back what an entry cost, or an amount of what was spent in this window.

    $ budgetctl refund alice 12
    $ budgetctl refund alice 11 0.05 --note "by invoice"
    $ budgetctl refund alice --cost 0.05

    History stays as it is: a refund is an entry of its own, and counts where the refunded one does. Of a window that
    has closed, that is history only. All refunds of an entry together never exceed it.
    """
    if entry is None and amount is None:
        raise InvalidValueError("nothing to refund was given", hint="budgetctl history alice --kind spend")
    number = None if entry is None else options.whole_number(entry, 1)
    charge = session.manager.refund(user, number, amount=amount, note=note)
    session.output.document(refund_document(charge), lambda: refunded(charge, session.store.now_us()))
