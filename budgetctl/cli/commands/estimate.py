"""`budgetctl estimate`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.costs import text_of
from budgetctl.cli.documents import estimate_document
from budgetctl.cli.session import Session
from budgetctl.cli.wording import estimated
from budgetctl.errors import InvalidValueError


def estimate(
    session: Session,
    user: options.OptionalUser = None,
    model: options.Model = None,
    input_text: options.InputText = None,
    input_file: options.InputFile = None,
    max_output_tokens: Annotated[
        int | None,
        typer.Option("--max-output-tokens", metavar="N", parser=options.at_least(0), help="Count in so much output."),
    ] = None,
) -> None:
    """Say what a call would cost, and what a user would then have spent. Nothing is recorded.

    $ budgetctl estimate --model gpt-4o --input-text Hi --max-output-tokens 500
    $ budgetctl estimate alice --model gpt-4o --input-file prompt.txt
    """
    if model is None or (input_text is None and input_file is None):
        raise InvalidValueError(
            "a --model and an --input-text or --input-file are needed", hint="budgetctl estimate --help"
        )
    budget = None if user is None else session.manager.budget(user)
    text = text_of(input_text, input_file, "input")
    price = session.manager.estimate(model, text, max_output_tokens=max_output_tokens or 0)
    session.output.document(estimate_document(price, budget), lambda: estimated(price, budget))
