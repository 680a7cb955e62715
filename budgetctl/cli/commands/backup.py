"""`budgetctl backup`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from budgetctl.cli.problems import warn
from budgetctl.cli.session import Session
from budgetctl.cli.views.backups import BACKUP_COLUMNS, BACKUP_FIELDS, backed_up, backup_document
from budgetctl.directories import config_directory
from budgetctl.errors import AlreadyExistsError, BudgetctlError, InvalidValueError
from budgetctl.files.opening import open_regular
from budgetctl.files.replacing import replace
from budgetctl.server.tokens import open_tokens
from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import project_stores
from budgetctl.stores.location import is_directory
from budgetctl.stores.sqlite.backups import Backup, back_up, sqlite_store


def backup(
    session: Session,
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="Where to write it; a directory, too.")
    ],
    all_projects: Annotated[
        bool, typer.Option("--all", help="All projects of the store, with tokens and prices, into a directory.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a backup that is there.")] = False,
) -> None:
    """Copy a project's budgets to a file, while others use them.

    $ budgetctl backup /backup/
    $ budgetctl backup /backup/monday/ --all
    $ budgetctl backup /backup/default.db --force

    It is one moment's state, and has been checked as verify does when the file appears under its name. To put it back:
    budgetctl restore FILE. PostgreSQL and servers: see docs/operating.md.
    """
    store = sqlite_store(session.store, "backup")
    target = Path(file).expanduser()
    if all_projects:
        failed: list[str] = []
        made = _all_backups(session, target, failed, force=force)
        session.output.documents(map(backup_document, made), BACKUP_COLUMNS, BACKUP_FIELDS)
        if failed:
            raise typer.Exit(1)
        return
    with session.progress("backing up"):
        done = back_up(store, target / store.path.name if is_directory(file) else target, force=force)
    session.output.document(backup_document(done), lambda: backed_up(done))


def _all_backups(session: Session, directory: Path, failed: list[str], *, force: bool) -> Iterator[Backup]:
    """Back up one store or file after the other. A failure is printed and added to `failed`, and the others go on."""
    if directory.exists() and not directory.is_dir():
        raise InvalidValueError(
            f"{directory} is no directory, and all projects need one", hint="budgetctl backup --help"
        )
    stores = {
        sqlite_store(each, "backup").path: each for each in project_stores(session.location, wait_s=session.wait_s)
    }
    jobs: list[Callable[[], Backup]] = [
        functools.partial(back_up, store, directory / path.name, force=force) for path, store in stores.items()
    ]
    jobs += [functools.partial(_copied, file, directory / file.name, force=force) for file in _settings(session)]
    for each in stores.values():
        each.on_progress = session.store.on_progress
    for job in jobs:
        try:
            with session.progress("backing up"):
                done = job()
            yield done
        except BudgetctlError as error:
            warn(error)
            failed.append(str(error))


def _settings(session: Session) -> list[Path]:
    """The files that are in no store: the tokens of a server beside the stores, and the user's own prices."""
    tokens = open_tokens(session.location)
    files = [tokens.path, tokens.uses_path] if isinstance(tokens, FileTokens) else []
    return [file for file in (*files, config_directory() / "prices.toml") if file.exists()]


def _copied(file: Path, target: Path, *, force: bool) -> Backup:
    if target.exists() and not force:
        raise AlreadyExistsError(f"{target} is there already", hint="replace it with --force")
    with open_regular(file) as source:
        content = source.read()
    replace(target, content)
    return Backup(file, target, [], len(content))
