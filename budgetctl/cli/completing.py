"""What a shell may complete beyond commands and options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, takewhile

import typer

from budgetctl.errors import BudgetctlError

_MAX_USERS = 100


def token_names(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The names of the project's tokens that can be used, and begin so; the ids of those without a name."""
    import time

    from budgetctl.cli.session import open_session
    from budgetctl.server.tokens import open_tokens

    above = context.parent.parent if context.parent else None
    before = above.params if above else {}
    with suppress(BudgetctlError), open_session(before, context.params) as session:
        kept = open_tokens(session.location).tokens()
        usable = (each for each in kept if each.project == session.project and each.is_valid(time.time_ns() // 1000))
        yield from (name for each in usable if (name := each.name or each.token_id).startswith(incomplete))


def users(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The users of the project whose names begin so; none where the project cannot be read."""
    from budgetctl.cli.cells import printable
    from budgetctl.cli.session import open_session

    before = context.parent.params if context.parent else {}
    with suppress(BudgetctlError), open_session(before, context.params) as session:
        with suppress(BudgetctlError):
            yield session.store.budget(incomplete).user
        # In the order of names, those that begin with a text follow right behind it.
        names = (budget.user for budget in session.store.budgets(after=incomplete))
        found = islice(takewhile(lambda name: name.startswith(incomplete), names), _MAX_USERS)
        yield from (name for name in found if printable(name) == name)
