"""`budgetctl commit`."""

from __future__ import annotations

import shlex

from budgetctl.cli import options
from budgetctl.cli.costs import CostOptions, price_of
from budgetctl.cli.problems import warn
from budgetctl.cli.session import Session
from budgetctl.cli.views.charges import charge_document, committed, warnings_of
from budgetctl.errors import ProviderError


def commit(
    session: Session,
    hold: options.HoldId,
    *,
    stated: CostOptions,
    on_unknown_price: options.OnUnknownPrice = None,
    note: options.Note = None,
) -> None:
    """Record what the call of a hold did cost, and let go of what was set aside.

    $ budgetctl commit "$hold" --response response.json
    $ budgetctl commit "$hold" 0.031

    It may be more or less than was set aside: the truth is recorded, also when the hold has expired. The same again
    changes nothing.
    """
    try:
        price = price_of(stated, on_unknown_price)
    except ProviderError as error:
        error.hint = f"budgetctl release {shlex.quote(hold)}"
        raise
    charge = session.manager.commit_price(hold, price, note=note)
    now_us = session.store.now_us()
    session.output.document(charge_document(charge, price), lambda: committed(charge, price, hold, now_us))
    warn(*warnings_of(charge, price, now_us))
