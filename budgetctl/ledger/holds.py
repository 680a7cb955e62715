"""Values of permission: decisions, holds, and requests for holds.

They are not in `ledger.values`, since commands that only look at budgets need none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.matching import names_of_call
from budgetctl.ledger.values import Limit, Standing
from budgetctl.money import Picodollars, format_usd

HoldState = Literal["open", "committed", "released", "expired"]
DenialReason = Literal["spent", "held", "clock"]

Freeing: TypeAlias = "Callable[[Limit, Picodollars], tuple[int | None, int]]"
"""Says of a limit when so many picodollars that are held in it now have expired, and how many holds count now."""


class Decision(NamedTuple):
    """Whether a cost would be allowed now. `binding` is the limit that refuses it, or that is nearest to doing so.

    Without a `cost`, allowed means that something is left. `reason` is why a cost is not allowed: the money is `spent`,
    or it would be there without the holds of now (`held`), or the clock stands before the limit's window (`clock`).
    """

    user: str
    allowed: bool
    cost: Picodollars | None
    binding: Standing
    reason: DenialReason | None = None
    frees_us: int | None = None
    """The instant by which enough of what is held has expired for the cost; it may be let go of earlier."""
    holds: int = 0
    """How many holds count in the binding limit, where they are the reason."""


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

    `called` are other names of the model: the money is set aside in the limits for these names too. With `at_least`, as
    much is set aside as all limits have left, up to the amount, if that is no less; 0 is for anything above nothing.
    """

    hold_id: str
    user: str
    amount: Picodollars
    ttl_us: int
    model: str | None = None
    note: str | None = None
    called: tuple[str, ...] = ()
    at_least: Picodollars | None = None

    @property
    def needed(self) -> Picodollars | None:
        """The cost that all limits have to allow, None for anything above nothing."""
        return self.amount if self.at_least is None else self.at_least or None

    def granted(self, remaining: Picodollars) -> Picodollars:
        """The amount to set aside where a limit has so much left that it allows what is needed."""
        return self.amount if self.at_least is None else min(self.amount, remaining)

    @property
    def names(self) -> str | None:
        """All names of the call's model, as one text."""
        return names_of_call(self.called, self.model)


def check_request(request: HoldRequest) -> HoldRequest:
    """The request. Raises `InvalidValueError` for one of at least more than it may have at most."""
    if request.at_least is not None and request.at_least > request.amount:
        raise InvalidValueError(
            f"at least {format_usd(request.at_least)} is more than at most {format_usd(request.amount)}",
            hint="ask for more at most, or for less at least",
        )
    return request
