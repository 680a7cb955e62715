"""Group commit: all charges, holds, commits and releases that wait share the next transaction.

A transaction costs a write to disk, however many requests are in it. While one is under way the next requests gather,
so that the disk decides how long each waits, and not their number. Each is answered when its transaction is durable.

A store that can have several transactions under way begins another one as soon as enough requests wait to be worth it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple, TypeAlias

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, ReleaseRequest, Request

MAX_GROUP = 1_000
"""The most requests of one transaction. A batch that a client sends as one request is never divided."""

WORTH_ANOTHER = 16
"""The number of waiting requests with which a transaction begins beside those that are under way."""

Answers: TypeAlias = "list[Answer | BudgetctlError]"


class _Waiting(NamedTuple):
    requests: Sequence[Request]
    answered: asyncio.Future[Answers]


class Committer:
    """The line of waiting requests of one project, for use from one event loop.

    `apply` does a group of requests in one transaction, in a thread of `executor`. At most `at_once` are under way.
    `observe` is told the size of each group.
    """

    def __init__(
        self,
        apply: Callable[[Sequence[Request]], Answers],
        executor: Executor,
        observe: Callable[[int], None],
        *,
        at_once: int,
    ) -> None:
        self._apply = apply
        self._executor = executor
        self._observe = observe
        self._at_once = at_once
        self._line: deque[_Waiting] = deque()
        self._waiting = 0
        self._under_way: set[asyncio.Future[Answers]] = set()

    async def submit(self, requests: Sequence[Request]) -> Answers:
        """The answers of requests, which are done in order in one transaction, also when the caller stops waiting."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(requests, loop.create_future())
        self._line.append(waiting)
        self._waiting += len(requests)
        loop.call_soon(self._begin)  # together with the requests that arrive until then
        return await waiting.answered

    async def drain(self) -> None:
        """Wait until every request that was submitted is answered."""
        while self._line or self._under_way:
            self._begin()
            await asyncio.wait(self._under_way)

    def _begin(self) -> None:
        """Begin as many transactions as are worth it for the requests that wait now."""
        while self._line and (
            not self._under_way or (len(self._under_way) < self._at_once and self._waiting >= WORTH_ANOTHER)
        ):
            group = self._next_group()
            requests = [request for waiting in group for request in waiting.requests]
            self._waiting -= len(requests)
            self._observe(len(requests))
            done = asyncio.get_running_loop().run_in_executor(self._executor, self._apply, requests)
            self._under_way.add(done)
            done.add_done_callback(partial(self._end, group))

    def _end(self, group: Sequence[_Waiting], done: asyncio.Future[Answers]) -> None:
        self._under_way.remove(done)
        error = done.exception()
        if error is None:
            _answer(group, done.result())
        else:  # of whatever kind, all who wait are told of it
            _fail(group, error)
        self._begin()

    def _next_group(self) -> list[_Waiting]:
        group = [self._line.popleft()]
        size = len(group[0].requests)
        while self._line and size + len(self._line[0].requests) <= MAX_GROUP:
            group.append(self._line.popleft())
            size += len(group[-1].requests)
        group.sort(key=_turn)
        return group


def _turn(waiting: _Waiting) -> int:
    """The place of a request in its group: kinds that free money go first, and a store does each kind at once.

    Requests that different clients send have no order among each other.
    """
    return _TURNS.index(type(waiting.requests[0])) if waiting.requests else 0


_TURNS = (ReleaseRequest, CommitRequest, ChargeRequest, HoldRequest)


def _answer(group: Sequence[_Waiting], answers: Answers) -> None:
    begin = 0
    for waiting in group:
        end = begin + len(waiting.requests)
        if not waiting.answered.done():  # nobody waits for it any more
            waiting.answered.set_result(answers[begin:end])
        begin = end


def _fail(group: Sequence[_Waiting], error: BaseException) -> None:
    for waiting in group:
        if not waiting.answered.done():
            waiting.answered.set_exception(error)
