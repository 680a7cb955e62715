"""Completions for a shell beside commands and options: names of users."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, takewhile

import typer

from budgetctl.errors import BudgetctlError

_MOST = 100

DURATIONS = ("hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "none")


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
    """The users of the project whose names begin with the text; none where the project cannot be read."""
    from budgetctl.cli.cells import printable
    from budgetctl.cli.session import open_session

    before = context.parent.params if context.parent else {}
    with suppress(BudgetctlError), open_session(before, context.params) as session:
        with suppress(BudgetctlError):
            yield session.store.budget(incomplete).user
        # In the order of names, those that begin with a text come right behind the text itself.
        names = (budget.user for budget in session.store.budgets(after=incomplete))
        found = islice(takewhile(lambda name: name.startswith(incomplete), names), _MOST)
        yield from (name for name in found if printable(name) == name)


def projects(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The projects of the store whose names begin so."""
    from contextlib import closing

    from budgetctl.cli.session import open_session
    from budgetctl.stores import project_stores

    before = context.parent.params if context.parent else {}
    own = {name: value for name, value in context.params.items() if name != "project"}
    with suppress(BudgetctlError), open_session({**before, "project": None}, own) as session:
        for store in project_stores(session.location, wait_s=session.wait_s):
            with closing(store):
                if store.project.startswith(incomplete):
                    yield store.project


def holds(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The open holds whose ids begin so, each with its user."""
    from budgetctl.cli.session import open_session

    before = context.parent.params if context.parent else {}
    with suppress(BudgetctlError), open_session(before, context.params) as session:
        found = (hold for hold in session.store.holds() if hold.hold_id.startswith(incomplete))
        yield from ((hold.hold_id, hold.user) for hold in islice(found, _MOST))


def models(incomplete: str) -> Iterator[str]:
    """The models that have a price whose names begin so."""
    from budgetctl.pricing.prices.quotes import keys

    with suppress(BudgetctlError):
        yield from islice((key for key in keys() if key.startswith(incomplete)), _MOST)


def durations(incomplete: str) -> Iterator[str]:
    """The durations that have a name."""
    return (name for name in DURATIONS if name.startswith(incomplete))
