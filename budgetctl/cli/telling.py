"""Telling of thresholds that are crossed: by a list, or to a command that is run for each of them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from budgetctl.cli.cells import Document, dumps
from budgetctl.cli.views.crossings import crossing_document
from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Crossing
    from budgetctl.manager import BudgetManager

_TIMEOUT_S = 30


class Telling:
    """One run over the crossings of a project. `command` gets each of them; without one, they are printed.

    `failed` has the user of each crossing that could not be handed over, and the reason.
    """

    def __init__(self, manager: BudgetManager, command: list[str] | None) -> None:
        self.failed: list[str] = []
        self._manager = manager
        self._command = command
        self._printed: list[Crossing] = []

    def crossings(self) -> Iterator[Crossing]:
        """The crossings that were handed over, or are to be printed. Each is claimed, so that one process tells it."""
        for crossing in self._manager.crossings():
            if not self._manager.claim(crossing):
                continue
            if self._command is None:
                self._printed.append(crossing)
            elif not self._hand_over(self._command, crossing):
                continue
            yield crossing

    def finish(self) -> None:
        """Note the printed crossings as told, once they are written: an end before that has them told again."""
        sys.stdout.flush()
        for crossing in self._printed:
            self._manager.tell(crossing)

    def _hand_over(self, command: list[str], crossing: Crossing) -> bool:
        """Hand a crossing over to the command, and note it as told; a failed one is left for the next run."""
        document = crossing_document(crossing)
        reason = _handed_over(command, document)
        if reason is None:
            self._manager.tell(crossing)
            return True
        self._manager.forget(crossing)
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
