"""Group commit: all charges, holds, commits and releases that wait share the next transaction.

A transaction costs a write to disk, whatever is in it. While one is under way the next requests gather, so that the
disk decides how long each waits, and not how many there may be. Each is answered when its transaction is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeAlias

from budgetctl.errors import BudgetctlError
from budgetctl.stores.base import Answer, Request

MAX_GROUP = 1_000
"""Requests of one transaction; a batch that a client sends as one is never divided."""

Answers: TypeAlias = "list[Answer | BudgetctlError]"


class _Waiting(NamedTuple):
    requests: Sequence[Request]
    answered: asyncio.Future[Answers]


class Committer:
    """The line of one project. Used from one event loop."""

    def __init__(
        self, apply: Callable[[Sequence[Request]], Answers], executor: Executor, observe: Callable[[int], None]
    ) -> None:
        self._apply = apply
        self._executor = executor
        self._observe = observe
        self._line: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def submit(self, requests: Sequence[Request]) -> Answers:
        """Have them done in order, in one transaction. Who stops waiting does not take them back."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(requests, loop.create_future())
        self._line.append(waiting)
        if self._running is None:
            self._running = loop.create_task(self._work())
        return await asyncio.shield(waiting.answered)

    async def drain(self) -> None:
        """Wait until everything that was submitted is answered."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._line:
                group = self._next_group()
                requests = [request for waiting in group for request in waiting.requests]
                self._observe(len(requests))
                try:
                    answers = await loop.run_in_executor(self._executor, self._apply, requests)
                except Exception as error:  # noqa: BLE001  # whatever it is, everybody who waits is told
                    _fail(group, error)
                else:
                    _answer(group, answers)
        finally:
            self._running = None

    def _next_group(self) -> list[_Waiting]:
        group = [self._line.popleft()]
        size = len(group[0].requests)
        while self._line and size + len(self._line[0].requests) <= MAX_GROUP:
            group.append(self._line.popleft())
            size += len(group[-1].requests)
        return group


def _answer(group: Sequence[_Waiting], answers: Answers) -> None:
    begin = 0
    for waiting in group:
        end = begin + len(waiting.requests)
        waiting.answered.set_result(answers[begin:end])
        begin = end


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        waiting.answered.set_exception(error)
        waiting.answered.exception()  # who has stopped waiting will not ask
