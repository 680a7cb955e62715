"""The pager that tables go through on a terminal, once they are longer than the screen."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast


@contextmanager
def paged() -> Iterator[IO[str]]:
    """A stream to the user's pager, or to stdout where there is none, or where all fits on the screen.

    A reader who quits the pager has seen enough: nothing more is read then. Ctrl-C ends the pager with the command.
    """
    command = _command()
    if not command:
        yield sys.stdout
        return
    stream = _Pager(command)
    try:
        yield cast(IO[str], stream)
        stream.finish()
    except BrokenPipeError:
        stream.wait()
    except BaseException:
        stream.stop()
        raise


def _command() -> list[str]:
    try:
        command = shlex.split(os.environ.get("BUDGETCTL_PAGER", os.environ.get("PAGER", "less")))
    except ValueError:  # a quote without its pair
        return []
    return command if command and command != ["cat"] and shutil.which(command[0]) else []


class _Pager:
    """Text that is held until it is longer than the screen, and goes to the pager from then on."""

    encoding = "utf-8"

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._held: list[str] = []
        self._room = shutil.get_terminal_size().lines - 1  # the last line is for what the shell prints next
        self._process: subprocess.Popen[str] | None = None

    def write(self, text: str) -> int:
        """Take text."""
        if self._process is not None:
            return self._input.write(text)
        self._held.append(text)
        self._room -= text.count("\n")
        if self._room < 0:
            self._start()
        return len(text)

    def flush(self) -> None:
        """Hand on the text that the pager is to have."""
        if self._process is not None:
            self._input.flush()

    def finish(self) -> None:
        """Print what fits on the screen, or wait until the reader quits the pager."""
        if self._process is None:
            sys.stdout.write("".join(self._held))
        else:
            self._input.close()
            self.wait()

    def wait(self) -> None:
        """Wait until the reader quits the pager."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End the pager, which puts the terminal right."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _start(self) -> None:
        environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, text=True, encoding=self.encoding, env=environment
        )
        self._input.write("".join(self._held))

    @property
    def _input(self) -> IO[str]:
        assert self._process is not None and self._process.stdin is not None  # noqa: S101, PT018  # asked for above
        return self._process.stdin
