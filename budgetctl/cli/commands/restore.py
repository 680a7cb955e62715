"""`budgetctl restore`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.stores.sqlite.backups import Restored, sqlite_store
from budgetctl.stores.sqlite.backups import restore as put_back


def restore(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", show_default=False, help="What budgetctl backup has written.")],
    yes: options.Yes = False,
) -> None:
    """Put a backup in the place of what is there, which is set aside in a file beside it.

    $ budgetctl restore /backup/default.db
    $ budgetctl restore /backup/team.db --project team --yes

    The backup is checked first, and stays as it is. Programs that use the budgets meanwhile see the restored ones from
    then on. What was charged after the backup is not in it.
    """
    path = sqlite_store(session.store, "restore").path
    if path.exists() and not yes:
        session.confirm(f"replace {path} by the backup {file}", f"restore {shlex.quote(file)}")
    done = put_back(session.store, Path(file).expanduser())
    document = {
        "projects": done.projects,
        "store": str(done.store),
        "file": str(done.file),
        "replaced": None if done.replaced is None else str(done.replaced),
    }
    session.output.document(document, lambda: _text(done))


def _text(done: Restored) -> str:
    text = f"{', '.join(done.projects)}: restored from {done.file}"
    return text if done.replaced is None else f"{text}; what was there is in {done.replaced}"
