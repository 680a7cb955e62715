"""`budgetctl delete`."""

from __future__ import annotations

import shlex

from budgetctl.cli import options
from budgetctl.cli.session import Session


def delete(session: Session, user: options.User, yes: options.Yes = False) -> None:
    """Delete a budget. Its history stays, and the name is free for a new one.

    $ budgetctl delete alice --yes
    """
    budget = session.manager.budget(user)
    if not yes:
        session.confirm(
            f"delete the budget of {budget.user} in the project {budget.project}", f"delete {shlex.quote(user)}"
        )
    session.manager.delete_budget(budget.user)
    document = {"project": budget.project, "user": budget.user, "deleted": True}
    session.output.document(document, lambda: f"{budget.user}: deleted; budgetctl history still shows the entries")
