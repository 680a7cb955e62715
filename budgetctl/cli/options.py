"""The arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

User = Annotated[str | None, typer.Argument(metavar="USER", show_default=False, help="Whose budget.")]
Amount = Annotated[
    str | None,
    typer.Argument(metavar="[AMOUNT]", show_default=False, help="The budget in US dollars, as in 10 or 0.50."),
]
Budget = Annotated[str | None, typer.Option("--budget", metavar="USD", help="The budget in US dollars.")]
Duration = Annotated[
    str | None,
    typer.Option(
        "--duration",
        metavar="DURATION",
        help="hourly, daily, weekly, monthly, quarterly, yearly, 36h, 14d, 2w, 6mo, 2y, or none (never resets).",
    ),
]
Align = Annotated[
    Literal["rolling", "calendar"] | None,
    typer.Option(
        "--align",
        metavar="rolling|calendar",
        help="Windows from the creation on (the default), or from midnight, Monday, the 1st.",
    ),
]
Timezone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="TZ", help="IANA zone of days and months, as Europe/London. Default UTC."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Model = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="The model, as litellm names it.")]
InputText = Annotated[str | None, typer.Option("--input-text", metavar="TEXT", help="What was sent.")]
InputFile = Annotated[
    str | None, typer.Option("--input-file", metavar="FILE", help="The same from a file, or - for stdin.")
]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="Who was called, where the model's name does not say it."),
]
