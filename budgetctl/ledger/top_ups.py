"""The rules of top-ups: extra money of a limit, as pure functions. Stores call these inside their transactions.

Money burns in the order in which it expires. The limit's own amount expires with its window, before a top-up of the
same expiry. How much of each top-up is burned is worked out when that order changes: when a top-up is added or expires,
and when the generation closes. In between, the limit's counter says what was spent, and a charge has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from budgetctl.ledger.values import Limit
from budgetctl.ledger.windows import is_due
from budgetctl.money import ZERO, Picodollars

if TYPE_CHECKING:
    from budgetctl.ledger.values import IdempotencyKey

_NEVER_US = 1 << 62


class TopUp(NamedTuple):
    """Extra money of a limit, made by an entry. Without an expiry it goes when a window passes.

    `counts` is the money that the top-up adds to the limit's allowance in its current generation, without the money
    that earlier generations have burned. A top-up that has ended (in `ended_generation`) counts with the money alone
    that this generation had burned. `burned` is the burned part of `counts` when the limit had spent `at_spent`.
    """

    top_up: int
    counts: Picodollars
    burned: Picodollars
    at_spent: Picodollars
    expires_us: int | None = None
    ended_generation: int | None = None


class Left(NamedTuple):
    """A top-up of the limit `limit`: the entry that made it, its amount, and the money that is left of it."""

    limit: str
    number: int
    at_us: int
    amount: Picodollars
    left: Picodollars
    expires_us: int | None
    note: str | None


class TopUpRequest(NamedTuple):
    """Extra money to give to a user's limit, until an instant, or for its window."""

    user: str
    limit: str
    amount: Picodollars
    expires_us: int | None = None
    note: str | None = None
    key: IdempotencyKey | None = None


def current(limit: Limit, top_ups: Sequence[TopUp], now_us: int, *, closes: bool = False) -> tuple[Limit, list[TopUp]]:
    """The limit with what its top-ups add to it now, and the top-ups as they are then.

    Where the limit's generation closes, because its window has passed or by a reset (`closes`), both are for the next
    generation. The caller does all else that closing a generation means.
    """
    has_passed = is_due(limit, now_us)
    closes = closes or has_passed
    after = []
    for each in _burned(limit, top_ups):
        is_over = has_passed if each.expires_us is None else each.expires_us <= now_us
        if each.ended_generation is None and (is_over or (closes and each.burned == each.counts)):
            each = each._replace(counts=each.burned, ended_generation=limit.generation)
        elif each.ended_generation is None and closes:
            each = each._replace(counts=Picodollars(each.counts - each.burned), burned=ZERO, at_spent=ZERO)
        after.append(each)
    return topped_up(limit, [each for each in after if each.ended_generation is None or not closes]), after


def _burned(limit: Limit, top_ups: Sequence[TopUp]) -> list[TopUp]:
    """The same top-ups, each with the money that is burned of it by now."""
    noted = sum(each.burned for each in top_ups)
    own = min(limit.amount, max(max((each.at_spent for each in top_ups), default=0) - noted, 0))
    rest = max(limit.spent - noted - own, 0)
    window_us = _NEVER_US if limit.window_end_us is None else limit.window_end_us
    live = [each for each in top_ups if each.ended_generation is None]
    # The limit's own amount has no key, and stands before a top-up that expires with it.
    order = [(window_us, 0, limit.amount - own)]
    order += [
        (window_us if each.expires_us is None else each.expires_us, each.top_up, each.counts - each.burned)
        for each in live
    ]
    taken = {}
    for _, key, size in sorted(order):
        taken[key] = min(rest, size)
        rest -= taken[key]
    return [
        each._replace(burned=Picodollars(each.burned + taken[each.top_up]), at_spent=limit.spent)
        if each.ended_generation is None
        else each
        for each in top_ups
    ]


def topped_up(limit: Limit, counting: Iterable[TopUp]) -> Limit:
    """The limit with its allowance raised by top-ups, none of which has ended before its current generation."""
    counting = list(counting)
    expiries = [each.expires_us for each in counting if each.ended_generation is None and each.expires_us is not None]
    return limit._replace(
        topped_up=Picodollars(sum(each.counts for each in counting)), topped_up_until_us=min(expiries, default=None)
    )
