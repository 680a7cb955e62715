"""Names that may have been meant: of users, projects and holds, in place of one that is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain, islice, takewhile
from typing import Any

from budgetctl.cli.session import Session
from budgetctl.errors import BudgetctlError, NotFoundError, UnknownHoldError, UnknownProjectError, UnknownUserError
from budgetctl.names import DEFAULT_PROJECT

_MOST = 500
"""How many names are looked at: of users those that begin alike, and the first ones, as there may be millions."""

_SHORTEST_PREFIX = 3


def suggest(error: NotFoundError, session: Session, values: Mapping[str, Any]) -> None:
    """Add to an error the names that are like one of the values that were given, in place of which nothing was found.

    Adds nothing where the store cannot be read: that is another error's to tell.
    """
    with suppress(BudgetctlError):
        if isinstance(error, UnknownHoldError):
            _suggest_hold(error, session, str(values.get("hold")))
        elif isinstance(error, (UnknownUserError, UnknownProjectError)) and not session.store.exists():
            _suggest_project(error, session)
        elif isinstance(error, UnknownUserError):
            user = next((text for text in _texts(values.values()) if repr(text) in error.message), None)
            if user is not None:
                _add(error, _alike(user, _users(session, user)))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """The texts among values, and among the fields of those that are groups of options."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)


def _suggest_hold(error: NotFoundError, session: Session, hold_id: str) -> None:
    ids = [hold.hold_id for hold in islice(session.store.holds(), _MOST)]
    begun = [each for each in ids if len(hold_id) >= _SHORTEST_PREFIX and each.startswith(hold_id)]
    _add(error, begun or _alike(hold_id, ids))


def _suggest_project(error: NotFoundError, session: Session) -> None:
    """What to try next is in another project then: the one that was named would be named again."""
    # The project itself may be there, and empty.
    names = [name for name in islice(session.project_names(), _MOST) if name != session.project]
    if isinstance(error, UnknownUserError) and session.project != DEFAULT_PROJECT:
        error.message += f"; there is no project {session.project!r}"
    alike = _alike(session.project, names)
    _add(error, alike)
    if alike:
        error.hint = "budgetctl projects"
        session.forget_project()


def _users(session: Session, user: str) -> Iterable[str]:
    first = user[:1]
    begin_alike = takewhile(lambda name: name.startswith(first), _names(session, first))
    return chain(islice(begin_alike, _MOST), islice(_names(session, None), _MOST))


def _names(session: Session, after: str | None) -> Iterable[str]:
    return (budget.user for budget in session.store.budgets(after=after))


def _alike(name: str, names: Iterable[str]) -> list[str]:
    """The names that a typing error may have made this of, the nearest first."""
    from difflib import get_close_matches

    known = {each.casefold(): each for each in names}
    return [known[each] for each in get_close_matches(name.casefold(), known, n=3, cutoff=0.7)]


def _add(error: NotFoundError, names: list[str]) -> None:
    if names:
        error.message += f"; did you mean {' or '.join(map(repr, names[:3]))}?"


def unknown_pattern(pattern: str) -> str | None:
    """A remark on a pattern that means no model with a price: those of models to come are allowed, and rare."""
    from budgetctl.ledger.matching import means
    from budgetctl.pricing.prices.quotes import keys

    known = keys()
    if any(means(pattern, key) for key in known):
        return None
    alike = _alike(pattern.strip("*"), [key.rpartition("/")[2] for key in known])
    return f"no model that has a price is called like {pattern!r}" + (
        f"; did you mean {' or '.join(map(repr, alike))}?" if alike else ""
    )
