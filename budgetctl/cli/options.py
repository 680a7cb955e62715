"""The arguments and options that several commands take, and those of every command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import typer

from budgetctl.cli.completing import durations, holds, models, projects, users
from budgetctl.cli.output import Format

_MAX_DIGITS = 15


def whole_number(text: str, minimum: int) -> int:
    """The number from `minimum` up to what a store can count. Raises `BadParameter`, which is a usage error."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) >= minimum):
        raise typer.BadParameter(f"{text!r} is not a whole number from {minimum} up")
    return int(text)


def at_least(minimum: int) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` up."""
    return lambda text: whole_number(text, minimum)


def _percent(text: str) -> int:
    digits = text.strip().removesuffix("%").strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise typer.BadParameter(f"{text!r} is no threshold: give a whole percent, as in 80 or 80%")
    return int(digits)


class StandIn(NamedTuple):
    """The option that may be given instead of the argument that is annotated with it, by the option's names."""

    names: tuple[str, ...]
    is_hidden: bool = False


def _amount(meaning: str, *, metavar: str = "[AMOUNT]") -> Any:
    return typer.Argument(metavar=metavar, show_default=False, help=meaning)


_ANY_USER = StandIn(("--user",), is_hidden=True)

User = Annotated[
    str, typer.Argument(metavar="USER", show_default=False, help="Whose budget it is.", autocompletion=users), _ANY_USER
]
OptionalUser = Annotated[
    str | None,
    typer.Argument(metavar="[USER]", show_default=False, help="Whose budget it is.", autocompletion=users),
    _ANY_USER,
]
Budget = Annotated[
    str | None,
    _amount("The budget in US dollars, as in 10 or 0.50."),
    StandIn(("--budget", "--amount")),
]
Cost = Annotated[
    str | None,
    _amount("The cost in US dollars, as in 0.05."),
    StandIn(("--cost", "--amount")),
]
Amount = Annotated[
    str,
    _amount("US dollars, as in 0.05 or 10.", metavar="AMOUNT"),
    StandIn(("--amount",)),
]
PartOfCost = Annotated[
    str | None,
    _amount("So much in US dollars, and not all of it."),
    StandIn(("--cost", "--amount")),
]
OptionalAmount = Annotated[
    str | None,
    _amount("US dollars, as in 5."),
    StandIn(("--amount",)),
]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration",
        metavar="DURATION",
        help="hourly, daily, weekly, monthly, quarterly, yearly, a count as in 36h, 14d, 2w, 6mo or 2y, or none.",
        autocompletion=durations,
    ),
]
Align = Annotated[
    Literal["rolling", "calendar"] | None,
    typer.Option("--align", metavar="ALIGN", help="rolling (the default) or calendar."),
]
Timezone = Annotated[
    str | None,
    typer.Option(
        "--timezone", metavar="TZ", help="Whose days and months, as in Europe/London; by default UTC, or the budget's."
    ),
]
Parent = Annotated[
    str | None,
    typer.Option("--parent", metavar="USER", help="Whose limits count the spend, too.", autocompletion=users),
]
WarnAt = Annotated[
    list[int] | None,
    typer.Option(
        "--warn-at", metavar="PERCENT", parser=_percent, help="Tell when so much is spent; 80, 100. May be given again."
    ),
]
OutputText = Annotated[str | None, typer.Option("--output-text", metavar="TEXT", help="What came back.")]
OutputFile = Annotated[
    str | None, typer.Option("--output-file", metavar="FILE", help="The same from a file, or - for stdin.")
]
OutputTokens = Annotated[
    int | None,
    typer.Option("--output-tokens", metavar="N", parser=at_least(0), help="Tokens that came back."),
]
MaxOutputTokens = Annotated[
    int | None,
    typer.Option("--max-output-tokens", metavar="N", parser=at_least(0), help="Count in so much output."),
]
Response = Annotated[
    str | None,
    typer.Option("--response", metavar="FILE", help="A saved response: a file, - for stdin, or '{…}' itself."),
]
OnUnknownPrice = Annotated[
    str | None,
    typer.Option(
        "--on-unknown-price",
        metavar="DO",
        help="error (exit 6), record the usage without a price, or an amount in US dollars to charge.",
    ),
]
HoldId = Annotated[
    str,
    typer.Argument(metavar="HOLD", show_default=False, help="The hold, as reserve printed it.", autocompletion=holds),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Max = Annotated[int | None, typer.Option("--max", metavar="N", parser=at_least(1), help="At most so many.")]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help="The model, as litellm names it.", autocompletion=models),
]
InputText = Annotated[str | None, typer.Option("--input-text", metavar="TEXT", help="What was sent.")]
InputFile = Annotated[
    str | None, typer.Option("--input-file", metavar="FILE", help="The same from a file, or - for stdin.")
]
InputTokens = Annotated[
    int | None, typer.Option("--input-tokens", metavar="N", parser=at_least(0), help="Tokens sent.")
]
Messages = Annotated[
    str | None,
    typer.Option("--messages", metavar="FILE", help="Chat messages in JSON: a file, - for stdin, or '[…]' itself."),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="When it happened: 2026-11-01, 2026-11-01T09:30Z, 7d, epoch seconds."),
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Kept with the entry.")]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Who was called, where the model's name does not say it."),
]

ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project", "-p", metavar="NAME", help="The project. [env: BUDGETCTL_PROJECT]", autocompletion=projects
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="A file, a directory, or a URL. [env: BUDGETCTL_STORE]"),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", metavar="FORMAT", help="table (the default), json, jsonl or csv.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no more than a script needs.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours. [env: NO_COLOR]")]
NoPagerOption = Annotated[
    bool, typer.Option("--no-pager", help="Print long tables at once. [env: BUDGETCTL_PAGER, PAGER]")
]
WaitOption = Annotated[
    str | None,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for writers; 10. [env: BUDGETCTL_WAIT]"),
]

SHARED_OPTIONS: dict[str, Any] = {
    "project": ProjectOption,
    "store": StoreOption,
    "format": FormatOption,
    "json": JsonOption,
    "quiet": QuietOption,
    "no_color": NoColorOption,
    "no_pager": NoPagerOption,
    "wait": WaitOption,
}
