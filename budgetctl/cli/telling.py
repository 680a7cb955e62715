"""Telling of thresholds that are crossed: by a list, or to a command that is run for each of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from budgetctl.cli.cells import Document, dumps
from budgetctl.cli.views.crossings import crossing_document
from budgetctl.errors import BudgetctlError, InvalidValueError

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Crossing
    from budgetctl.manager import BudgetManager

_TIMEOUT_S = 30


class Telling:
    """One run over the crossings of projects. `command` gets each of them; without one, they are printed.

    `failed` says of each crossing that could not be handed over whose it is, and why. Where the run `goes_on`, it says
    the same of a project whose store cannot be read, and the others are told of.
    """

    def __init__(
        self, managers: Iterable[BudgetManager], command: list[str] | None, *, dry_run: bool, goes_on: bool
    ) -> None:
        self.failed: list[str] = []
        self._managers = managers
        self._command = command
        self._dry_run = dry_run
        self._goes_on = goes_on
        self._printed: list[tuple[BudgetManager, Crossing]] = []

    def documents(self) -> Iterator[Document]:
        """The crossings that were handed over, or are to be printed. Each is claimed: one tells at a time."""
        for manager in self._managers:
            try:
                yield from self._told(manager) if not self._dry_run else self._found(manager)
            except BudgetctlError as error:
                if not self._goes_on:
                    raise
                self.failed.append(str(error))

    def _found(self, manager: BudgetManager) -> Iterator[Document]:
        return (crossing_document(manager.project_name, crossing) for crossing in manager.crossings())

    def _told(self, manager: BudgetManager) -> Iterator[Document]:
        for crossing in manager.crossings():
            if not manager.claim(crossing):
                continue
            document = crossing_document(manager.project_name, crossing)
            if self._command is None:
                self._printed.append((manager, crossing))
            elif not self._hand_over(self._command, manager, crossing, document):
                continue
            yield document

    def finish(self) -> None:
        """Note the printed crossings as told, once they are written: an end before that has them told again."""
        sys.stdout.flush()
        for manager, crossing in self._printed:
            manager.tell(crossing)

    def _hand_over(self, command: list[str], manager: BudgetManager, crossing: Crossing, document: Document) -> bool:
        """Hand a crossing over to the command, and note it as told; a failed one is left for the next run."""
        reason = _handed_over(command, document)
        if reason is None:
            manager.tell(crossing)
            return True
        manager.forget(crossing)
        self.failed.append(f"{document['user']}: {reason}")
        return False


def words_of(program: str) -> list[str]:
    """The words of a command line, split without a shell. Raises `InvalidValueError`."""
    try:
        words = shlex.split(program)
    except ValueError as error:
        raise InvalidValueError(f"--exec {program!r} is not a command: {error}") from error
    if not words:
        raise InvalidValueError("--exec is empty: give a command")
    return words


def _handed_over(command: list[str], document: Document) -> str | None:
    """Run the command, and return the reason if it failed. Its stdout is thrown away: it is not budgetctl's output."""
    try:
        ended = subprocess.run(
            command, input=dumps(document), text=True, timeout=_TIMEOUT_S, check=False, stdout=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {_TIMEOUT_S} seconds"
    except OSError as error:
        return f"{command[0]} cannot be run: {error.strerror}"
    return None if ended.returncode == 0 else f"{command[0]} ended with code {ended.returncode}"
