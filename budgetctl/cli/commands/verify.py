"""`budgetctl verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli.session import Session
from budgetctl.cli.views.differences import DIFFERENCE_COLUMNS, DIFFERENCE_FIELDS, difference_document


def verify(
    session: Session,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set the counters to the sums of their entries, which stay as they are.")
    ] = False,
) -> None:
    """Check that all counters are the sums of their entries; exit code 1 and a line for each that is not.

    $ budgetctl verify
    $ budgetctl verify --repair

    Before that the file itself is checked, by SQLite. One that is damaged is an error, and not repaired: it is for
    budgetctl restore.
    """
    session.manager.require_project()
    with session.progress("verifying") as progress:
        found = progress.results(session.manager.verify(repair=repair))
        count = session.output.documents(map(difference_document, found), DIFFERENCE_COLUMNS, DIFFERENCE_FIELDS)
    if not count:
        session.note("all counters are the sums of their entries")
    elif repair:
        session.note(f"{count:,} counters were set right")
    else:
        raise typer.Exit(1)
