"""`budgetctl history`."""

from __future__ import annotations

import itertools
from typing import Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.session import Session
from budgetctl.cli.views.entries import ENTRY_COLUMNS, ENTRY_FIELDS, entry_document
from budgetctl.ledger.corrections import HistoryFilter
from budgetctl.ledger.values import EntryKind
from budgetctl.money import format_usd
from budgetctl.periods import parse_instant

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From then: 2026-11-01, 2026-11-01T09:30Z, 7d.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to then.")]
Kind = Annotated[
    EntryKind | None, typer.Option("--kind", metavar="KIND", help="spend, refund, adjustment, top-up, carry or reset.")
]
Pattern = Annotated[str | None, typer.Option("--model", metavar="PATTERN", help="Only these models, as in 'gpt-4o*'.")]


def history(
    session: Session,
    user: options.User,
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
    """List a user's ledger entries, newest first; those of a deleted budget too.

    $ budgetctl history alice --max 20
    $ budgetctl history alice --since 7d --kind spend --model 'gpt-4o*'
    $ budgetctl history alice --format csv > alice.csv
    """
    now_us = session.store.now_us()
    since_us, until_us = (None if text is None else parse_instant(text, now_us) for text in (since, until))
    entries = session.manager.history(user, before=before, wanted=HistoryFilter(since_us, until_us, kind, model))
    documents = map(entry_document, itertools.islice(entries, max_))
    if not session.output.documents(documents, ENTRY_COLUMNS, ENTRY_FIELDS):
        is_filtered = any(given is not None for given in (since, until, kind, model, before))
        session.note("no entry is like that" if is_filtered else _nothing(session, user))


def _nothing(session: Session, user: str) -> str:
    """The sentence for a history without entries; those of children are in theirs."""
    budget = session.manager.find_budget(user)
    if budget is None or not budget.limit.spent:
        return f"nothing was charged to {user} yet"
    spent = format_usd(budget.limit.spent)
    return f"nothing was charged to {user} itself: the {spent} spent are in the histories of those under it"
