"""What is drawn on a terminal, with rich: tables, bars, and the pager they go through."""

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
from rich.table import Table
from rich.text import Text

from budgetctl.cli.cells import Column, Document, printable
from budgetctl.cli.columns import STATUS_STYLES
from budgetctl.cli.wording import extra, moment, resets
from budgetctl.ledger import decisions
from budgetctl.ledger.values import Budget
from budgetctl.money import Picodollars, format_usd

Item = TypeVar("Item")

_BAR_WIDTH = 40
_MIN_NAME_WIDTH = 8
_PADDING = 2


def draw_table(pages: Iterable[Sequence[Document]], columns: Sequence[Column], *, color: bool) -> None:
    """Tables of a page each, through the pager when they are longer than the screen."""
    with _pager() as stream:
        console = _console(color, stream)
        for number, page in enumerate(pages):
            rows = [[Text(printable(column.text(document)), _style(column, document)) for column in columns]
                    for document in page]  # fmt: skip
            widths = _fitted(columns, rows, shutil.get_terminal_size().columns)
            if number == 0:
                rows.insert(0, [Text(column.heading, "bold") for column in columns])
            for row in rows:
                console.print(_line(row, columns, widths), soft_wrap=True)


def draw_budget(budget: Budget, now_us: int, *, color: bool) -> None:
    """A budget: a bar of what is spent, when it resets, and the models' shares."""
    console = _console(color)
    limit = budget.limit
    style = STATUS_STYLES[decisions.status(limit)]
    left = f"{format_usd(abs(budget.remaining))} {'over' if budget.remaining < 0 else 'left'}"
    lines = [
        Text.assemble((printable(budget.user), "bold"), (f"  project {printable(budget.project)}", "dim")),
        # A budget of $0 is used up from the start.
        Text.assemble(
            _bar(console, limit.spent if limit.allowance else 1, limit.allowance or 1, _BAR_WIDTH, style),
            f"  {decisions.used_percent(limit):g} %",
        ),
        Text.assemble(
            (f"{format_usd(limit.spent)}", "bold"), f" of {format_usd(limit.allowance)} spent · ", (left, style)
        ),
        Text(f"{limit.duration} · {resets(limit, now_us)}" if limit.duration else resets(limit, now_us)),
    ]
    if limit.window_end_us is not None:
        since, until = (moment(at_us, limit.zone) for at_us in (limit.window_start_us, limit.window_end_us))
        lines.append(Text(f"{since} to {until} {limit.zone}, {limit.align}", "dim"))
    if limit.topped_up:
        lines.append(Text(f"topped up by {extra(limit)}", "dim"))
    for line in lines:
        console.print(line)
    if budget.models:
        console.print()
        console.print(_shares(console, budget))


def draw_progress(items: Sequence[Item], what: str, *, color: bool) -> Iterator[Item]:
    """The items, and on stderr a bar of how many of them are done, which is gone at the end."""
    from rich.progress import track

    yield from track(items, what, console=_console(color, sys.stderr), transient=True)


def _shares(console: Console, budget: Budget) -> Table:
    """The models, each with its share of what was spent and a bar of it."""
    table = Table.grid(padding=(0, _PADDING, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=36)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="crop")
    whole = max(budget.limit.spent, 1)
    for model, spent in budget.models.items():
        table.add_row(
            Text(printable(model)),
            format_usd(spent),
            f"{spent * 100 / whole:.0f} %",
            _bar(console, spent, Picodollars(whole), _BAR_WIDTH // 2, "cyan"),
        )
    return table


def _bar(console: Console, part: int, whole: int, width: int, style: str) -> Text:
    """A bar of which `part` of `whole` is filled: at least a cell of what is more than nothing."""
    full, empty = ("█", "░") if console.encoding.startswith("utf") else ("#", ".")
    filled = max(min(part * width // whole, width), 1) if part > 0 else 0
    return Text.assemble((full * filled, style), (empty * (width - filled), "bright_black"))


def _fitted(columns: Sequence[Column], rows: Sequence[Sequence[Text]], available: int) -> list[int]:
    """The columns' widths. Where they do not fit, names are cut, the widest first; numbers and times never."""
    widths = [
        max(cell_len(column.heading), *(row[index].cell_len for row in rows)) for index, column in enumerate(columns)
    ]
    names = [index for index, column in enumerate(columns) if column.is_name]
    for _ in range(sum(widths) + _PADDING * (len(widths) - 1) - available):
        widest = max(names, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= _MIN_NAME_WIDTH:
            break
        widths[widest] -= 1
    return widths


def _line(cells: Sequence[Text], columns: Sequence[Column], widths: Sequence[int]) -> Text:
    """The cells side by side, each in its width. Only some versions of rich pad the edge of their own tables."""
    for cell, column, width in zip(cells, columns, widths, strict=True):
        cell.truncate(width, overflow="ellipsis")
        cell.align("right" if column.is_number else "left", width)
    line = Text(" " * _PADDING).join(cells)
    line.rstrip()
    return line


def _style(column: Column, document: Document) -> str:
    return column.style(document) if column.style else ""


class _Console(Console):
    """A console that leaves it to its caller what a closed pipe means."""

    def on_broken_pipe(self) -> None:
        """Pass the error on."""
        raise BrokenPipeError


def _console(color: bool, stream: IO[str] | None = None) -> Console:
    return _Console(
        file=stream or sys.stdout,
        force_terminal=color,
        color_system="auto" if color else None,
        highlight=False,
        width=shutil.get_terminal_size().columns,
    )


@contextmanager
def _pager() -> Iterator[IO[str]]:
    """The user's pager, which leaves what fits on the screen there; stdout when there is none."""
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
    except ValueError:  # a quote without its pair
        return []
    return command if command and command != ["cat"] and shutil.which(command[0]) else []
