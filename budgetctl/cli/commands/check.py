"""`budgetctl check`."""

from __future__ import annotations

import typer

from budgetctl.cli import options
from budgetctl.cli.documents import decision_document
from budgetctl.cli.prompting import PromptOptions, estimate_of
from budgetctl.cli.session import Session
from budgetctl.errors import InvalidValueError, OverBudgetError
from budgetctl.ledger import denial


def check(
    session: Session,
    user: options.User,
    cost: options.Cost = None,
    model: options.Model = None,
    provider: options.Provider = None,
    input_text: options.InputText = None,
    input_file: options.InputFile = None,
    messages: options.Messages = None,
    input_tokens: options.InputTokens = None,
    max_output_tokens: options.MaxOutputTokens = None,
) -> None:
    """Say whether a cost would be allowed now: exit code 0, or 3 with the limit that refuses it.

    $ budgetctl check alice --cost 0.05 || exit
    $ budgetctl check alice --model gpt-4o --messages request.json

    Without a cost, whether anything is left. Nothing is written; reserve sets the money aside, so that nobody else
    can spend it in the meantime.
    """
    prompt = PromptOptions(model, provider, input_text, input_file, messages, input_tokens, max_output_tokens)
    has_prompt = any(given is not None for given in (input_text, input_file, messages, input_tokens))
    if has_prompt and cost is not None:
        raise InvalidValueError("a cost and a prompt were given: give one of them")
    if has_prompt:
        price = estimate_of(prompt)
        decision = session.manager.check(user, price.amount, model=price.model)
    else:
        decision = session.manager.check(user, cost, model=model)
    session.output.document(
        decision_document(decision), lambda: None if decision.allowed else f"denied: {denial(decision)}"
    )
    if not decision.allowed:
        raise typer.Exit(OverBudgetError.exit_code)
