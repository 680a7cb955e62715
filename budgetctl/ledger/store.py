"""What every store of budgets can do, and the values its operations take.

A store keeps one project. Each operation is one transaction unless it says otherwise, and takes its time from the
store. Values are validated before they get here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from budgetctl.ledger.matching import names_of_call
from budgetctl.ledger.values import Align, Budget, Charge, Entry, IdempotencyKey, ProjectSummary, Reset
from budgetctl.money import Picodollars

if TYPE_CHECKING:
    from budgetctl.errors import BudgetctlError
    from budgetctl.ledger.corrections import Correction, CorrectionRequest, Crossing, Difference, HistoryFilter
    from budgetctl.ledger.holds import Decision, Hold, HoldRequest
    from budgetctl.ledger.hosted_saves import Posted
    from budgetctl.ledger.progress import Progress
    from budgetctl.ledger.top_ups import Left, TopUpRequest
    from budgetctl.ledger.totals import Totals

NEVER = "none"
"""The duration of a budget that never resets, where None means that the caller does not say."""

PROJECT = ""
"""The name, which no user can have, of whoever holds the budget of the whole project."""

SortKey = Literal["user", "spent", "remaining", "budget"]
IfExists = Literal["error", "keep", "change"]


class BudgetChange(NamedTuple):
    """What to set of a budget; None leaves a field as it is (or at its default in a new budget).

    `window_start_us` makes that instant the anchor and the start of the current generation. `spent` and `models`
    are what the current generation shall have spent, in all and by model: the differences become adjustments.
    `extra` is kept for the caller and means nothing to budgetctl. `parent` is a user's name, or empty for none.
    `warn_at` are percents of the amount, lowest first. `by` is who changes them, for the entry that says so.
    """

    amount: Picodollars | None = None
    duration: str | None = None
    align: Align | None = None
    zone: str | None = None
    created_us: int | None = None
    window_start_us: int | None = None
    spent: Picodollars | None = None
    models: Mapping[str, Picodollars] | None = None
    extra: Mapping[str, Any] | None = None
    note: str | None = None
    parent: str | None = None
    warn_at: tuple[int, ...] | None = None
    by: str | None = None


class ChargeRequest(NamedTuple):
    """A cost to record for a user. `called` are other names of the model: it counts in the limits for these too.

    `at_us` is when it happened, where that is not now; an instant in the future is now. `identities` are digests of the
    call's identities (see `budgetctl.ledger.identities`), the one that tells it from other calls first: a call that is
    known already is not charged again, but for what it has used more than was known. With `is_again` it is, in full.
    """

    user: str
    amount: Picodollars
    model: str | None = None
    usage: Mapping[str, Any] | None = None
    pricing: Mapping[str, Any] | None = None
    note: str | None = None
    key: IdempotencyKey | None = None
    called: tuple[str, ...] = ()
    at_us: int | None = None
    identities: tuple[bytes, ...] = ()
    is_again: bool = False

    @property
    def names(self) -> str | None:
        """All that the call's model is called, as one text."""
        return names_of_call(self.called, self.model)


class CommitRequest(NamedTuple):
    """What a call did cost for which money was set aside. The user of the charge does not matter."""

    hold_id: str
    charge: ChargeRequest


class ReleaseRequest(NamedTuple):
    """Money that was set aside, to be let go."""

    hold_id: str


Request: TypeAlias = "ChargeRequest | HoldRequest | CommitRequest | ReleaseRequest"
"""What `Store.apply` does many of."""

Answer: TypeAlias = "Charge | Hold"
"""What became of one: the charge of a charge or commit, the hold of the others."""


def sort_value(sort: SortKey, budget: Budget) -> int:
    """The number by which budgets are sorted, downward, when it is not the user: in picodollars."""
    limit = budget.limit
    if sort == "spent":
        return int(limit.spent)
    return int(limit.amount) if sort == "budget" else -int(budget.remaining)


