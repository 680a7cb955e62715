"""The store of a project on a server."""

from __future__ import annotations

import functools
import inspect
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from budgetctl.errors import BudgetctlError, NotAuthorisedError
from budgetctl.ledger.paging import in_batches
from budgetctl.ledger.progress import Progress, unwatched
from budgetctl.ledger.store import Answer, Request, Store
from budgetctl.ledger.values import ProjectSummary, Reset
from budgetctl.names import DEFAULT_PROJECT, check_project
from budgetctl.periods import check_instant
from budgetctl.stores.remote.credentials import find_token, is_token_given, saved_projects
from budgetctl.stores.remote.link import TIMEOUT_S, Link, Reply, UnknownServerError
from budgetctl.wire.calls import CALLS, PATH, Page

if TYPE_CHECKING:
    from budgetctl.stores.remote.litellm import LitellmStore

    _Operations = Store
else:
    _Operations = object

_FIRST_PAGE = 100
_FRESH_S = 1.0
"""How long the server's time is not asked for again."""

_BULK_WAIT_S = 300.0
"""How long to wait for what may have to go through a whole store."""

_BATCH = 2_000
"""Requests that are sent at once, if they fit into the body that a server takes."""

_MOST_BYTES = 900_000
"""The JSON of requests that are sent at once. A server takes 1 MiB."""

_FEW = 100
"""So many requests fit, whatever is in them: usage and prices are some hundred bytes, and a note a thousand at most."""


class HttpStore(_Operations):
    """A project on a server. What its methods do is done there, and durable there when they return.

    The methods that are not written out here follow from the marks of `Store`. Each change has a key of its own, by
    which the server does it once, however often it is sent. From a server that knows nothing but litellm's protocol,
    `LitellmStore` makes the best.
    """

    on_progress: Progress = staticmethod(unwatched)

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

    def apply(self, requests: Sequence[Request]) -> list[Answer | BudgetctlError]:
        """Do many of the above, in this order. So many at once become durable together."""
        answers: list[Answer | BudgetctlError] = []
        for some in _batches(requests):
            answers += self._call("apply", requests=some)
        return answers

    def apply_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Do many, in lists: a server does what it can of a list. Raises the first error, behind that list."""
        answers: list[Answer] = []
        for some in _batches(requests):
            answered = self._call("apply", requests=some)
            done = [answer for answer in answered if not isinstance(answer, BudgetctlError)]
            for place, error in enumerate(answered):
                if isinstance(error, BudgetctlError):
                    error.place = len(answers) + place
                    if answers or done:
                        error.message += f"; {len(answers) + len(done):,} of {len(requests):,} were done before"
                    raise error
            answers += done
        return answers

    def reset_all(self) -> Iterator[Reset]:
        """Reset every user, in batches of a transaction each."""
        return in_batches(self.reset_next, lambda reset: reset.user)

    def reset_due(self, *, clock_is_right: bool = False) -> int:
        """Roll every window that has passed."""
        # A server that does not know the parameter is asked without it.
        return int(self._call("reset_due", **({"clock_is_right": True} if clock_is_right else {})))

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
        if call.kind == "queue":  # of which every default is None or empty
            document = {name: value for name, value in document.items() if value not in (None, [])}
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

    def _pages(self, name: str, /, **asked: Any) -> Iterator[Any]:
        """A list, page by page: the first is short, since often no more of it is wanted."""
        size: dict[str, Any] = {"limit": _FIRST_PAGE}
        count = 0
        while True:
            self.on_progress(count, None, name.replace("_", " "))
            page = self._either(name, asked, partial(self._page, name, asked, size))
            if not isinstance(page, Page):
                yield from page
                return
            yield from page.items
            count += len(page.items)
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


def _ask_for(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that asks the server for the operation, with the parameters of the protocol's method."""
    signature = functools.cache(lambda: inspect.signature(method))  # which takes longer than most programs need it
    asked_for = CALLS[name].asked

    @functools.wraps(method)
    def ask(self: HttpStore, /, *args: Any, **kwargs: Any) -> Any:
        bound = signature().bind(self, *args, **kwargs)
        bound.apply_defaults()
        _, *asked = bound.arguments.items()
        if asked_for.cursor is not None:
            return self._pages(name, **dict(asked))
        answer = self._call(name, **dict(asked))
        return iter(answer) if asked_for.is_iterated else answer

    return ask


for _name in CALLS.keys() - vars(HttpStore).keys():
    setattr(HttpStore, _name, _ask_for(_name, vars(Store)[_name]))


def _batches(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """The requests in lists that a server takes."""
    if len(requests) <= _FEW:
        if requests:
            yield requests
        return
    import json

    written = CALLS["apply"].parameters.write_values({"requests": requests})["requests"]
    begin = size = 0
    for end, document in enumerate(written):
        length = len(json.dumps(document))
        if end - begin >= _BATCH or (size + length > _MOST_BYTES and end > begin):
            yield requests[begin:end]
            begin, size = end, 0
        size += length
    yield requests[begin:]


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
    way_in = None
    if not any(name.lower() == "authorization" for name in given):
        token = find_token(address, project)
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        elif saved := saved_projects(address):
            way_in = f"a token is saved for --project {' or '.join(saved[:3])}; for another one: budgetctl token save"
    link = Link(address, given, wait_s=wait_s, way_in=way_in)
    if link.is_in_clear and any(name.lower() == "authorization" for name in given):
        warnings.warn(
            f"the token is sent to {address} in the clear, where others can read it: use https://", stacklevel=3
        )
    make = cast("Callable[[Link, str], HttpStore]", HttpStore)  # its methods are there, which no type checker sees
    return make(link, project)


def http_stores(address: str, *, wait_s: float = TIMEOUT_S) -> Iterator[HttpStore]:
    """A store for each project that the token is for; where several are stored, that any of them is for."""
    of_tokens = [] if is_token_given() else saved_projects(address)
    names: set[str] = set()
    refused: NotAuthorisedError | None = None
    for project in of_tokens or [DEFAULT_PROJECT]:
        with closing(open_http_store(address, project, wait_s=wait_s)) as store:
            try:
                names.update(store.projects())
            except NotAuthorisedError as error:
                refused = error  # one that was revoked: the others may do
    if not names and refused is not None:
        raise refused
    for name in sorted(names):
        yield open_http_store(address, name, wait_s=wait_s)
