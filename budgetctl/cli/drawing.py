"""Drawing on a terminal with rich: tables and bars."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import IO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from budgetctl.cli.cells import Column, Document, printable
from budgetctl.cli.paging import paged

_MIN_NAME_WIDTH, _NAME_WIDTH = 8, 16
"""How much of a name is left at least: in the end, and before a column is left out."""

PADDING = 2
"""The number of spaces between two columns."""


def draw_table(pages: Iterable[Sequence[Document]], columns: Sequence[Column], *, color: bool, is_paged: bool) -> None:
    """Tables of a page each, through the pager when they are longer than the screen.

    Where they are wider, names are cut, and those columns are left out that matter least on the first page.
    """
    available = shutil.get_terminal_size().columns
    with paged() if is_paged else nullcontext(sys.stdout) as stream:
        console = open_console(stream, color=color)
        for number, page in enumerate(pages):
            if number == 0:
                columns = _kept(columns, page, available)
            _draw_rows(console, page, columns, available, with_heading=number == 0)


def draw_whole_table(console: Console, documents: Sequence[Document], columns: Sequence[Column]) -> None:
    """A table of a few documents, among what else is drawn."""
    _draw_rows(console, documents, _kept(columns, documents, console.width), console.width, with_heading=True)


def _draw_rows(
    console: Console, page: Sequence[Document], columns: Sequence[Column], available: int, *, with_heading: bool
) -> None:
    """A page of a table."""
    rows = _cells(columns, page)
    widths = _fitted(columns, rows, available)
    if with_heading:
        rows.insert(0, [Text(column.heading, "bold") for column in columns])
    for row in rows:
        console.print(_line(row, columns, widths), soft_wrap=True)


def bar(console: Console, part: int, whole: int, width: int, style: str) -> Text:
    """A bar of which `part` of `whole` is filled: at least a cell of any part above zero."""
    full, empty = ("█", "░") if console.encoding.startswith("utf") else ("#", ".")
    filled = max(min(part * width // whole, width), 1) if part > 0 else 0
    return Text.assemble((full * filled, style), (empty * (width - filled), "bright_black"))


def _cells(columns: Sequence[Column], page: Sequence[Document]) -> list[list[Text]]:
    return [
        [Text(printable(column.text(document)), _style(column, document)) for column in columns] for document in page
    ]


def _kept(columns: Sequence[Column], page: Sequence[Document], available: int) -> list[Column]:
    """The columns that find room, with names cut to a width that can still be read."""
    widths = [
        min(width, max(_NAME_WIDTH, cell_len(column.heading))) if column.is_name else width
        for column, width in zip(columns, _widths(columns, _cells(columns, page)), strict=True)
    ]
    kept = list(range(len(columns)))
    for place in sorted(kept, key=lambda place: columns[place].dropped, reverse=True):
        if not columns[place].dropped or _line_width([widths[each] for each in kept]) <= available:
            break
        kept.remove(place)
    return [columns[place] for place in kept]


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[Text]], available: int) -> list[int]:
    """The widths of the columns. Where they do not fit, names are cut, the widest first; numbers and times never."""
    widths = _widths(columns, rows)
    names = [index for index, column in enumerate(columns) if column.is_name]
    for _ in range(_line_width(widths) - available):
        widest = max(names, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _MIN_NAME_WIDTH:
            break
        widths[widest] -= 1
    return widths


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]]) -> list[int]:
    """The widths that the columns would have with room for everything."""
    return [
        max(cell_len(column.heading), *(row[index].cell_len for row in rows)) for index, column in enumerate(columns)
    ]


def _line_width(widths: Sequence[int]) -> int:
    return sum(widths) + PADDING * (len(widths) - 1)


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
