"""Completions for a shell beside commands and options: names of users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, takewhile

import typer

from budgetctl.errors import BudgetctlError

_MAX_USERS = 100


def users(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The users of the project whose names begin with the text; none where the project cannot be read."""
    from budgetctl.cli.cells import printable
    from budgetctl.cli.session import open_session

    before = context.parent.params if context.parent else {}
    with suppress(BudgetctlError), open_session(before, context.params) as session:
        with suppress(BudgetctlError):
            yield session.store.budget(incomplete).user
        # In the order of names, those that begin with a text come right behind the text itself.
        names = (budget.user for budget in session.store.budgets(after=incomplete))
        found = islice(takewhile(lambda name: name.startswith(incomplete), names), _MAX_USERS)
        yield from (name for name in found if printable(name) == name)
