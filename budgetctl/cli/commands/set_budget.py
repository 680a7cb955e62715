"""`budgetctl set`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.terms import Terms, note_no_window
from budgetctl.cli.views.budgets import budget_document, changed
from budgetctl.errors import InvalidValueError


def set_budget(
    session: Session,
    user: options.User,
    amount: options.Budget = None,
    *,
    terms: Terms,
    no_parent: Annotated[bool, typer.Option("--no-parent", help="Let nobody stand above.")] = False,
) -> None:
    """Change a budget; what is not given stays as it is, and what was spent is kept.

    $ budgetctl set alice --budget 20
    $ budgetctl set alice --duration weekly

    A new amount leaves the window alone. A new duration, alignment or zone begins a window of that kind, and takes
    what was spent over into it.
    """
    if terms.parent is not None and no_parent:
        raise InvalidValueError("--parent and --no-parent contradict each other: give one of them")
    wanted = {
        "amount": amount,
        **terms._asdict(),
        "parent": "" if no_parent else terms.parent,
        "warn_at": terms.warn_at or None,
    }
    if all(value is None for value in wanted.values()):
        raise InvalidValueError("nothing to change was given", hint=f"budgetctl set {shlex.quote(user)} --budget 20")
    made = session.manager.set(user, **wanted)
    session.output.document(budget_document(made), lambda: changed(made, session.store.now_us()))
    note_no_window(session, terms.align, made.limit)
