"""`budgetctl run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.guarded_run import Wanted, run_guarded
from budgetctl.cli.prompting import PromptOptions, asked_of
from budgetctl.cli.session import Session
from budgetctl.errors import InvalidValueError


def run(
    session: Session,
    user: options.User,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="CMD...", show_default=False, help="The command, and what is its own; -- may precede."),
    ] = None,
    *,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="USD", help="Set so much aside while it runs, as in 0.05.")
    ] = None,
    prompt: PromptOptions,
    ttl: Annotated[
        str | None, typer.Option("--ttl", metavar="TIME", help="For how long at most: 90s, 10m (the default), 2h, 7d.")
    ] = None,
    note: options.Note = None,
    key: Annotated[
        str | None, typer.Option("--id", metavar="HOLD", help="The id of the hold; one that is resolved runs nothing.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write what was charged to this file, as JSON.")
    ] = None,
) -> None:
    """Run a command if the budget allows it, and charge what it reports to have spent.

    $ budgetctl run alice --amount 0.05 -- ./summarize.sh report.txt
    $ budgetctl run alice --amount 0.50 --ttl 2h --model gpt-4o -- python agent.py
    $ budgetctl run alice -- sh -c 'llm-call > "$BUDGETCTL_COST_FILE"'

    The command writes US dollars (0.042), or the provider's response or stream as it came, to the file that
    BUDGETCTL_COST_FILE names. Amounts, one in each line, are added up; of several responses, as update-cost takes
    them, each is charged once. Without a report, nothing is charged. It also finds BUDGETCTL_PROJECT,
    BUDGETCTL_STORE, BUDGETCTL_USER and BUDGETCTL_HOLD in its environment. A prompt, as of estimate, sets aside the
    price of the call. Without that and --amount, something must be left when it starts, and nothing is set aside.

    The command has stdout to itself: a program reads what was charged from the file of --report.

    The exit code is the command's, and 128 + N when signal N has killed it. 125: budgetctl failed or did not allow
    it; 126: the command cannot be run; 127: it does not exist.
    """
    if not command:
        raise InvalidValueError(f"no command to run for {user!r} was given")
    if "-" in (prompt.input_file, prompt.messages):
        raise InvalidValueError("stdin is the command's: give the prompt in a file", hint="budgetctl run --help")
    asked, model = asked_of(amount, prompt)
    if asked is None and (ttl is not None or key is not None):
        raise InvalidValueError(f"{'--ttl' if key is None else '--id'} is for what is set aside: add --amount")
    wanted = Wanted(user, asked, ttl, model, prompt.provider, note, key)
    raise typer.Exit(run_guarded(session, command, wanted, report))
