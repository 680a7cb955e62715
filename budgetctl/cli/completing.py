"""Completions for a shell beside commands and options: users, tokens, projects, models, durations and holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeVar

import typer

from budgetctl.errors import BudgetctlError

if TYPE_CHECKING:
    from budgetctl.cli.session import Session

T = TypeVar("T")

_MOST = 100


def token_names(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The names of the project's tokens that can be used, and begin so; the ids of those without a name."""

    def names(session: Session) -> Iterator[str]:
        import time

        from budgetctl.server.tokens import open_tokens

        now_us = time.time_ns() // 1000
        kept = open_tokens(session.location).tokens()
        usable = (each for each in kept if each.project == session.project and each.is_valid(now_us))
        return (name for each in usable if (name := each.name or each.token_id).startswith(incomplete))

    return _found(context, names)


def users(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The users of the project whose names begin with the text; none where the project cannot be read."""

    def names(session: Session) -> Iterator[str]:
        from budgetctl.cli.cells import printable

        with suppress(BudgetctlError):
            yield session.store.budget(incomplete).user
        # In the order of names, those that begin with a text come right behind the text itself.
        behind = (budget.user for budget in session.store.budgets(after=incomplete))
        found = islice(takewhile(lambda name: name.startswith(incomplete), behind), _MOST)
        yield from (name for name in found if printable(name) == name)

    return _found(context, names)


def projects(context: typer.Context, incomplete: str) -> Iterator[str]:
    """The projects of the store whose names begin so."""

    def names(session: Session) -> Iterator[str]:
        return (name for name in session.project_names() if name.startswith(incomplete))

    return _found(context, names)


def holds(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """The open holds whose ids begin so, each with its user."""

    def ids(session: Session) -> Iterator[tuple[str, str]]:
        found = (hold for hold in session.store.holds() if hold.hold_id.startswith(incomplete))
        return ((hold.hold_id, hold.user) for hold in islice(found, _MOST))

    return _found(context, ids)


def models(incomplete: str) -> Iterator[str]:
    """The models that have a price whose names begin so."""
    from budgetctl.pricing.prices.quotes import keys

    with suppress(BudgetctlError):
        yield from islice((key for key in keys() if key.startswith(incomplete)), _MOST)


def durations(incomplete: str) -> Iterator[str]:
    """The durations that have a name."""
    from budgetctl.periods import DURATION_NAMES

    return (name for name in DURATION_NAMES if name.startswith(incomplete))


def _found(context: typer.Context, find: Callable[[Session], Iterator[T]]) -> Iterator[T]:
    """The finds in the session of a command line; none where its store cannot be read."""
    from budgetctl.cli.session import open_session

    with suppress(BudgetctlError), open_session(context.find_root().params, context.params) as session:
        yield from find(session)
