"""`budgetctl reprice`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.corrections import CORRECTION_COLUMNS, CORRECTION_FIELDS, correction_document
from budgetctl.errors import InvalidValueError
from budgetctl.periods import parse_instant


def reprice(
    session: Session,
    user: options.OptionalUser = None,
    model: options.Model = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only what was charged since: 2026-11-01, 2026-11-01T09:30, 7d."),
    ] = None,
    note: options.Note = None,
    dry_run: options.DryRun = False,
) -> None:
    """Correct what charges have cost to what they cost by the prices of now, and list what changed.

    $ budgetctl reprice --model my-model --since 7d --dry-run
    $ budgetctl reprice alice --model 'gpt-4o*'

    Of one user, or of all; --model may be a pattern. History stays as it is: new entries make up
    the differences, and count where the corrected ones do. Costs that were stated are left alone.
    A time without a zone is on the clock of the user's budget; of all users, on that of this machine.
    """
    if model is None:
        raise InvalidValueError("no --model was given", hint="budgetctl reprice --model 'gpt-4o*' --dry-run")
    session.manager.require_project()
    since_us = None
    if since is not None:
        zone = None if user is None else session.manager.budget(user).limit.zone
        since_us = parse_instant(since, session.store.now_us(), zone)
    corrections = session.manager.reprice(model, user=user, since_us=since_us, note=note, dry_run=dry_run)
    with session.progress("repricing", keeps=not dry_run) as progress:
        documents = map(correction_document, progress.results(corrections))
        count = session.output.documents(documents, CORRECTION_COLUMNS, CORRECTION_FIELDS)
    if not count:
        session.note("nothing to correct")
