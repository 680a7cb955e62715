"""`budgetctl migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.reading import read_json
from budgetctl.cli.session import Session
from budgetctl.cli.views.budgets import MIGRATED_COLUMNS, MIGRATED_FIELDS, migrated_document
from budgetctl.manager import LITELLM_FILE


def migrate(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="litellm's file.")] = LITELLM_FILE,
    dry_run: options.DryRun = False,
) -> None:
    """Take over the budgets of litellm's user_cost.json, with what was spent.

    $ budgetctl migrate user_cost.json --project my-app

    All of them or none. A user who has a budget here already is left alone, so that it can be run again. The file
    stays as it is.
    """
    manager = session.manager
    session.warnings.clear()  # that the file is not used yet
    with session.progress("taking over"):
        taken = manager.migrate(read_json(file), dry_run=dry_run)
    documents = [migrated_document(user, change, is_new) for user, change, is_new in taken]
    session.output.documents(documents, MIGRATED_COLUMNS, MIGRATED_FIELDS)
