"""The values that travel between the layers. Frozen, and without behaviour beyond what is derived from them.

Amounts are `Picodollars` (10⁻¹² USD). Instants are integers of microseconds since 1970 in UTC, named `…_us`; zones
appear at the edges only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from budgetctl.money import ZERO, Picodollars

Align = Literal["rolling", "calendar"]
Status = Literal["ok", "warning", "exceeded"]
EntryKind = Literal["spend", "refund", "adjustment", "carry", "reset", "top-up"]

UNKNOWN_PRICE = "unknown"
"""The source of a price that nobody knew: the entry keeps the usage until it can be priced."""

DEFAULT_WARN_AT = (80, 100)

PRIMARY = "total"
"""The name of the limit that every budget has, litellm's `total_budget`."""


class Usage(NamedTuple):
    """What one provider response says was consumed: disjoint counts of tokens, so that each is priced once.

    A count that says what it was read from the cache, as `audio_cache_read`, is not in `cache_read` again, nor in
    `audio_input`. `cost` is the amount the provider itself says it billed, where that is authoritative.
    """

    model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    created: str | None = None
    uncached_input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_12h: int = 0
    explicit_cache_read: int = 0
    """Read from a cache that the caller made, where that has another price: Alibaba's."""
    audio_cache_read: int = 0
    image_cache_read: int = 0
    audio_input: int = 0
    image_input: int = 0
    video_input: int = 0
    text_output: int = 0
    reasoning: int = 0
    audio_output: int = 0
    image_output: int = 0
    video_output: int = 0
    citations: int = 0
    """Tokens of the pages that an answer cites, which Perplexity bills beside input and output."""
    unexplained: int = 0
    """Tokens of a stated total that none of the stated counts has: priced as text, at the dearer of its two rates."""
    web_searches: int = 0
    maps_searches: int = 0
    file_searches: int = 0
    code_sessions: int = 0
    """Containers in which a code interpreter ran."""
    audio_seconds: int = 0
    images: int = 0
    """Pictures that are billed by the piece."""
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None
    cost: Picodollars | None = None
    also: tuple[Usage, ...] = ()
    """What other models consumed for the same answer: an advisor, a tool that draws."""
    notes: tuple[str, ...] = ()
    """What whoever reads the amount has to know of how it was read. Not stored."""

    @property
    def total_input(self) -> int:
        """All input tokens, cached or not."""
        return sum(self[4:15])

    @property
    def total_output(self) -> int:
        """All output tokens, reasoning included."""
        return sum(self[15:20])

    @property
    def has_counts(self) -> bool:
        """Whether anything was counted."""
        return any(self[4:28])

    def of_tokens(self) -> Usage:
        """The same without what is billed by the piece."""
        return self._replace(
            web_searches=0,
            maps_searches=0,
            file_searches=0,
            code_sessions=0,
            audio_seconds=0,
            images=0,
            also=tuple(usage.of_tokens() for usage in self.also),
        )

    def to_json(self) -> dict[str, Any]:
        """The fields that say something, for storing and printing."""
        said = {name: value for name, value in self._asdict().items() if value and name != "notes"}
        if self.cost is not None:
            said["cost"] = self.cost
        if self.also:
            said["also"] = [usage.to_json() for usage in self.also]
        return said


class Price(NamedTuple):
    """What something cost, and how that was found out. `pricing` is kept with the entry."""

    amount: Picodollars
    usage: Usage
    model: str | None
    pricing: Mapping[str, Any]


