"""`budgetctl history`."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.entries import ALL_ENTRY_COLUMNS, ENTRY_COLUMNS, ENTRY_FIELDS, entry_document
from budgetctl.errors import InvalidValueError
from budgetctl.ledger.corrections import HistoryFilter
from budgetctl.ledger.values import EntryKind
from budgetctl.money import format_usd
from budgetctl.periods import parse_span

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From then: 2026-10, 2026-10-15, 2026-10-15T09:30Z, yesterday, 7d."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Up to then, a month or a day to its end: 2026-10.")
]
Kind = Annotated[
    EntryKind | None,
    typer.Option("--kind", metavar="KIND", help="spend, refund, adjustment, top-up, carry, reset or terms."),
]
Pattern = Annotated[str | None, typer.Option("--model", metavar="PATTERN", help="Only these models, as in 'gpt-4o*'.")]


def history(
    session: Session,
    user: options.OptionalUser = None,
    all_: Annotated[bool, typer.Option("--all", help="Of every user, as it was recorded.")] = False,
    since: Since = None,
    until: Until = None,
    kind: Kind = None,
    model: Pattern = None,
    max_: options.Max = None,
    before: Annotated[
        int | None,
        typer.Option("--before", metavar="ENTRY", parser=options.at_least(1), help="Continue below this entry."),
    ] = None,
) -> None:
    """List ledger entries of a user, or of all, newest first; those of a deleted budget too.

    $ budgetctl history alice --max 20
    $ budgetctl history alice --since 7d --kind spend --model 'gpt-4o*'
    $ budgetctl history --all --since 2026-10 --until 2026-10 --format csv

    --since and --until go by when things happened, which may be before they were recorded. A time without a zone
    is on the clock of the user's budget; of all users, on that of this machine.
    """
    if (user is not None) == all_:
        raise InvalidValueError("name a user or --all, and not both", hint="budgetctl history alice")
    if user is None and before is not None:
        raise InvalidValueError("--before is the number of an entry of one user: name that user")
    wanted = HistoryFilter(*_bounds(session, user, since, until), kind, model)
    if user is None:
        session.manager.require_project()
        placed = session.manager.entries(wanted=wanted)
        documents = (entry_document(owner, entry) for _, owner, entry in itertools.islice(placed, max_))
    else:
        entries = session.manager.history(user, before=before, wanted=wanted)
        documents = (entry_document(user, entry) for entry in itertools.islice(entries, max_))
    columns = ALL_ENTRY_COLUMNS if user is None else ENTRY_COLUMNS
    if not session.output.documents(documents, columns, ENTRY_FIELDS):
        is_filtered = any(given is not None for given in (since, until, kind, model, before))
        session.note("no entry is like that" if is_filtered else _nothing(session, user))


def _bounds(session: Session, user: str | None, since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The instants from which and up to which entries are wanted."""
    if since is None and until is None:
        return None, None
    budget = None if user is None else session.manager.find_budget(user)
    now_us, zone = session.store.now_us(), None if budget is None else budget.limit.zone
    return (
        None if since is None else parse_span(since, now_us, zone)[0],
        None if until is None else parse_span(until, now_us, zone)[1],
    )


def _nothing(session: Session, user: str | None) -> str:
    """The sentence for a history without entries; those of children are in theirs."""
    if user is None:
        return "nothing was charged yet"
    budget = session.manager.find_budget(user)
    if budget is None or not budget.limit.spent:
        return f"nothing was charged to {user} yet"
    spent = format_usd(budget.limit.spent)
    return f"nothing was charged to {user} itself: the {spent} spent are in the histories of those under it"
