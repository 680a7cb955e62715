"""What the budgets of a project come to."""

from __future__ import annotations

from typing import NamedTuple

from budgetctl.ledger.values import Limit, Standing
from budgetctl.money import Picodollars


class Totals(NamedTuple):
    """The budgets of a project in their current windows.

    `spent`, `allowance` and `held` are sums over the budgets without a parent: the spend of all others counts in those
    too. `users_over` are users for whom nothing is left for a call of any model. `cap` is the budget of the project
    itself. `spenders` are those users who have spent most, the first of them as many as were asked for.
    """

    users: int
    users_over: int
    spent: Picodollars
    allowance: Picodollars
    held: Picodollars
    cap: Limit | None
    spenders: tuple[Standing, ...]
