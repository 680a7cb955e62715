"""`budgetctl update-cost`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from budgetctl.cli import options
from budgetctl.cli.costs import CostOptions, price_of
from budgetctl.cli.problems import warn
from budgetctl.cli.reading import SeveralResponsesError
from budgetctl.cli.session import Session
from budgetctl.cli.views.charges import (
    charge_document,
    charged,
    dry_charge_document,
    notes_of,
    warnings_of,
    would_be_charged,
)
from budgetctl.errors import InvalidValueError

if TYPE_CHECKING:
    from budgetctl.cli.several import Terms


def update_cost(
    session: Session,
    user: options.User,
    *,
    stated: CostOptions,
    key: Annotated[
        str | None, typer.Option("--id", metavar="KEY", help="Charge this once, however often it is tried.")
    ] = None,
    at: options.At = None,
    again: Annotated[bool, typer.Option("--again", help="Charge a response that was charged before.")] = False,
    on_unknown_price: options.OnUnknownPrice = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Of several documents, charge those that can be read; exit 1.")
    ] = False,
    note: options.Note = None,
    dry_run: options.DryRun = False,
) -> None:
    """Charge a user for a saved response, for text, for tokens, or an amount.

    $ budgetctl update-cost alice --response response.json
    $ budgetctl update-cost alice --response session.jsonl --dry-run
    $ budgetctl update-cost alice --model gpt-4o --input-text Hi --output-text Hello
    $ budgetctl update-cost alice 0.12 --id job-17

    A response that has an id is charged once, also where another user was charged for it, or a log of the same call
    was; a second time says so and adds nothing, but for what the call has used more than was known. A cost is
    recorded even when it takes the budget over its limit: then a warning is printed, and the exit code is still 0.

    A file may hold several documents, up to 10,000 responses: JSON lines, an array, a session of Claude Code, Codex or
    Gemini's command line, the output of a batch. Each response is charged once, at the time that its line states; what
    carries no usage is passed over. All are charged, or none: an error says which line is to blame. With --skip-bad the
    others are charged, and the exit code is 1. On a server, a line that its ledger refuses keeps no other back. A line
    for each is printed, of more than 20 the total alone; --format jsonl has each.

    With --at, it counts in the windows of then, as far as these are still open.

    With --on-unknown-price record, or an amount, what has no price is an entry that is marked as unpriced until
    budgetctl reprice corrects it. Of a saved stream that does not say what was used, the text is counted; what was
    sent is not in it, and can be given by --input-text or --input-file.
    """
    if key is not None and again:
        raise InvalidValueError("--id charges once, --again charges again: give one of them")
    try:
        price = price_of(stated, on_unknown_price)
    except SeveralResponsesError as error:
        if key is not None:
            raise InvalidValueError("--id is the key of one charge, and there are several documents") from error
        from budgetctl.cli.several import Terms

        terms = Terms(on_unknown_price, note, at, again, dry_run, skip_bad)
        raise typer.Exit(_update_several(session, user, stated, error.text, terms)) from None
    if dry_run:
        budget = session.manager.budget(user)
        session.output.document(dry_charge_document(price, budget), lambda: would_be_charged(price, budget))
        warn(*notes_of(price))
        return
    once = not again and stated.response is not None
    charge = session.manager.charge_price(user, price, key=key, once=once, note=note, at=at)
    now_us = session.store.now_us()
    way_out = " (--again to charge it again)" if charge.replayed and key is None else ""
    session.output.document(charge_document(charge, price), lambda: charged(charge, price, key, now_us) + way_out)
    if stated.response is not None and key is None and price.usage.request_id is None and not session.output.quiet:
        warn("the response has no id: charging it again will not be noticed (--id KEY gives it one)")
    warn(*warnings_of(charge, price, now_us))


def _update_several(session: Session, user: str, stated: CostOptions, text: str, terms: Terms) -> int:
    """Charge and print several responses. Returns the exit code: 1 where some were skipped."""
    from budgetctl.cli.several import charge_several
    from budgetctl.cli.views import several as view

    several = charge_several(session, user, stated, text, terms)
    budget, now_us = session.manager.budget(user), session.store.now_us()
    output = session.output
    if output.format in ("jsonl", "csv"):
        output.documents(view.documents(several, budget), (), view.FIELDS)
    else:
        output.document(view.several_document(several, budget), lambda: view.sentences(several, budget, now_us))
    if not output.quiet or several.bad:
        warn(*view.warnings_of(several, budget, now_us, is_again=terms.is_again))
    return 1 if several.bad else 0
