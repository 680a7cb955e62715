"""`budgetctl create`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.terms import Terms, note_no_window
from budgetctl.cli.views.budgets import budget_document, created
from budgetctl.errors import AlreadyExistsError, InvalidValueError
from budgetctl.ledger.store import IfExists


def create(
    session: Session,
    user: options.User,
    amount: options.Budget = None,
    *,
    terms: Terms,
    if_not_exists: Annotated[bool, typer.Option("--if-not-exists", help="Leave an existing budget as it is.")] = False,
) -> None:
    """Create a user's budget.

    $ budgetctl create alice 10
    $ budgetctl create bob --budget 25 --duration monthly --align calendar

    Without --duration it never resets. Windows are counted from now on, or with --align calendar from midnight,
    Monday, or the 1st of the month, quarter or year, on the clock of --timezone. With --parent, what is spent counts
    against the limits of that user too, and of those above.
    """
    if amount is None:
        raise InvalidValueError("no amount was given", hint=f"budgetctl create {shlex.quote(user)} --budget 10")
    if_exists: IfExists = "keep" if if_not_exists else "error"
    try:
        made, is_new = session.manager.create(user, amount, **terms._asdict(), if_exists=if_exists)
    except AlreadyExistsError as error:
        error.message += " (--if-not-exists accepts it)"
        raise
    session.output.document(budget_document(made), lambda: created(made, is_new, session.store.now_us()))
    note_no_window(session, terms.align, made.limit)
    if is_new and not made.limit.amount:
        session.note(
            "the budget is $0: nothing may be spent. In a shell, write an amount as 10 or '$10'; \"$10\" becomes 0"
        )
