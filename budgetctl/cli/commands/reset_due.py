"""`budgetctl reset-due`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.resets import RESET_COLUMNS, RESET_FIELDS, reset_document
from budgetctl.ledger.values import Reset


def reset_due(
    session: Session,
    clock_is_right: Annotated[
        bool, typer.Option("--clock-is-right", help="Also when it is years ahead of all that the ledger knows.")
    ] = False,
    dry_run: options.DryRun = False,
) -> None:
    """Reset everybody whose window has passed, and list every reset since the last time. Silent when there is none.

    $ budgetctl reset-due

    Budgets are right without it: a charge rolls a window that has passed, and show counts it as reset. This
    command makes the ledger say so for everybody, and tells. A window in which nothing was spent is not listed.

    A clock that is more than three years ahead of the ledger is not believed, and no window passes until it is set
    right, or somebody says once that it is.

    In a crontab, every hour:  0 * * * *  budgetctl reset-due
    """
    session.manager.require_project()
    resets: Iterator[Reset]
    if dry_run:
        resets = filter(lambda reset: reset.closed.spent, session.manager.due())
    else:
        with session.progress("resetting", keeps=True):
            count, resets = session.manager.reset_due(clock_is_right=clock_is_right)
        if count and sys.stderr.isatty():
            session.note(f"{count:,} windows have passed" if count > 1 else "1 window has passed")
    session.output.documents(map(reset_document, resets), RESET_COLUMNS, RESET_FIELDS)