Kind = Literal["read", "queue", "once", "repeat"]
"""How an operation is asked for over a network: it only reads; it waits in the line of those that share a transaction;
its answer is remembered under the key of the request; or doing it again does no more."""


class Asked:
    """How an operation is asked for over a network, as it is marked on the method.

    `parts` are the names of what the method returns, where that is no named tuple. `cursor` gives the parameters that
    continue a list behind an item, from the item and the parameters so far. `is_bulk` marks an operation that may take
    long, or much. `is_iterated` says that the items of a list come one after the other. `of_project_too` allows the
    empty name as the user, for the budget of the whole project.
    """

    __slots__ = ("cursor", "is_bulk", "is_iterated", "kind", "of_project_too", "parts")

    def __init__(
        self,
        kind: Kind,
        parts: tuple[str, ...],
        cursor: Cursor | None,
        *,
        is_bulk: bool,
        is_iterated: bool,
        of_project_too: bool,
    ) -> None:
        self.kind = kind
        self.parts = parts
        self.cursor = cursor
        self.is_bulk = is_bulk
        self.is_iterated = is_iterated
        self.of_project_too = of_project_too


Cursor: TypeAlias = "Callable[[Any, dict[str, Any]], dict[str, Any]]"
_Method = TypeVar("_Method", bound="Callable[..., Any]")


def _asked(
    kind: Kind,
    *,
    parts: tuple[str, ...] = (),
    cursor: Cursor | None = None,
    is_bulk: bool = False,
    of_project_too: bool = False,
) -> Callable[[_Method], _Method]:
    """Mark a method of `Store`: the server's routes, its client and PostgreSQL's retries follow from the marks."""

    def mark(method: _Method) -> _Method:
        method.asked = Asked(  # type: ignore[attr-defined]
            kind,
            parts,
            cursor,
            is_bulk=is_bulk,
            is_iterated=method.__annotations__["return"].startswith("Iterator"),
            of_project_too=of_project_too,
        )
        return method

    return mark


def _behind_budget(budget: Budget, asked: dict[str, Any]) -> dict[str, Any]:
    sort: SortKey = asked.get("sort", "user")
    return {"after": budget.user} | ({} if sort == "user" else {"after_value": sort_value(sort, budget)})


