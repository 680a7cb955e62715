"""`budgetctl history`."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.columns import ENTRY_COLUMNS
from budgetctl.cli.documents import ENTRY_FIELDS, entry_document
from budgetctl.cli.session import Session


def history(
    session: Session,
    user: options.User,
    max_: options.Max = None,
    before: Annotated[
        int | None,
        typer.Option("--before", metavar="ENTRY", parser=options.at_least(1), help="Continue below this entry."),
    ] = None,
) -> None:
    """List a user's ledger entries, newest first; those of a deleted budget too.

    $ budgetctl history alice --max 20
    $ budgetctl history alice --format csv > alice.csv
    """
    entries = itertools.islice(session.manager.history(user, before=before), max_)
    if not session.output.documents(map(entry_document, entries), ENTRY_COLUMNS, ENTRY_FIELDS):
        session.note(f"nothing was charged to {user} yet")
