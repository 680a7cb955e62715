"""A budget on a terminal, drawn with rich."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from budgetctl.cli.cells import Column, printable
from budgetctl.cli.drawing import PADDING, bar, draw_whole_table, open_console
from budgetctl.cli.views.budgets import (
    LIMIT_COLUMNS,
    STATUS_STYLES,
    bound_by,
    limit_document,
    limited,
    resets,
    topped_up_by,
)
from budgetctl.cli.views.times import moment
from budgetctl.ledger import decisions
from budgetctl.ledger.values import Budget, Limit
from budgetctl.money import Picodollars, format_usd

_BAR_WIDTH = 40
_LIMIT_COLUMNS = (Column("", lambda document: document["mark"]), *LIMIT_COLUMNS)


def draw_budget(budget: Budget, now_us: int, *, color: bool) -> None:
    """Draw a budget: a bar of the money that is spent, the next reset, and the shares of the models."""
    console = open_console(sys.stdout, color=color)
    limit = budget.limit
    lines = [
        Text.assemble((printable(budget.user), "bold"), (f"  project {printable(budget.project)}", "dim")),
        # A budget of $0 is used up from the start.
        Text.assemble(
            bar(console, limit.spent if limit.allowance else 1, limit.allowance or 1, _BAR_WIDTH, _style_of(limit)),
            f"  {decisions.used_percent(limit):g} %",
        ),
        _money(budget),
        Text(f"{limit.duration} · {resets(limit, now_us)}" if limit.duration else resets(limit, now_us)),
    ]
    if limit.window_end_us is not None:
        since, until = (moment(at_us, limit.zone) for at_us in (limit.window_start_us, limit.window_end_us))
        lines.append(Text(f"{since} to {until}, {limit.align}", "dim"))
    if limit.topped_up:
        lines.append(Text(f"topped up by {topped_up_by(limit)}", "dim"))
    if budget.limited:
        lines.append(Text(printable(limited(budget)), STATUS_STYLES["limited"]))
    for line in lines:
        console.print(line)
    if len(budget.standings) > 1:
        console.print()
        draw_whole_table(console, _limits(budget), _LIMIT_COLUMNS)
    if budget.models:
        console.print()
        console.print(_shares(console, budget))


def _money(budget: Budget) -> Text:
    """The money that is spent, set aside and left, and the limit by which so little is left where it is another one."""
    limit = budget.limit
    left = f"{format_usd(abs(budget.remaining))} {'over' if budget.remaining < 0 else 'left'}"
    by = bound_by(budget)
    return Text.assemble(
        (format_usd(limit.spent), "bold"),
        f" of {format_usd(limit.allowance)} spent · ",
        f"{format_usd(limit.held)} set aside · " if limit.held else "",
        (left, STATUS_STYLES[decisions.budget_status(budget)]),
        f", bound by {printable(by)}" if by else "",
    )


def _limits(budget: Budget) -> list[dict[str, Any]]:
    """The documents of all limits, with a mark at the binding one."""
    binding = budget.binding
    return [{**limit_document(each), "mark": ">" if each == binding else ""} for each in budget.standings]


def _style_of(limit: Limit) -> str:
    return STATUS_STYLES[decisions.status(limit)]


def _shares(console: Console, budget: Budget) -> Table:
    """The lines of the models, each with its share of the money that was spent, and a bar of that."""
    table = Table.grid(padding=(0, PADDING, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=36)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, overflow="crop")
    whole = max(budget.limit.spent, Picodollars(1))
    for model, spent in budget.models.items():
        table.add_row(
            Text(printable(model)),
            format_usd(spent),
            f"{spent * 100 / whole:.0f} %",
            bar(console, spent, whole, _BAR_WIDTH // 2, "cyan"),
        )
    return table
