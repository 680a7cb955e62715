"""The store of a project on a server."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.store import Answer, BudgetChange, ChargeRequest, IfExists, Request, SortKey
from budgetctl.ledger.values import Budget, Charge, Entry, ProjectSummary, Reset
from budgetctl.money import Picodollars
from budgetctl.names import check_project
from budgetctl.periods import check_instant
from budgetctl.stores.remote.credentials import find_token
from budgetctl.stores.remote.link import TIMEOUT_S, Link, Reply, UnknownServerError
from budgetctl.wire.calls import CALLS, PATH, Page

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Correction, CorrectionRequest, Crossing, Difference, HistoryFilter
    from budgetctl.ledger.holds import Decision, Hold, HoldRequest
    from budgetctl.ledger.top_ups import Left, TopUpRequest
    from budgetctl.stores.remote.litellm import LitellmStore

_FIRST_PAGE = 100
_FRESH_S = 1.0
"""How long the server's time is not asked for again."""

_BULK_WAIT_S = 300.0
"""How long to wait for what may have to go through a whole store."""

_BATCH = 2_000
"""Requests that are sent at once: more would not fit into the body that a server takes."""


class HttpStore:
    """A project on a server. What its methods do is done there, and durable there when they return.

    Each change has a key of its own, by which the server does it once, however often it is sent. From a server that
    knows nothing but litellm's protocol, `LitellmStore` makes the best.
    """

    def __init__(self, link: Link, project: str) -> None:
        self.project = project
        self._link = link
        self._own_changes = 0
        self._litellm: LitellmStore | None = None
        self._heard: tuple[int, float] | None = None

    def now_us(self) -> int:
        """The server's clock, as it was last told, and what has passed since."""
        if self._litellm is not None:
            return self._litellm.now_us()
        if self._heard is None or time.monotonic() - self._heard[1] > _FRESH_S:
            told: int = self._call("now_us")
            if self._heard is None:
                return told
        at_us, since = self._heard
        return at_us + int((time.monotonic() - since) * 1_000_000)

    def change_token(self) -> object:
        """Others' changes alter it, this store's own do not."""
        return self._either("change_token", {}, self._change_token)

    def exists(self) -> bool:
        """Whether anything was ever stored for the project."""
        return bool(self._call("exists"))

    def create_budget(self, user: str, change: BudgetChange, *, if_exists: IfExists) -> tuple[Budget, bool]:
        """Create the user's budget, and say whether it is new."""
        made: tuple[Budget, bool] = self._call("create_budget", user=user, change=change, if_exists=if_exists)
        return made

    def create_budgets(self, changes: Sequence[tuple[str, BudgetChange]]) -> list[bool]:
        """Create budgets for those who have none, all of them or nothing, and say who was new."""
        return self._items("create_budgets", changes=changes)

    def change_budget(self, user: str, change: BudgetChange) -> Budget:
        """Change what `change` states."""
        return self._budget("change_budget", user=user, change=change)

    def add_limit(self, user: str, name: str, change: BudgetChange, models: str | None) -> Budget:
        """Give the user another limit."""
        return self._budget("add_limit", user=user, name=name, change=change, models=models)

    def remove_limit(self, user: str, name: str) -> Budget:
        """Take a limit away."""
        return self._budget("remove_limit", user=user, name=name)

    def delete_budget(self, user: str) -> None:
        """Delete the budget; its entries stay."""
        self._call("delete_budget", user=user)

    def budget(self, user: str) -> Budget:
        """The user's budget as it stands now."""
        return self._budget("budget", user=user)

    def budgets(
        self,
        *,
        after: str | None = None,
        after_value: int | None = None,
        sort: SortKey = "user",
        over: bool = False,
        due: bool = False,
    ) -> Iterator[Budget]:
        """All budgets as they stand now, page by page."""
        return self._pages("budgets", after=after, after_value=after_value, sort=sort, over=over, due=due)

    def charge(self, request: ChargeRequest) -> Charge:
        """Record a cost."""
        charge: Charge = self._call("charge", request=request)
        return charge

    def check(self, user: str, cost: Picodollars | None, model: str | None, called: tuple[str, ...] = ()) -> Decision:
        """Whether all limits would allow a cost now."""
        decision: Decision = self._call("check", user=user, cost=cost, model=model, called=called)
        return decision

    def reserve(self, request: HoldRequest) -> Hold:
        """Set money aside, if all limits allow it."""
        hold: Hold = self._call("reserve", request=request)
        return hold

    def commit(self, hold_id: str, request: ChargeRequest) -> Charge:
        """Record what a call did cost, and let go of what was set aside for it."""
        charge: Charge = self._call("commit", hold_id=hold_id, request=request)
        return charge

    def release(self, hold_id: str) -> Hold:
        """Let go of what was set aside."""
        hold: Hold = self._call("release", hold_id=hold_id)
        return hold

    def apply(self, requests: Sequence[Request]) -> list[Answer | BudgetctlError]:
        """Do many of the above, in this order. So many at once become durable together."""
        answers: list[Answer | BudgetctlError] = []
        for begin in range(0, len(requests), _BATCH):
            answers += self._items("apply", requests=requests[begin : begin + _BATCH])
        return answers

    def holds(self, user: str | None = None, *, resolved: bool = False, after: str | None = None) -> Iterator[Hold]:
        """The holds that count now, oldest first; with `resolved` all that there ever were."""
        return self._pages("holds", user=user, resolved=resolved, after=after)

    def charges(
        self, model: str, *, user: str | None = None, since_us: int | None = None, after: tuple[str, int] | None = None
    ) -> Iterator[tuple[str, Entry, Picodollars]]:
        """Entries of charges that have a usage, for models of that pattern, with their users."""
        return self._pages("charges", model=model, user=user, since_us=since_us, after=after)

    def correct(self, requests: Sequence[CorrectionRequest]) -> list[Correction]:
        """Make up the differences by entries that count where the corrected ones do."""
        return self._items("correct", requests=requests)

    def reset(self, user: str) -> Reset:
        """Close the current generation of each of the user's limits."""
        reset: Reset = self._call("reset", user=user)
        return reset

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, in batches of a transaction each."""
        after: str | None = None
        while resets := self.reset_next(after):
            yield from resets
            after = resets[-1].user

    def reset_next(self, after: str | None) -> list[Reset]:
        """Reset the next users behind that one, by name, in one transaction."""
        return self._items("reset_next", after=after)

    def due(self, *, after: tuple[str, str] | None = None) -> Iterator[Reset]:
        """What `reset_due` would reset now."""
        return self._pages("due", after=after)

    def reset_due(self, *, clock_is_right: bool = False) -> int:
        """Roll every window that has passed."""
        # A server that does not know the parameter is asked without it.
        return int(self._call("reset_due", **({"clock_is_right": True} if clock_is_right else {})))

    def unreported_resets(self, *, after: int | None = None) -> Iterator[tuple[int, Reset]]:
        """Every recorded reset since the last `report_resets`, oldest first, with its place in the ledger."""
        return self._pages("unreported_resets", after=after)

    def report_resets(self, place: int) -> None:
        """Take resets up to that place as reported."""
        self._call("report_resets", place=place)

    def refund(self, user: str, number: int | None, amount: Picodollars | None, note: str | None) -> Charge:
        """Take a cost back."""
        charge: Charge = self._call("refund", user=user, number=number, amount=amount, note=note)
        return charge

    def top_up(self, request: TopUpRequest) -> Charge:
        """Add to what a limit allows."""
        charge: Charge = self._call("top_up", request=request)
        return charge

    def top_ups(self, user: str) -> list[Left]:
        """What is left of the user's own top-ups."""
        return self._items("top_ups", user=user)

    def crossings(self, *, after: int = 0) -> Iterator[Crossing]:
        """The soft limits that are crossed, and were not told in this window."""
        return self._pages("crossings", after=after)

    def claim(self, crossing: Crossing) -> bool:
        """Have it for oneself while one tells of it, and say whether nobody else has it."""
        return bool(self._call("claim", crossing=crossing))

    def tell(self, crossing: Crossing) -> bool:
        """Note that it was told, and say whether it was not yet."""
        return bool(self._call("tell", crossing=crossing))

    def forget(self, crossing: Crossing) -> None:
        """Take back that it was told, or claimed."""
        self._call("forget", crossing=crossing)

    def verify(self) -> Iterator[Difference]:
        """Every counter that is not the sum of its postings."""
        return iter(self._items("verify"))

    def repair(self) -> list[Difference]:
        """Set all counters to the sums of their postings, and say which were not."""
        return self._items("repair")

    def history(self, user: str, *, before: int | None = None, wanted: HistoryFilter | None = None) -> Iterator[Entry]:
        """The user's entries, newest first."""
        return self._pages("history", user=user, before=before, wanted=wanted)

    def summary(self) -> ProjectSummary:
        """How many users the project has and what they have spent; where it is, is the server's address."""
        summary: ProjectSummary = self._call("summary")
        return summary._replace(location=self._link.address)

    def projects(self) -> list[str]:
        """The projects on the server that the token is for."""
        document = self._listen(self._link.get(f"{PATH}projects", {})).document
        with self._link.reading():
            return [check_project(name) for name in document["items"]]

    def close(self) -> None:
        """Close the connections. They are opened again on the next use."""
        self._link.close()

    # Within

    def _call(self, name: str, /, **asked: Any) -> Any:
        """What the operation returns; of a list in pages, a `Page`."""
        return self._either(name, asked, lambda: self._ask(name, asked))

    def _either(self, name: str, asked: Mapping[str, Any], ask: Callable[[], Any]) -> Any:
        """Ask a server of ours, or have another do what it can."""
        if self._litellm is None:
            try:
                return ask()
            except UnknownServerError:
                from budgetctl.stores.remote.litellm import LitellmStore

                other = LitellmStore(self._link, self.project)
                if not other.is_answered():
                    raise
                self._litellm = other
        return getattr(self._litellm, name)(**asked)

    def _change_token(self) -> object:
        document = self._listen(self._link.get(f"{PATH}changes", {"project": self.project})).document
        with self._link.reading():
            return document["run"], document["elsewhere"], document["changes"] - self._own_changes

    def _ask(self, name: str, asked: Mapping[str, Any]) -> Any:
        call = CALLS[name]
        document = call.parameters.write_values(asked)
        wait_s = _BULK_WAIT_S if call.is_bulk else None
        if call.writes:
            reply = self._link.post(call.path, {"project": self.project, **document}, wait_s=wait_s)
        else:
            query = {key: _query_text(value) for key, value in document.items() if value is not None}
            reply = self._link.get(call.path, {"project": self.project, **query}, wait_s=wait_s)
        document = self._listen(reply).document
        with self._link.reading():
            return call.read_answer(document)

    def _listen(self, reply: Reply) -> Reply:
        """Note what the answer says beside its document."""
        if "budgetctl-now" in reply.headers:
            with self._link.reading():
                self._heard = check_instant(int(reply.headers["budgetctl-now"])), time.monotonic()
        if "budgetctl-change" in reply.headers:
            self._own_changes += 1
        return reply

    def _budget(self, name: str, /, **asked: Any) -> Budget:
        budget: Budget = self._call(name, **asked)
        return budget

    def _items(self, name: str, /, **asked: Any) -> list[Any]:
        items: list[Any] = self._call(name, **asked)
        return items

    def _pages(self, name: str, /, **asked: Any) -> Iterator[Any]:
        """A list, page by page: the first is short, since often no more of it is wanted."""
        size: dict[str, Any] = {"limit": _FIRST_PAGE}
        while True:
            page = self._either(name, asked, partial(self._page, name, asked, size))
            if not isinstance(page, Page):
                yield from page
                return
            yield from page.items
            if page.next is None:
                return
            if not page.items or page.next.items() <= asked.items():
                raise self._link.odd("a list that does not go on")
            asked = {**asked, **page.next}
            size = {}

    def _page(self, name: str, asked: Mapping[str, Any], size: Mapping[str, Any]) -> Page:
        call = CALLS[name]
        document = {**call.parameters.write_values(asked), **size, "project": self.project}
        query = {key: _query_text(value) for key, value in document.items() if value is not None}
        answered = self._listen(self._link.get(call.path, query)).document
        with self._link.reading():
            page: Page = call.read_answer(answered)
            return page


def _query_text(value: Any) -> str:
    """A parameter of a query: text as it stands, and anything else as in JSON."""
    import json

    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def open_http_store(
    address: str, project: str, *, wait_s: float = TIMEOUT_S, headers: Mapping[str, str] | None = None
) -> HttpStore:
    """The store of a project on the server at an address. Nothing is sent yet.

    `headers` go with every request; without an `Authorization` among them, the token that is meant for the address.
    """
    given = dict(headers or {})
    if not any(name.lower() == "authorization" for name in given):
        token = find_token(address, project)
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
    link = Link(address, given, wait_s=wait_s)
    if link.is_in_clear and any(name.lower() == "authorization" for name in given):
        warnings.warn(
            f"the token is sent to {address} in the clear, where others can read it: use https://", stacklevel=3
        )
    return HttpStore(link, project)


def http_stores(address: str, *, wait_s: float = TIMEOUT_S) -> Iterator[HttpStore]:
    """A store for each project that the token is for."""
    with closing(open_http_store(address, "default", wait_s=wait_s)) as first:
        names = first.projects()
    for name in names:
        yield open_http_store(address, name, wait_s=wait_s)
