"""`budgetctl reset`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.resets import RESET_COLUMNS, RESET_FIELDS, reset_document, was_reset
from budgetctl.errors import InvalidValueError


def reset(
    session: Session,
    user: options.OptionalUser = None,
    all_: Annotated[bool, typer.Option("--all", help="Every user of the project.")] = False,
    yes: options.Yes = False,
) -> None:
    """Start again from nothing spent, in the window of now. History is kept.

    $ budgetctl reset alice
    $ budgetctl reset --all --yes
    """
    if (user is not None) == all_:
        raise InvalidValueError("name a user or --all, and not both", hint="budgetctl reset alice")
    if user is not None:
        done = session.manager.reset(user)
        session.output.document(reset_document(done), lambda: was_reset(done))
        return
    session.manager.require_project()
    if not yes:
        session.confirm(f"reset every user of the project {session.project}", "reset --all")
    with session.progress("resetting", keeps=True) as progress:
        resets = progress.count(session.manager.reset_all(), "users", session.manager.summary().users)
        session.output.documents(map(reset_document, progress.results(resets)), RESET_COLUMNS, RESET_FIELDS)
