"""`budgetctl warn`."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from budgetctl.cli import options, problems
from budgetctl.cli.cells import Document, dumps
from budgetctl.cli.session import Session
from budgetctl.cli.views.crossings import CROSSING_COLUMNS, CROSSING_FIELDS, crossing_document
from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Crossing

_TIMEOUT_S = 30


def warn(
    session: Session,
    program: Annotated[
        str | None, typer.Option("--exec", metavar="CMD", help="Hand each to a command, as JSON on its stdin.")
    ] = None,
    dry_run: options.DryRun = False,
) -> None:
    """List who is past a threshold and was not told so in this window. Silent when there is nobody.

    $ budgetctl warn
    $ budgetctl warn --exec "notify-send --app-name=budgetctl"

    Thresholds are set by create --warn-at 50 --warn-at 80. The command of --exec is run once for each, not by a
    shell, and for 30 seconds at most; who could not be handed over is listed again the next time, and the exit code
    is 1. When warn itself is killed, whoever may not have been told is listed again after a minute.

    In a crontab, every five minutes:  */5 * * * *  budgetctl warn
    """
    session.manager.require_project()
    command = None if program is None else _words(program)
    failed: list[str] = []
    shown: list[Crossing] = []

    def told() -> Iterator[Document]:
        for crossing in session.manager.crossings():
            document = crossing_document(crossing)
            if dry_run:
                yield document
            elif session.manager.claim(crossing):
                reason = None if command is None else _handed_over(command, document)
                if reason is not None:
                    session.manager.forget(crossing)
                    failed.append(f"{document['user']}: {reason}")
                    continue
                if command is None:
                    shown.append(crossing)
                else:
                    session.manager.tell(crossing)
                yield document

    session.output.documents(told(), CROSSING_COLUMNS, CROSSING_FIELDS)
    # Told is what has been handed over or is out of our hands: whatever ends this before has it told again.
    sys.stdout.flush()
    for crossing in shown:
        session.manager.tell(crossing)
    for reason in failed:
        problems.warn(reason)
    if failed:
        raise typer.Exit(1)


def _words(program: str) -> list[str]:
    try:
        words = shlex.split(program)
    except ValueError as error:
        raise InvalidValueError(f"--exec {program!r} is not a command: {error}") from error
    if not words:
        raise InvalidValueError("--exec is empty: give a command")
    return words


def _handed_over(command: list[str], document: Document) -> str | None:
    """Run the command, and say why it failed, if it did. What it prints is not budgetctl's output."""
    try:
        ended = subprocess.run(
            command, input=dumps(document), text=True, timeout=_TIMEOUT_S, check=False, stdout=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {_TIMEOUT_S} seconds"
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return None if ended.returncode == 0 else f"{command[0]} ended with code {ended.returncode}"
