"""The meaning of a save of litellm's hosted client, as pure functions.

The client posts all its records after each change, from a thread of its own: saves arrive late, twice and in any order,
and none knows what other clients have spent. So the server keeps a *shadow* of each record for each client: the last
state that it accepted. The meaning of a save is its difference to the shadow.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from budgetctl.money import ZERO, Picodollars

LATENESS_US = 2_000_000
"""The longest time by which a save may arrive behind a later one. The longest seen of litellm's clients: 0.45 s."""

_NOISE = 10**11
"""An amount of so many picodollars may be off by one, as clients add up floats."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


class State(NamedTuple):
    """The content of a record: its terms, and the spend of the window that began at `last_us`, in all and by model.

    `duration` is in days. A record without a duration has None, and no `last_us` either.
    """

    total: Picodollars
    duration: float | None
    last_us: int | None
    cost: Picodollars = ZERO
    models: Mapping[str, Picodollars] = NOTHING
    extra: Mapping[str, Any] = NOTHING

    @property
    def rest(self) -> int:
        """The spend on no model. Negative where a client was caught between its counts by model and in all."""
        return self.cost - sum(self.models.values())

    @property
    def terms(self) -> tuple[Any, ...]:
        """The fields that the client sets, and does not count."""
        return self.total, self.duration, self.extra

    def spent_nothing(self) -> State:
        """The state at the beginning of its window."""
        return self._replace(cost=ZERO, models=NOTHING)


class Posted(NamedTuple):
    """A user's record in a save.

    `identity` names the client that keeps the record. `incarnation` names the budget that the client has loaded, and
    `baseline` is the state of that budget then. A record without them was made by the client's `create_budget`, at
    `created_us`. `is_new` says that it has not been charged since.
    """

    user: str
    identity: str
    state: State
    incarnation: int | None = None
    baseline: State | None = None
    created_us: int | None = None
    is_new: bool = False


class Shadow(NamedTuple):
    """The last accepted `state` of a record, which last advanced at `advanced_us`.

    At `since_us` the generation of this state began, by a reset or with a window. `before` is the last state of the
    generation before, which last advanced at `before_us`. `pending` is a record without any spending: either a late
    save, or a reset. The next save tells which; if none comes, it is a reset.
    """

    state: State
    advanced_us: int = 0
    since_us: int = 0
    before: State | None = None
    pending: State | None = None
    before_us: int = 0

    @property
    def conclude_us(self) -> int | None:
        """The time from which on the pending record counts as a reset, if no save comes before."""
        return None if self.pending is None else self.advanced_us + LATENESS_US


class Meaning(NamedTuple):
    """The steps that a save stands for: keep `shadow`, reset the budget if `is_reset`, then charge amounts by model.

    None stands for no model. Its amount is negative where an earlier save was made between the client's count in all
    and that by model: the model's amount then makes up for it.
    """

    shadow: Shadow
    charges: Mapping[str | None, int] = MappingProxyType({})
    is_reset: bool = False


def interpret(shadow: Shadow, posted: State, now_us: int, *, is_new: bool = False) -> Meaning:
    """The meaning of a record in a save, given its shadow."""
    if posted == shadow.state and shadow.pending is None:  # as most of a save's records are
        return Meaning(shadow)
    order = _order(posted, shadow.state)
    if order < 0:
        return _of_window_before(shadow, posted, now_us, is_new=is_new)
    if order > 0:  # the client's window has passed
        return _begun(shadow, posted, now_us)
    return _of_same_window(shadow, posted, now_us, is_new=is_new)


def conclude(shadow: Shadow, now_us: int) -> Meaning:
    """The meaning of a shadow after which no save came. A pending reset counts from when it was due, not from now."""
    if shadow.pending is None or shadow.conclude_us is None or now_us < shadow.conclude_us:
        return Meaning(shadow)
    return _begun(shadow, shadow.pending, shadow.conclude_us)._replace(is_reset=True)


def created(posted: State, now_us: int) -> Meaning:
    """The meaning of the first record of a client's `create_budget`: all of its spend is new."""
    return interpret(Shadow(posted.spent_nothing()), posted, now_us)


