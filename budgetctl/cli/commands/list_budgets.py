"""`budgetctl list`."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

import typer

from budgetctl.cli.columns import BUDGET_COLUMNS
from budgetctl.cli.documents import BUDGET_FIELDS, budget_document
from budgetctl.cli.problems import note
from budgetctl.cli.session import Session


def list_budgets(
    session: Session,
    over: Annotated[bool, typer.Option("--over", help="Only those with nothing left.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Only those whose window has passed.")] = False,
    sort: Annotated[
        Literal["user", "spent", "remaining", "budget"],
        typer.Option(
            "--sort",
            metavar="user|spent|remaining|budget",
            help="Most spent, least remaining, largest budget first.",
        ),
    ] = "user",
    max_: Annotated[int | None, typer.Option("--max", metavar="N", min=1, help="At most so many.")] = None,
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
    if quiet or session.output.quiet:
        session.output.names(documents, "user")
    elif not session.output.documents(documents, BUDGET_COLUMNS, BUDGET_FIELDS):
        note("no budget is like that" if over or due or after else "no budgets yet: budgetctl create alice --budget 10")