class Limit(NamedTuple):
    """An amount over a duration, and where its current generation stands.

    `duration` is the canonical text of a duration, or None for a limit that never resets (then `window_end_us` is
    None). `models` is a shell-style pattern for the models it counts (see `budgetctl.ledger.matching`), or None for all
    of them.
    """

    limit_id: int
    name: str
    amount: Picodollars
    duration: str | None
    align: Align
    zone: str
    models: str | None
    anchor_us: int
    generation: int
    window_start_us: int
    window_end_us: int | None
    spent: Picodollars
    held: Picodollars = ZERO
    warn_at: tuple[int, ...] = DEFAULT_WARN_AT
    """From which percents of the allowance on somebody is told, lowest first."""
    topped_up: Picodollars = ZERO
    """What top-ups add to the amount in this generation."""
    topped_up_until_us: int | None = None
    """When the first of these expires, if any does before it is used up or the window has passed."""

    @property
    def allowance(self) -> Picodollars:
        """What may be spent in this window in all."""
        return Picodollars(self.amount + self.topped_up)

    @property
    def remaining(self) -> Picodollars:
        """What may still be spent in this window and is not set aside; negative when more than is allowed was."""
        return Picodollars(self.allowance - self.spent - self.held)


class Standing(NamedTuple):
    """A limit that a user's charges count against, and whose it is: the user's own, a parent's, or the project's."""

    user: str
    limit: Limit


class Budget(NamedTuple):
    """A user's limits as they stand now: windows that have passed count as reset already, expired holds as gone.

    `models` is what this window's generation spent by model, the most expensive first. `extra` belongs to the caller.
    `standings` are all limits that a charge may count against, the user's own first; a page of many budgets is read
    without them.
    """

    project: str
    user: str
    limit: Limit
    models: Mapping[str, Picodollars]
    created_us: int
    updated_us: int
    extra: Mapping[str, Any] = MappingProxyType({})
    parent: str | None = None
    standings: tuple[Standing, ...] = ()

    @property
    def remaining(self) -> Picodollars:
        """What may still be spent in this window; negative when more than the budget was."""
        return self.limit.remaining


class Entry(NamedTuple):
    """One immutable line of a user's ledger. `number` counts from 1 without gaps within the user.

    A top-up adds to what may be spent, and counts as nothing spent. A reset moves no money: `closed` says what the
    generation that it closed had spent, in which window. A carry takes what was spent over into the generation that a
    change of duration opens.
    """

    number: int
    kind: EntryKind
    at_us: int
    amount: Picodollars
    model: str | None = None
    usage: Mapping[str, Any] | None = None
    pricing: Mapping[str, Any] | None = None
    note: str | None = None
    closed: ClosedWindow | None = None
    refers_to: int | None = None
    """The entry whose amount this one corrects."""
    is_corrected: bool = False
    """Whether a later entry corrects the amount of this one."""

    @property
    def is_unpriced(self) -> bool:
        """Whether nobody knew the price, and nobody has corrected it since."""
        return not self.is_corrected and (self.pricing or {}).get("source") == UNKNOWN_PRICE


class ClosedWindow(NamedTuple):
    """A generation of a limit that has ended, and what was spent in it."""

    limit: str
    generation: int
    start_us: int
    end_us: int
    spent: Picodollars


class Charge(NamedTuple):
    """The answer to a charge: the entry it made, or the one made before under the same key (`replayed`)."""

    entry: Entry
    budget: Budget
    replayed: bool = False


class Reset(NamedTuple):
    """That a user's limit was reset, and what the closed window had spent."""

    user: str
    closed: ClosedWindow
    at_us: int


class ProjectSummary(NamedTuple):
    """A project and what its budgets have spent in their current windows."""

    project: str
    users: int
    spent: Picodollars
    size_bytes: int
    location: str


class IdempotencyKey(NamedTuple):
    """Names a request, so that its repetition changes nothing.

    `kind` separates keys that callers give from those that are derived from a saved response, from those of what a hold
    was committed with, from those of a request over a network, and from those that a store gives itself to be able to
    repeat. `digest` is of the key, `request` of what is asked for (16 bytes each): the same key for another request is
    an error.
    """

    kind: Literal["caller", "response", "commit", "request", "operation"]
    digest: bytes
    request: bytes
