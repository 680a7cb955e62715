"""`budgetctl top-up`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.top_ups import TOP_UP_COLUMNS, TOP_UP_FIELDS, left_document, top_up_document, topped_up
from budgetctl.errors import InvalidValueError
from budgetctl.ledger.values import PRIMARY


def top_up(
    session: Session,
    user: options.User,
    amount: options.OptionalAmount = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="When it goes: 7d, 36h, 2026-12-01 (in the budget's zone)."),
    ] = None,
    limit: Annotated[str, typer.Option("--limit", metavar="NAME", help="Of this limit, as show names it.")] = PRIMARY,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="KEY", help="Names it: the same again adds nothing.")
    ] = None,
    note: options.Note = None,
) -> None:
    """Give a user extra money for the current window; without an amount, list what is left of it.

    $ budgetctl top-up alice 5 --note "for the demo"
    $ budgetctl top-up alice 20 --expires 7d
    $ budgetctl top-up alice

    It goes with the window; with --expires, at that time instead, however many windows pass before. It is given once,
    and not to each window: of $10 daily and a top-up of $5 for 7d, every day spends its own $10 first, and the $5 are
    for what these days spend beyond. What goes first is spent first. A manual reset keeps it.
    """
    manager, output = session.manager, session.output
    if amount is None:
        if any(given is not None for given in (expires, id_, note)):
            raise InvalidValueError("no amount was given", hint="budgetctl top-up alice 5")
        if not output.documents(map(left_document, manager.top_ups(user)), TOP_UP_COLUMNS, TOP_UP_FIELDS):
            session.note(f"{user} has no top-up that is not used up")
        return
    charge = manager.top_up(user, amount, limit=limit, expires=expires, key=id_, note=note)
    output.document(top_up_document(charge), lambda: topped_up(charge, session.store.now_us()))
