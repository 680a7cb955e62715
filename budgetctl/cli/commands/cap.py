"""`budgetctl cap`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.terms import Window, note_no_window
from budgetctl.cli.views.budgets import budget_document, capped
from budgetctl.errors import InvalidValueError, NotFoundError, UnknownUserError


def cap(
    session: Session,
    amount: options.Budget = None,
    *,
    window: Window,
    reset: Annotated[bool, typer.Option("--reset", help="Start again from nothing spent.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
) -> None:
    """Set a budget for the whole project, against which every charge counts; or show it.

    $ budgetctl cap 500 --duration monthly
    $ budgetctl cap --json
    """
    if sum((remove, reset, amount is not None)) > 1:
        raise InvalidValueError("an amount, --reset and --remove contradict each other: give one of them")
    if amount is None and any(given is not None for given in window):
        raise InvalidValueError("no amount was given", hint="budgetctl cap 500 --duration monthly")
    try:
        if reset:
            session.manager.reset_cap()
        budget = session.manager.cap(amount, **window._asdict())
        if remove:
            session.manager.remove_cap()
    except UnknownUserError as error:
        raise NotFoundError("the project has no cap", hint="budgetctl cap 500 --duration monthly") from error
    text = "the project has no cap any more" if remove else capped(budget, session.store.now_us())
    session.output.document(budget_document(budget), lambda: text)
    note_no_window(session, window.align, budget.limit)
