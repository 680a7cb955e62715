"""`budgetctl holds`."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.holds import HOLD_FIELDS, hold_columns, hold_document


def holds(
    session: Session,
    user: options.OptionalUser = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that were resolved or have expired, too.")] = False,
    max_: options.Max = None,
) -> None:
    """List what is set aside, of one user or of all.

    $ budgetctl holds alice

    A hold's age may tell of a call that is over and was never resolved. It counts until it expires, at the latest.
    """
    session.manager.require_project()
    columns = hold_columns(session.store.now_us)
    found = itertools.islice(session.manager.holds(user, resolved=everything), max_)
    if not session.output.documents(map(hold_document, found), columns, HOLD_FIELDS):
        session.note("nothing is set aside")