def is_created_again(shadow: Shadow, posted: State, now_us: int) -> bool:
    """Whether the record is of a new budget, where the budget of the shadow has been deleted.

    A client that does not know of the deletion goes on posting the old record.
    """
    state = shadow.state
    if _is_recent(shadow.advanced_us, now_us) or _order(posted, state) > 0:
        return False
    is_other = posted.terms != state.terms or not _covers(_without_noise(posted, state), state)
    return is_other or _order(posted, state) < 0


def _of_same_window(shadow: Shadow, posted: State, now_us: int, *, is_new: bool) -> Meaning:
    """The meaning of a record of the shadow's own window: more spend, a late save, or a reset."""
    accepted = _without_noise(posted, shadow.state)
    if _covers(accepted, shadow.state):
        charges = _differences(shadow.state, accepted)
        advanced_us = now_us if charges else shadow.advanced_us
        return Meaning(shadow._replace(state=accepted, advanced_us=advanced_us, pending=None), charges)
    if _is_recent(shadow.advanced_us, now_us):
        # The first record after a reset looks like another reset, and may be late as any other.
        may_be_reset = posted == posted.spent_nothing() and not is_new and not _is_recent(shadow.since_us, now_us)
        return Meaning(shadow._replace(pending=posted if may_be_reset else None))
    return _begun(shadow, posted, now_us)._replace(is_reset=not is_new)


def _of_window_before(shadow: Shadow, posted: State, now_us: int, *, is_new: bool) -> Meaning:
    """The meaning of a late save from an earlier window: its difference to the last state of that window is spend."""
    before = shadow.before
    if before is not None and posted.last_us == before.last_us and _is_recent(shadow.since_us, now_us):
        accepted = _without_noise(posted, before)
        if _covers(accepted, before):
            charges = _differences(before, accepted)
        elif _is_recent(shadow.before_us, now_us):
            return Meaning(shadow)
        else:  # there was a reset, and the window that passed next overtook it
            accepted, charges = _from_nothing(posted)
        before_us = now_us if charges else shadow.before_us
        return Meaning(shadow._replace(before=accepted, before_us=before_us), charges)
    if is_new and not _is_recent(shadow.advanced_us, now_us):
        # Created again: litellm gives whatever a process creates the time when that began.
        return _begun(shadow, posted, now_us)
    return Meaning(shadow)


def _begun(shadow: Shadow, posted: State, now_us: int) -> Meaning:
    """The meaning of a record whose client has begun to count from nothing: all of its spend is new."""
    state, charges = _from_nothing(posted)
    began = Shadow(state, advanced_us=now_us, since_us=now_us, before=shadow.state, before_us=shadow.advanced_us)
    return Meaning(began, charges)


def _from_nothing(posted: State) -> tuple[State, dict[str | None, int]]:
    """The state to accept where nothing was spent before, and its spend by model."""
    nothing = posted.spent_nothing()
    accepted = _without_noise(posted, nothing)
    # The models may still be those of before, where the client was caught between resetting the two.
    is_whole = accepted.rest >= 0
    return accepted, _differences(nothing, accepted if is_whole else accepted._replace(models=NOTHING))


def _order(one: State, other: State) -> int:
    """-1 when the window of the first state began before that of the other, 1 when after, else 0."""
    if one.last_us is None or other.last_us is None:
        return 0
    return (one.last_us > other.last_us) - (one.last_us < other.last_us)


def _covers(posted: State, state: State) -> bool:
    """Whether the posted state may have followed from the other by spending alone."""
    models = posted.models
    return posted.cost >= state.cost and all(models.get(model, 0) >= cost for model, cost in state.models.items())


def _differences(state: State, posted: State) -> dict[str | None, int]:
    """The spend between two states, by model."""
    differences: dict[str | None, int] = {
        model: cost - state.models.get(model, 0) for model, cost in posted.models.items()
    }
    differences[None] = posted.rest - state.rest
    return {model: amount for model, amount in differences.items() if amount}


def _without_noise(posted: State, state: State) -> State:
    """The posted state, with as much spent on no model as in the other one, where only floats make a difference.

    The client adds costs up twice, in all and by model, and each sum is rounded on its own.
    """
    drift = int(posted.rest - state.rest)  # in picodollars, as what it is held against
    if drift and abs(drift) <= 2 * (len(posted.models) + 1) + posted.cost // _NOISE:
        return posted._replace(cost=Picodollars(posted.cost - drift))
    return posted


def _is_recent(then_us: int, now_us: int) -> bool:
    return 0 <= now_us - then_us < LATENESS_US
