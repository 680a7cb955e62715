"""The values that travel between the layers. Frozen, and without behaviour beyond what is derived from them.

Amounts are `Picodollars` (10⁻¹² USD). Instants are integers of microseconds since 1970 in UTC, named `…_us`; zones
appear at the edges only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from budgetctl.money import ZERO, Picodollars

Align = Literal["rolling", "calendar"]
Status = Literal["ok", "warning", "limited", "exceeded"]
EntryKind = Literal["spend", "refund", "adjustment", "carry", "reset", "top-up", "terms"]

UNKNOWN_PRICE = "unknown"
"""The source of a price that nobody knew: the entry keeps the usage until it can be priced."""

DEFAULT_WARN_AT = (80, 100)

PRIMARY = "total"
"""The name of the limit that every budget has, litellm's `total_budget`."""


class Usage(NamedTuple):
    """The consumption of one provider response: disjoint counts of tokens, so that each token is priced once.

    A count of its own for tokens read from the cache, as `audio_cache_read`, is neither in `cache_read` nor in
    `audio_input`. `cost` is the amount that the provider itself has billed, where the response states it.
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
    """The usage of other models for the same answer: an advisor, a tool that draws."""
    notes: tuple[str, ...] = ()
    """Remarks on how the counts were read, for the reader of the amount. Not stored."""
    issuer: str | None = None
    """The namespace of the ids in `request_id`, where the reader knows that no id in it is made twice.

    Empty where the reader knows that ids may repeat, as those of sessions. Not stored."""

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
        """The usage without the counts that are billed by the piece."""
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
        said = {name: value for name, value in self._asdict().items() if value and name not in _UNSTORED}
        if self.cost is not None:
            said["cost"] = self.cost
        if self.also:
            said["also"] = [usage.to_json() for usage in self.also]
        return said


_UNSTORED = frozenset({"notes", "issuer"})


class Price(NamedTuple):
    """The price of a usage. `pricing` says how it was found, and is kept with the entry."""

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
    """The percents of the allowance at which somebody is told of the spend, lowest first."""
    topped_up: Picodollars = ZERO
    """The money that top-ups add to the amount in this generation."""
    topped_up_until_us: int | None = None
    """The expiry of the first of these top-ups; None where none of them expires."""
    generation_start_us: int = 0
    """The start of the generation: later than that of the window after a manual reset, or when the limit was made."""

    @property
    def allowance(self) -> Picodollars:
        """The amount with the top-ups: all that may be spent in this window."""
        return Picodollars(self.amount + self.topped_up)

    @property
    def remaining(self) -> Picodollars:
        """The allowance without the spend and the holds of this window; negative when more was spent or held."""
        # As plain integers, which takes a fifth of the time: it is asked of every limit of every budget in a list.
        return Picodollars(int(self.amount) + int(self.topped_up) - int(self.spent) - int(self.held))


class Standing(NamedTuple):
    """A limit that a user's charges count against, and its owner: the user, a parent, or the project (empty)."""

    user: str
    limit: Limit


def binding_of(standings: Iterable[Standing]) -> Standing:
    """The limit with the least left among those that count calls of every model; of several, the first.

    Standings begin with the user's own: so it goes before a parent's, and the project's comes last.
    """
    return min((each for each in standings if each.limit.models is None), key=lambda each: each.limit.remaining)


def used_up(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """The limits for some models only with nothing left."""
    return tuple(each for each in standings if each.limit.models is not None and each.limit.remaining <= 0)


class Budget(NamedTuple):
    """A user's limits as they stand now: windows that have passed count as reset already, expired holds as gone.

    `models` is the spend of the current generation by model, the most expensive first. `extra` are the caller's own
    keys. `standings` are all limits that a charge may count against, the user's own first; a page of many budgets is
    read without them. `deciding` are those of them that its budgets come with: the binding limit and the used-up ones,
    empty where `limit` alone decides.
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
    deciding: tuple[Standing, ...] = ()

    @property
    def binding(self) -> Standing:
        """The limit that lets the least through for a call of any model: the user's, a parent's, or the project's."""
        return binding_of(self.standings or self.deciding or (Standing(self.user, self.limit),))

    @property
    def limited(self) -> tuple[Standing, ...]:
        """The limits for some models only that are used up: calls of other models may still be allowed."""
        return used_up(self.standings or self.deciding)

    @property
    def remaining(self) -> Picodollars:
        """The money that is left for a call of any model: what is left of the binding limit."""
        return self.binding.limit.remaining


class Entry(NamedTuple):
    """One immutable line of a user's ledger. `number` counts from 1 without gaps within the user, as it was recorded.

    `at_us` is when it happened. A top-up adds to the allowance, and counts as nothing spent. A reset moves no money:
    `closed` is the generation that it closed. A carry takes the spend of a closed generation over into the one that a
    change of duration opens. An adjustment with a usage says that the call which it refers to has used more than was
    known: it keeps the whole usage. Terms say how the budget's terms were changed, in `changed`.
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
    """Whether a later entry corrects the price of this one."""
    recorded_us: int | None = None
    """When it was recorded, where that is later than when it happened."""
    key: str | None = None
    """The idempotency key that its caller gave."""
    hold_id: str | None = None
    """The hold that it has resolved."""
    changed: Mapping[str, Any] | None = None
    """The terms that were changed, each with what it was and what it is, and `by` whom."""

    @property
    def is_unpriced(self) -> bool:
        """Whether nobody knew the price, and nobody has corrected it since."""
        return not self.is_corrected and (self.pricing or {}).get("source") == UNKNOWN_PRICE


class ClosedWindow(NamedTuple):
    """A generation of a limit that has ended: its window, and its spend."""

    limit: str
    generation: int
    start_us: int
    end_us: int
    spent: Picodollars


class Charge(NamedTuple):
    """The answer to a charge: the entry it made, or the one made before under the same key or identity (`replayed`).

    `budget` is that of the user who was to be charged. Another user may have been charged for the same call before, and
    has the entry then: `owner`. `cost` is what the call has cost in all, where an identity says that it was known.
    """

    entry: Entry
    budget: Budget
    replayed: bool = False
    owner: str | None = None
    cost: Picodollars | None = None


class Reset(NamedTuple):
    """A reset of a user's limit at `at_us`, the window that it closed, and the zone that the limit has now."""

    user: str
    closed: ClosedWindow
    at_us: int
    zone: str = "UTC"


class ProjectSummary(NamedTuple):
    """A project, the number of its users, and their spend: each user's own, in the current window of its budget."""

    project: str
    users: int
    spent: Picodollars
    size_bytes: int
    location: str


class IdempotencyKey(NamedTuple):
    """Names a request, so that its repetition changes nothing.

    `kind` keeps keys of different origin apart: given by callers, derived from a saved response, of a hold's commit, of
    a request over a network, and made by a store so that it can repeat an operation. `digest` is the digest of the key,
    `request` that of the request (16 bytes each): the same key for another request is an error. `text` is the key of a
    caller, as its entry keeps it.
    """

    kind: Literal["caller", "response", "commit", "request", "operation"]
    digest: bytes
    request: bytes
    text: str | None = None
