"""Names that a shell completes: users, tokens, projects, models, durations and holds, with what is said beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from budgetctl.errors import BudgetctlError

if TYPE_CHECKING:
    from budgetctl.cli.session import Session

_MOST = 100


def look_up(what: str, before: Mapping[str, Any], after: Mapping[str, Any], incomplete: str) -> list[tuple[str, str]]:
    """The names of a kind that begin so, each with a remark, in the session of a command line.

    `before` and `after` are the shared options that stand before and after the command's name. There are no names where
    the store cannot be read.
    """
    found: list[tuple[str, str]] = []
    with suppress(BudgetctlError):
        if what in _EVERYWHERE:
            found.extend(islice(_EVERYWHERE[what](incomplete), _MOST))
            return found
        from budgetctl.cli.session import open_session

        with open_session(before, after) as session:
            found.extend(islice(_IN_SESSION[what](session, incomplete), _MOST))
    return found


def _users(session: Session, incomplete: str) -> Iterator[tuple[str, str]]:
    from budgetctl.cli.cells import printable

    with suppress(BudgetctlError):
        yield session.store.budget(incomplete).user, ""
    # In the order of names, those that begin with a text come right behind the text itself.
    behind = (budget.user for budget in session.store.budgets(after=incomplete))
    found = islice(takewhile(lambda name: name.startswith(incomplete), behind), _MOST)
    yield from ((name, "") for name in found if printable(name) == name)


def _projects(session: Session, incomplete: str) -> Iterator[tuple[str, str]]:
    return ((name, "") for name in session.project_names() if name.startswith(incomplete))


def _holds(session: Session, incomplete: str) -> Iterator[tuple[str, str]]:
    return ((hold.hold_id, hold.user) for hold in session.store.holds() if hold.hold_id.startswith(incomplete))


def _token_names(session: Session, incomplete: str) -> Iterator[tuple[str, str]]:
    """The names of the project's tokens that can be used; the ids of those without a name."""
    import time

    from budgetctl.server.tokens import open_tokens

    now_us = time.time_ns() // 1000
    kept = open_tokens(session.location).tokens()
    usable = (each for each in kept if each.project == session.project and each.is_valid(now_us))
    return ((name, "") for each in usable if (name := each.name or each.token_id).startswith(incomplete))


def _models(incomplete: str) -> Iterator[tuple[str, str]]:
    from budgetctl.pricing.prices.quotes import keys

    return ((key, "") for key in keys(incomplete))


def _durations(incomplete: str) -> Iterator[tuple[str, str]]:
    from budgetctl.periods import DURATION_NAMES

    return ((name, "") for name in DURATION_NAMES if name.startswith(incomplete))


_IN_SESSION: dict[str, Callable[[Any, str], Iterator[tuple[str, str]]]] = {
    "users": _users,
    "projects": _projects,
    "holds": _holds,
    "token_names": _token_names,
}
"""Kind of names → those in a project or store that begin so, each with a remark, which may be empty."""

_EVERYWHERE: dict[str, Callable[[str], Iterator[tuple[str, str]]]] = {"models": _models, "durations": _durations}
"""Kind of names → those that are the same in all projects."""
