"""`budgetctl warn`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options, problems
from budgetctl.cli.session import Session
from budgetctl.cli.telling import Telling, words_of
from budgetctl.cli.views import columns as columns_of
from budgetctl.cli.views.crossings import CROSSING_COLUMNS, CROSSING_FIELDS


def warn(
    session: Session,
    program: Annotated[
        str | None, typer.Option("--exec", metavar="CMD", help="Hand each to a command, as JSON on its stdin.")
    ] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="Of all projects of the store.")] = False,
    dry_run: options.DryRun = False,
) -> None:
    """List who is past a threshold and was not told so in this window. Silent when there is nobody.

    $ budgetctl warn
    $ budgetctl warn --exec "tee -a warnings.jsonl"
    $ budgetctl warn --all-projects

    Thresholds are 80 and 100 percent, or those of create --warn-at 50 --warn-at 90%. The command of --exec is run
    once for each, not by a shell, and for 30 seconds at most; who could not be handed over is listed again the next
    time, and the exit code is 1. When warn itself is killed, whoever may not have been told is listed again after a
    minute.

    In a crontab, every five minutes:  */5 * * * *  budgetctl warn
    """
    command = None if program is None else words_of(program)
    if not all_projects:
        session.manager.require_project()
    managers = session.all_managers() if all_projects else [session.manager]
    telling = Telling(managers, command, dry_run=dry_run, goes_on=all_projects)
    columns = [columns_of.name("project"), *CROSSING_COLUMNS] if all_projects else CROSSING_COLUMNS
    session.output.documents(telling.documents(), columns, CROSSING_FIELDS)
    telling.finish()
    problems.warn(*telling.failed)
    if telling.failed:
        raise typer.Exit(1)
