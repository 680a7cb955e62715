"""`budgetctl help`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from budgetctl.cli.session import Session
from budgetctl.errors import InvalidValueError


def help_of(
    session: Session,  # noqa: ARG001
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", show_default=False, help="The command.")
    ] = None,
) -> None:
    """Show the help of a command, as COMMAND --help does.

    $ budgetctl help create
    $ budgetctl help limit add
    """
    place: Any = context.find_root()
    for word in words or ():
        if not hasattr(place.command, "resolve_command"):
            raise InvalidValueError(
                f"{place.command_path} has no command {word!r}", hint=f"{place.command_path} --help"
            )
        name, found, _ = place.command.resolve_command(place, [word])
        place = found.make_context(name, [], parent=place, resilient_parsing=True)
    typer.echo(place.get_help())
