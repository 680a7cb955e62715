"""`budgetctl list`."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.budgets import BUDGET_COLUMNS, BUDGET_FIELDS, budget_document


def list_budgets(
    session: Session,
    over: Annotated[
        bool, typer.Option("--over", help="Only those with nothing left, be it of a parent's or the cap.")
    ] = False,
    due: Annotated[bool, typer.Option("--due", help="Only those whose window has passed.")] = False,
    sort: Annotated[
        Literal["user", "spent", "remaining", "budget"],
        typer.Option(
            "--sort",
            metavar="KEY",
            help="user, or most spent, least remaining or largest budget first.",
        ),
    ] = "user",
    max_: options.Max = None,
    after: Annotated[str | None, typer.Option("--after", metavar="USER", help="Continue behind this user.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the users, a line each.")] = False,
) -> None:
    """List the budgets of the project.

    $ budgetctl list --over
    $ budgetctl list --sort spent --max 10
    $ budgetctl list --quiet | xargs -n 1 budgetctl show
    """
    session.manager.require_project()
    budgets = session.manager.budgets(after=after, sort=sort, over=over, due=due)
    documents = map(budget_document, itertools.islice(budgets, max_))
    if (quiet or session.output.quiet) and session.output.format == "table":
        session.output.names(documents, "user")
    elif not session.output.documents(documents, BUDGET_COLUMNS, BUDGET_FIELDS):
        narrowed = over or due or after is not None
        session.note("no budget is like that" if narrowed else "no budgets yet: budgetctl create alice --budget 10")
