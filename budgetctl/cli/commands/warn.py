"""`budgetctl warn`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options, problems
from budgetctl.cli.session import Session
from budgetctl.cli.telling import Telling, words_of
from budgetctl.cli.views.crossings import CROSSING_COLUMNS, CROSSING_FIELDS, crossing_document


def warn(
    session: Session,
    program: Annotated[
        str | None, typer.Option("--exec", metavar="CMD", help="Hand each to a command, as JSON on its stdin.")
    ] = None,
    dry_run: options.DryRun = False,
) -> None:
    """List who is past a threshold and was not told so in this window. Silent when there is nobody.

    $ budgetctl warn
    $ budgetctl warn --exec "notify-send --app-name=budgetctl"

    Thresholds are set by create --warn-at 50 --warn-at 80. The command of --exec is run once for each, not by a
    shell, and for 30 seconds at most; who could not be handed over is listed again the next time, and the exit code
    is 1. When warn itself is killed, whoever may not have been told is listed again after a minute.

    In a crontab, every five minutes:  */5 * * * *  budgetctl warn
    """
    session.manager.require_project()
    telling = Telling(session.manager, None if program is None else words_of(program))
    crossings = session.manager.crossings() if dry_run else telling.crossings()
    session.output.documents(map(crossing_document, crossings), CROSSING_COLUMNS, CROSSING_FIELDS)
    telling.finish()
    problems.warn(*telling.failed)
    if telling.failed:
        raise typer.Exit(1)
