"""`budgetctl reserve`."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.prompting import PromptOptions, asked_of
from budgetctl.cli.session import Session
from budgetctl.cli.views.holds import hold_document, set_aside
from budgetctl.errors import InvalidValueError


def reserve(
    session: Session,
    user: options.User,
    amount: options.OptionalAmount = None,
    *,
    prompt: PromptOptions,
    at_most: Annotated[
        str | None,
        typer.Option("--at-most", metavar="USD", help="In place of an amount: as much as is left, up to so much."),
    ] = None,
    at_least: Annotated[
        str | None,
        typer.Option(
            "--at-least", metavar="USD", help="With --at-most: denied if less is left. By default, if nothing is."
        ),
    ] = None,
    ttl: Annotated[
        str | None, typer.Option("--ttl", metavar="TIME", help="How long at most: 90s, 10m (the default), 2h, 7d.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--id", metavar="HOLD", help="The hold's id; the same again changes nothing.")
    ] = None,
    note: options.Note = None,
) -> None:
    """Set money aside before a call, and print the hold. Exit code 3 when a limit does not allow it.

    $ budgetctl reserve alice 0.05
    $ budgetctl reserve alice 0.05 --id job-17 --ttl 1h
    $ budgetctl reserve alice --messages request.json
    $ budgetctl reserve alice --at-most 0.20 --at-least 0.05 --json

    It counts against the limits until commit or release, or until it expires, so that however many ask at once, no
    limit is passed: hold=$(budgetctl reserve alice 0.05) || exit

    A prompt sets aside the price of the call: what estimate says, so give the longest answer too. With --at-most,
    .amount of --json is what was set aside.
    """
    from budgetctl.manager.enforcement import DEFAULT_TTL

    asked, model = asked_of(amount, prompt)
    if asked is None and at_most is None:
        raise InvalidValueError("no amount was given", hint=f"budgetctl reserve {shlex.quote(user)} 0.05")
    hold = session.manager.reserve(
        user,
        asked,
        at_most=at_most,
        at_least=at_least,
        hold_id=key,
        ttl=ttl or DEFAULT_TTL,
        model=model,
        provider=prompt.provider,
        note=note,
    )
    session.output.document(hold_document(hold), lambda: hold.hold_id, is_needed=True)
    if sys.stderr.isatty() or at_most is not None:
        session.note(set_aside(hold))
