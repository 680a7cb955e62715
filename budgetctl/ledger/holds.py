"""Values of permission: decisions, holds, and requests for holds.

They are not in `ledger.values`, since commands that only look at budgets need none of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from budgetctl.ledger.matching import names_of_call
from budgetctl.ledger.values import Standing
from budgetctl.money import Picodollars

HoldState = Literal["open", "committed", "released", "expired"]


class Decision(NamedTuple):
    """Whether a cost would be allowed now. `binding` is the limit that refuses it, or that is nearest to doing so.

    Without a `cost`, allowed means that something is left.
    """

    user: str
    allowed: bool
    cost: Picodollars | None
    binding: Standing


class Hold(NamedTuple):
    """Money set aside before a call. It counts against its limits until it is resolved, or has expired.

    `number` is the entry that its commit made.
    """

    hold_id: str
    user: str
    amount: Picodollars
    state: HoldState
    created_us: int
    expires_us: int
    resolved_us: int | None = None
    model: str | None = None
    note: str | None = None
    number: int | None = None


class HoldRequest(NamedTuple):
    """Money to set aside for a call of the user's, for `ttl_us` microseconds at most.

    `called` are other names of the model: the money is set aside in the limits for these names too.
    """

    hold_id: str
    user: str
    amount: Picodollars
    ttl_us: int
    model: str | None = None
    note: str | None = None
    called: tuple[str, ...] = ()

    @property
    def names(self) -> str | None:
        """All names of the call's model, as one text."""
        return names_of_call(self.called, self.model)
