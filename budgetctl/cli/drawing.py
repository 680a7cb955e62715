"""Drawing on a terminal with rich: tables, bars, and the pager that tables go through."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from budgetctl.cli.cells import Column, Document, printable

Item = TypeVar("Item")

_MIN_NAME_WIDTH = 8
PADDING = 2
"""The number of spaces between two columns."""


def draw_table(pages: Iterable[Sequence[Document]], columns: Sequence[Column], *, color: bool) -> None:
    """Draw a table for each page of documents, through the pager when they are longer than the screen."""
    with _pager() as stream:
        console = open_console(stream, color=color)
        for number, page in enumerate(pages):
            rows = [[Text(printable(column.text(document)), _style(column, document)) for column in columns]
                    for document in page]  # fmt: skip
            widths = _fitted(columns, rows, shutil.get_terminal_size().columns)
            if number == 0:
                rows.insert(0, [Text(column.heading, "bold") for column in columns])
            for row in rows:
                console.print(_line(row, columns, widths), soft_wrap=True)


def draw_progress(items: Sequence[Item], what: str, *, color: bool) -> Iterator[Item]:
    """The items, with a bar on stderr of the share that is done, which is removed at the end."""
    from rich.progress import track

    yield from track(items, what, console=open_console(sys.stderr, color=color), transient=True)


def bar(console: Console, part: int, whole: int, width: int, style: str) -> Text:
    """A bar of which `part` of `whole` is filled: at least a cell of any part above zero."""
    full, empty = ("█", "░") if console.encoding.startswith("utf") else ("#", ".")
    filled = max(min(part * width // whole, width), 1) if part > 0 else 0
    return Text.assemble((full * filled, style), (empty * (width - filled), "bright_black"))


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[Text]], available: int) -> list[int]:
    """The widths of the columns. Where they do not fit, names are cut, the widest first; numbers and times never."""
    widths = [
        max(cell_len(column.heading), *(row[index].cell_len for row in rows)) for index, column in enumerate(columns)
    ]
    names = [index for index, column in enumerate(columns) if column.is_name]
    for _ in range(sum(widths) + PADDING * (len(widths) - 1) - available):
        widest = max(names, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _MIN_NAME_WIDTH:
            break
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[Text], columns: Sequence[Column], widths: Sequence[int]) -> Text:
    """A line of cells, each in its width. Tables of rich are no use for it: only some versions pad their edge."""
    for cell, column, width in zip(cells, columns, widths, strict=True):
        cell.truncate(width, overflow="ellipsis")
        cell.align("right" if column.is_number else "left", width)
    line = Text(" " * PADDING).join(cells)
    line.rstrip()
    return line


def _style(column: Column, document: Document) -> str:
    return column.style(document) if column.style else ""


class _Console(Console):
    """A console that leaves a closed pipe to its caller."""

    def on_broken_pipe(self) -> None:
        """Raise the error again."""
        raise BrokenPipeError


def open_console(stream: IO[str], *, color: bool) -> Console:
    """A console on a stream, as wide as the terminal."""
    return _Console(
        file=stream,
        force_terminal=color,
        color_system="auto" if color else None,
        highlight=False,
        width=shutil.get_terminal_size().columns,
    )


@contextmanager
def _pager() -> Iterator[IO[str]]:
    """The user's pager, which leaves a text that fits on the screen there; stdout where there is no pager."""
    command = _pager_command()
    if not command:
        yield sys.stdout
        return
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    with (
        suppress(BrokenPipeError),  # the reader has seen enough and quit the pager
        subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process,
    ):
        assert process.stdin is not None  # noqa: S101  # asked for above
        # Ctrl-C belongs to the pager: it stops a search, and must not take the terminal away from it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield process.stdin


def _pager_command() -> list[str]:
    try:
        command = shlex.split(os.environ.get("BUDGETCTL_PAGER", os.environ.get("PAGER", "less")))
    except ValueError:  # a quote is not closed
        return []
    return command if command and command != ["cat"] and shutil.which(command[0]) else []
