"""What is drawn on a terminal, with rich: tables, bars, and the pager they go through."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from budgetctl import ledger
from budgetctl.cli.columns import STATUS_STYLES
from budgetctl.cli.output import Column, Document, printable
from budgetctl.cli.wording import moment, resets
from budgetctl.models import Budget
from budgetctl.money import format_usd

_BAR_WIDTH = 40


def draw_table(pages: Iterable[Sequence[Document]], columns: Sequence[Column], *, color: bool) -> None:
    """Tables of a page each, through the pager when they are longer than the screen."""
    with _pager() as stream:
        console = _console(color, stream)
        for page in pages:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for column in columns:
                table.add_column(
                    column.heading,
                    justify="right" if column.right else "left",
                    no_wrap=True,
                    overflow="ellipsis",
                )
            for document in page:
                table.add_row(*(_cell(column, document) for column in columns))
            console.print(table)


def draw_budget(budget: Budget, now_us: int, *, color: bool) -> None:
    """A budget: a bar of what is spent, when it resets, and the models' shares."""
    console = _console(color)
    limit = budget.limit
    style = STATUS_STYLES[ledger.status(limit)]
    console.print(Text.assemble((budget.user, "bold"), (f"  project {budget.project}", "dim")))
    console.print(
        Text.assemble(
            (format_usd(limit.spent), "bold"),
            f" of {format_usd(limit.amount)} spent ({ledger.used_percent(limit):g} %)",
        )
    )
    # A budget of $0 is used up from the start.
    console.print(
        Bar(
            limit.amount or 1,
            0,
            min(limit.spent, limit.amount) or not limit.amount,
            width=_BAR_WIDTH,
            color=style,
            bgcolor="bright_black",
        )
    )
    console.print(
        Text.assemble(
            (f"{format_usd(budget.remaining)} left", style),
            f" · {resets(limit, now_us)} · {limit.duration or 'never resets'}",
        )
    )
    if limit.window_end_us is not None:
        console.print(
            Text(
                f"{limit.align} window since {moment(limit.window_start_us, limit.zone)},"
                f" until {moment(limit.window_end_us, limit.zone)} {limit.zone}",
                "dim",
            )
        )
    if budget.models:
        console.print()
        console.print(_shares(budget))


def _shares(budget: Budget) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=36)
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    whole = max(budget.limit.spent, 1)
    for model, spent in budget.models.items():
        share = max(0, min(spent, whole))
        table.add_row(
            Text(printable(model)),
            format_usd(spent),
            f"{share * 100 / whole:.0f} %",
            Bar(whole, 0, share, width=_BAR_WIDTH // 2, color="cyan"),
        )
    return table


def _cell(column: Column, document: Document) -> Text:
    return Text(printable(column.text(document)), style=column.style(document) if column.style else "")


def _console(color: bool, stream: IO[str] | None = None) -> Console:
    return Console(
        file=stream or sys.stdout,
        force_terminal=color,
        color_system="auto" if color else None,
        highlight=False,
        width=shutil.get_terminal_size().columns,
    )


@contextmanager
def _pager() -> Iterator[IO[str]]:
    """The user's pager, which leaves what fits on the screen there; stdout when there is none."""
    command = shlex.split(os.environ.get("BUDGETCTL_PAGER", os.environ.get("PAGER", "less")))
    if not command or command == ["cat"] or shutil.which(command[0]) is None:
        yield sys.stdout
        return
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8", **os.environ}
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process:
        assert process.stdin is not None  # noqa: S101  # asked for above
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            # The reader has seen enough and quit the pager.
            pass