class Store(Protocol):
    """One project's budgets. Its operations stand in the order in which a server describes them."""

    project: str

    on_progress: Progress
    """Told how far it has come with what may take long: at first a function that does nothing."""

    @_asked("queue")
    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost. It is never refused because the budget is exceeded."""

    @_asked("queue")
    def reserve(self, request: HoldRequest) -> Hold:
        """Set money aside, if all limits allow it. Raises `OverBudgetError`, having changed nothing.

        With `at_least`, as much as all limits have left, up to the amount. The same request again answers the hold that
        it made.
        """

    @_asked("queue")
    def commit(self, hold_id: str, request: ChargeRequest) -> Charge:
        """Record what a call did cost, and let go of what was set aside for it. The truth is never refused.

        The user of the request does not matter. The same again answers the entry that it made.
        """

    @_asked("queue")
    def release(self, hold_id: str) -> Hold:
        """Let go of what was set aside. The same again changes nothing."""

    @_asked("queue")
    def apply(self, requests: Sequence[Request]) -> list[Answer | BudgetctlError]:
        """Do many of the above, in this order, and answer each with what its own method would return or raise.

        All of them become durable together, before any of them is answered.
        """

    def apply_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Do many of these, in this order, all of them or none.

        Raises the first error, whose `place` is that of its request. A server takes them in lists of 2,000, and does
        all of a list that it can: there, an error says how many were done.
        """

    @_asked("read")
    def check(self, user: str, cost: Picodollars | None, model: str | None, called: tuple[str, ...] = ()) -> Decision:
        """Whether all limits would allow a cost now, for a model and what else it is called. Nothing is written."""

    @_asked("read", of_project_too=True)
    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""

    @_asked("read", parts=("exists",))
    def exists(self) -> bool:
        """Whether anything was ever stored for the project."""

    @_asked("read", parts=("now_us",))
    def now_us(self) -> int:
        """The store's time: microseconds since 1970, UTC."""

    def change_token(self) -> object:
        """Equal tokens mean that no other connection has committed anything in between."""

    @_asked("read")
    def summary(self) -> ProjectSummary:
        """How many users the project has, and what they have spent in their current windows: each charge once."""

    @_asked("read", cursor=_behind_budget)
    def budgets(
        self,
        *,
        after: str | None = None,
        after_value: int | None = None,
        sort: SortKey = "user",
        over: bool = False,
        due: bool = False,
    ) -> Iterator[Budget]:
        """All budgets as they stand now, page by page, so that nothing is held between two of them.

        `over` leaves those with nothing left for a call of any model, `due` those whose window has passed and is not
        yet rolled. `after` continues behind that user, who had the `sort_value` of `after_value`; by default has it
        now. Amounts sort downward, but what remains upward.
        """

    @_asked("read", cursor=lambda hold, _: {"after": hold.hold_id})
    def holds(self, user: str | None = None, *, resolved: bool = False, after: str | None = None) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved` all that there ever were.

        `after` continues behind the hold of that id.
        """

    @_asked("read", cursor=lambda entry, _: {"before": entry.number})
    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first, those of a deleted budget too; `before` continues below a number."""

    @_asked("read", parts=("place", "user", "entry"), cursor=lambda placed, _: {"before": placed[0]})
    def entries(
        self, *, before: int | None = None, wanted: HistoryFilter | None = None
    ) -> Iterator[tuple[int, str, Entry]]:
        """All users' entries, those of the project's own budget too, as they were recorded, newest first.

        Beside each are its place in the ledger, and its user. `before` continues below a place.
        """

    @_asked(
        "read",
        parts=("user", "entry", "amount"),
        cursor=lambda charge, _: {"after": (charge[0], charge[1].number)},
    )
    def charges(
        self, model: str, *, user: str | None = None, since_us: int | None = None, after: tuple[str, int] | None = None
    ) -> Iterator[tuple[str, Entry, Picodollars]]:
        """Entries of charges that have a usage, for models of that pattern, with their users.

        The amount beside each is what it costs with all corrections so far. `after` continues behind the user's entry
        of that number.
        """

    @_asked("read", cursor=lambda reset, _: {"after": (reset.user, reset.closed.limit)})
    def due(self, *, after: tuple[str, str] | None = None) -> Iterator[Reset]:
        """What `reset_due` would reset now. Nothing is written. `after` continues behind a user's limit of a name."""

    @_asked("read", parts=("place", "reset"), cursor=lambda placed, _: {"after": placed[0]})
    def unreported_resets(self, *, after: int | None = None) -> Iterator[tuple[int, Reset]]:
        """Every recorded reset since the last `report_resets`, oldest first, with its place in the ledger.

        `after` continues behind a place.
        """

    @_asked("read", cursor=lambda crossing, _: {"after": crossing.standing.limit.limit_id})
    def crossings(self, *, after: int = 0) -> Iterator[Crossing]:
        """The soft limits that are crossed, and were not told in this window, by `limit_id`, from behind `after` on."""

    @_asked("read", is_bulk=True)
    def verify(self) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings, in one snapshot."""

    @_asked("once", parts=("budget", "is_new"), of_project_too=True)
    def create_budget(self, user: str, change: BudgetChange, *, if_exists: IfExists) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new. Raises `AlreadyExistsError` on `error`."""

    @_asked("once", parts=("is_new",), is_bulk=True)
    def create_budgets(self, changes: Sequence[tuple[str, BudgetChange]]) -> list[bool]:
        """Create budgets for those who have none, all of them or nothing, and say who was new."""

    @_asked("once")
    def change_budget(self, user: str, change: BudgetChange) -> Budget:
        """Change what `change` states. A change of amount closes nothing; of duration it carries the spend."""

    @_asked("once")
    def add_limit(self, user: str, name: str, change: BudgetChange, models: str | None) -> Budget:
        """Give the user another limit, for models of a pattern or all. What was spent does not count against it."""

    @_asked("once")
    def remove_limit(self, user: str, name: str, *, by: str | None = None) -> Budget:
        """Take a limit away, but not the one that every budget has. Its entries stay. `by` is who does so."""

    @_asked("once", of_project_too=True)
    def delete_budget(self, user: str) -> None:
        """Delete the budget; its entries stay, and the name is free for a new one."""

    @_asked("once", of_project_too=True)
    def reset(self, user: str) -> Reset:
        """Close the current generation of each of the user's limits."""

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, in batches of a transaction each."""

    @_asked("once")
    def reset_next(self, after: str | None) -> list[Reset]:
        """Reset the next users behind that one, by name, in one transaction. Nobody is left when there are none."""

    @_asked("repeat", parts=("count",), is_bulk=True)
    def reset_due(self, *, clock_is_right: bool = False) -> int:
        """Roll every window that has passed, in batches of a transaction each. Returns how many there were.

        Raises `ClockError` when the store's clock is years ahead of all that the ledger knows, unless `clock_is_right`,
        which is remembered.
        """

    @_asked("once")
    def report_resets(self, place: int) -> None:
        """Take resets up to that place as reported."""

    @_asked("once")
    def refund(self, user: str, number: int | None, amount: Picodollars | None, note: str | None) -> Charge:
        """Take a cost back: of an entry, all that is left of it or less, or an amount of the current window."""

    @_asked("once")
    def top_up(self, request: TopUpRequest) -> Charge:
        """Add to what a limit allows, until an instant or for its window. The entry counts as nothing spent."""

    @_asked("read")
    def top_ups(self, user: str) -> list[Left]:
        """What is left of the user's own top-ups, oldest first."""

    @_asked("once", is_bulk=True)
    def correct(self, requests: Sequence[CorrectionRequest]) -> list[Correction]:
        """Make up the differences by entries that count where the corrected ones do. Those without one are left out."""

    @_asked("once", is_bulk=True)
    def repair(self) -> list[Difference]:
        """Set all counters to the sums of their postings, and say which were not. Entries are never touched."""

    @_asked("once", parts=("is_free",))
    def claim(self, crossing: Crossing) -> bool:
        """Have it for oneself for 45 seconds, to tell of it, and say whether nobody else has it and it is not told."""

    @_asked("once", parts=("is_new",))
    def tell(self, crossing: Crossing) -> bool:
        """Note that it was told, and say whether it was not yet: of two who ask at once, one hears yes."""

    @_asked("once")
    def forget(self, crossing: Crossing) -> None:
        """Take back that it was told, or claimed."""

    def close(self) -> None:
        """Let go of connections. The store opens them again when it is used again."""


class ServedStore(Store, Protocol):
    """A store that a server answers from."""

    is_near: bool
    """Whether it tells the time without asking another machine."""

    concurrent_writes: int
    """How many transactions that write can be under way at once without one waiting for another."""

    def accept(self, records: Sequence[Posted]) -> None:
        """Record what the records of a save by one of litellm's hosted clients mean, all or none of them."""

    def conclude_saves(self) -> int:
        """Decide what of such saves had to wait for the next one, which has not come. Returns how much that was."""

    def totals(self, most_spenders: int) -> Totals:
        """What the budgets of the project come to, and at most so many users, who have spent most. Only reads."""

    def once(self, key: bytes, request: bytes, act: Callable[[], str], *, create: bool = False) -> str:
        """Do what `act` does, and keep its answer in the same transaction. The same request again answers that.

        `key` and `request` are digests of 16 bytes. What `act` raises takes everything back, and is not kept.
        """

    def forget_requests(self) -> None:
        """Forget the answers of requests that nobody repeats any more."""


def asked_operations() -> dict[str, Asked]:
    """The operations of `Store` that can be asked for over a network, by name, and how."""
    return {name: method.asked for name, method in vars(Store).items() if hasattr(method, "asked")}
