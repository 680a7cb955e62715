"""`budgetctl show`."""

from __future__ import annotations

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.budgets import budget_document, description
from budgetctl.ledger.decisions import clock_fault


def show(session: Session, user: options.User) -> None:
    """Show a budget and what is left of it.

    $ budgetctl show alice
    $ budgetctl show alice --json | jq .remaining

    What is left is the least over all limits that count every call: the user's own, those of its parents, and the
    project's cap. A limit for some models that is used up is named beside it. Windows that have passed count as reset,
    whether or not reset-due has run.
    """
    budget = session.manager.budget(user)
    fault = clock_fault(budget.user, budget.standings, session.store.now_us())
    if fault is not None:
        session.warnings.append(fault)

    def text() -> str | None:
        if not session.output.is_terminal:
            return description(budget, session.store.now_us())
        from budgetctl.cli.views.drawn_budget import draw_budget

        draw_budget(budget, session.store.now_us(), color=session.output.color)
        return None

    session.output.document({**budget_document(budget), "clock_fault": fault}, text)
