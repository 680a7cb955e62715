"""`budgetctl check`."""

from __future__ import annotations

import typer

from budgetctl.cli import options
from budgetctl.cli.prompting import PromptOptions, asked_of
from budgetctl.cli.session import Session
from budgetctl.cli.views.decisions import decision_document
from budgetctl.errors import OverBudgetError
from budgetctl.ledger.decisions import clock_fault, denial


def check(
    session: Session,
    user: options.User,
    amount: options.Cost = None,
    *,
    prompt: PromptOptions,
) -> None:
    """Say whether a cost would be allowed now: exit code 0, or 3 with the limit that refuses it.

    $ budgetctl check alice 0.05 || exit
    $ budgetctl check alice --model gpt-4o --messages request.json

    Without a cost, whether anything is left. Nothing is written; reserve sets the money aside, so that nobody else
    can spend it in the meantime.
    """
    asked, model = asked_of(amount, prompt)
    decision = session.manager.check(user, asked, model=model, provider=prompt.provider)
    fault = clock_fault(decision.user, [decision.binding], session.store.now_us()) if not decision.allowed else None
    if fault is not None:
        session.warnings.append(fault)
    session.output.document(
        {**decision_document(decision), "clock_fault": fault},
        lambda: None if decision.allowed else f"denied: {denial(decision)}",
    )
    if not decision.allowed:
        raise typer.Exit(OverBudgetError.exit_code)
