"""`budgetctl restore`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.backups import put_back, restored_document
from budgetctl.stores.sqlite import backups


def restore(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", show_default=False, help="What budgetctl backup has written.")],
    yes: options.Yes = False,
) -> None:
    """Put a backup in the place of what is there, which is set aside in a file beside it.

    $ budgetctl restore /backup/default.db --yes
    $ budgetctl restore /backup/team.db --project team --yes

    The backup is checked first, and stays as it is. Programs that use the budgets meanwhile see the restored ones from
    then on. What was charged after the backup is not in it.
    """
    path = backups.sqlite_store(session.store, "restore").path
    if path.exists() and not yes:
        session.confirm(f"replace {path} by the backup {file}", f"restore {shlex.quote(file)}")
    with session.progress("restoring"):
        done = backups.restore(session.store, Path(file).expanduser())
    session.output.document(restored_document(done), lambda: put_back(done))
