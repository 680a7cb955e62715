"""Arguments and options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from budgetctl.cli.completing import users

_MAX_DIGITS = 15


def at_least(minimum: int) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` up to the most that a store can count."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) >= minimum):
            raise typer.BadParameter(f"{text!r} is not a whole number from {minimum} up")
        return int(text)

    return parse


User = Annotated[
    str, typer.Argument(metavar="USER", show_default=False, help="Whose budget it is.", autocompletion=users)
]
OptionalUser = Annotated[
    str | None,
    typer.Argument(metavar="[USER]", show_default=False, help="Whose budget it is.", autocompletion=users),
]
Amount = Annotated[
    str | None,
    typer.Argument(metavar="[AMOUNT]", show_default=False, help="The budget in US dollars, as in 10 or 0.50."),
]
Budget = Annotated[str | None, typer.Option("--budget", metavar="USD", help="The same as AMOUNT.")]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration",
        metavar="DURATION",
        help="hourly, daily, weekly, monthly, quarterly, yearly, a count as in 36h, 14d, 2w, 6mo or 2y, or none.",
    ),
]
Align = Annotated[
    Literal["rolling", "calendar"] | None,
    typer.Option("--align", metavar="ALIGN", help="rolling (the default) or calendar."),
]
Timezone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="TZ", help="Whose days and months, as in Europe/London; UTC by default."),
]
Parent = Annotated[
    str | None,
    typer.Option("--parent", metavar="USER", help="Whose limits count the spend, too.", autocompletion=users),
]
WarnAt = Annotated[
    list[int] | None,
    typer.Option("--warn-at", metavar="PERCENT", help="Tell when so much is spent; 80. May be given again."),
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
Cost = Annotated[str | None, typer.Option("--cost", metavar="USD", help="The cost itself, in US dollars.")]
OnUnknownPrice = Annotated[
    str | None,
    typer.Option(
        "--on-unknown-price",
        metavar="DO",
        help="error (exit 6), record the usage without a price, or an amount in US dollars to charge.",
    ),
]
HoldId = Annotated[str, typer.Argument(metavar="HOLD", show_default=False, help="The hold, as reserve printed it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Max = Annotated[int | None, typer.Option("--max", metavar="N", parser=at_least(1), help="At most so many.")]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="The model, as litellm names it.")]
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
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Kept with the entry.")]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Who was called, where the model's name does not say it."),
]
