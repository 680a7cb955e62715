"""`budgetctl limit`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.suggesting import unknown_pattern
from budgetctl.cli.terms import Window, note_no_window
from budgetctl.cli.views.budgets import LIMIT_COLUMNS, LIMIT_FIELDS, budget_document, limit_document, limits_of


def add(
    session: Session,
    user: options.User,
    amount: options.Amount,
    *,
    window: Window,
    models: Annotated[
        str | None, typer.Option("--model", metavar="PATTERN", help="Only for these models, as in 'gpt-4o*'.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What it is called.")] = None,
) -> None:
    """Give a user another limit.

    $ budgetctl limit add alice 1 --duration daily
    $ budgetctl limit add alice 5 --duration monthly --model 'gpt-4o*' --name big

    A charge counts against every limit that it matches, and is allowed only if all of them allow it. What was spent or
    set aside before does not count. A pattern holds for a model whoever sells it (openai/gpt-4o, azure/gpt-4o), and
    whatever its version (gpt-4o-2024-08-06); one that names the seller, as in 'azure/*', for that one's models.
    Without --duration it never resets. Its --timezone is by default that of the budget.
    """
    budget = session.manager.add_limit(user, amount, **window._asdict(), models=models, name=name)
    session.output.document(budget_document(budget), lambda: limits_of(budget, session.store.now_us()))
    added = [each.limit for each in budget.standings if each.user == budget.user][-1]
    note_no_window(session, window.align, added)
    if window.duration is None and window.align is None and budget.limit.duration is not None:
        own = budget.limit.duration
        session.note(f"the limit {added.name} never resets, though the budget does: --duration {own} is for that")
    remark = None if models is None or session.output.quiet else unknown_pattern(models)
    if remark is not None:
        session.note(remark)


def remove(
    session: Session,
    user: options.User,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The limit, as show names it.")],
) -> None:
    """Take a limit away.

    $ budgetctl limit remove alice big

    Its history stays. The one that every budget has stays too: set changes it.
    """
    budget = session.manager.remove_limit(user, name)
    session.output.document(budget_document(budget), lambda: limits_of(budget, session.store.now_us()))


def list_limits(session: Session, user: options.User) -> None:
    """List all limits that a user's charges may count against.

    $ budgetctl limit list alice

    The user's own come first, then those of everybody above, and the project's.
    """
    budget = session.manager.budget(user)
    session.output.documents(map(limit_document, budget.standings), LIMIT_COLUMNS, LIMIT_FIELDS)


limit = {"add": add, "list": list_limits, "remove": remove}
