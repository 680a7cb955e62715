"""Questions that many tests of enforcement ask."""

from __future__ import annotations

import pytest

from budgetctl.errors import OverBudgetError


def counters(manager, *users):
    """The money that each user has spent and set aside, in US dollars."""
    budgets = [manager.cap() if user == "cap" else manager.budget(user) for user in users]
    return [(float(budget.limit.spent), float(budget.limit.held)) for budget in budgets]


def denied(manager, *arguments, **more):
    with pytest.raises(OverBudgetError) as caught:
        manager.reserve(*arguments, **more)
    return caught.value
