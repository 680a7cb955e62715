"""The open stores of a server: for each project a line of writes, and a connection of its own for reads."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.store import Request, ServedStore
from budgetctl.server.committer import Answers, Committer
from budgetctl.server.metrics import GROUP_SIZE

MAX_OPEN = 200
"""The number of projects whose stores stay open while no request uses them."""

_THREADS = 16

T = TypeVar("T")
OpenStore = Callable[[str], ServedStore]


class Project:
    """An open project. As a context it stays open.

    `users` is the number of requests that use it now. `changes` is the number of requests that have changed it.
    `has_saves` says that one of litellm's clients has saved, so that there may be saves to conclude.
    """

    def __init__(self, name: str, open_store: OpenStore, executor: ThreadPoolExecutor) -> None:
        self.name = name
        # Two connections, so that reads do not wait for writes.
        self.writer = open_store(name)
        self.reader = open_store(name)
        self.users = 0
        self.changes = 0
        self.has_saves = False
        self._executor = executor
        self._committer = Committer(
            self.writer.apply, executor, GROUP_SIZE.observe, at_once=self.writer.concurrent_writes
        )

    def __enter__(self) -> Project:
        self.users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.users -= 1

    async def submit(self, requests: Sequence[Request]) -> Answers:
        """The answers of charges, holds, commits and releases, done in one transaction with those of other requests."""
        answers = await self._committer.submit(requests)
        self.changes += 1
        return answers

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of a function that may wait for the disk, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def now_us(self) -> int:
        """The time of the store, in microseconds since 1970."""
        return self.reader.now_us() if self.reader.is_near else await self.call(self.reader.now_us)

    async def close(self) -> None:
        """Answer the requests that were submitted, and close the stores."""
        await self._committer.drain()
        await self.call(self.writer.close)
        await self.call(self.reader.close)


class Projects:
    """The open projects of a server."""

    def __init__(self, open_store: OpenStore) -> None:
        self.run_id = secrets.token_hex(8)
        """The name of this run of the server: the next one counts changes anew."""
        self._open_store = open_store
        self._open: OrderedDict[str, Project] = OrderedDict()
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="budgetctl")

    def __iter__(self) -> Iterator[Project]:
        return iter(list(self._open.values()))

    async def use(self, name: str) -> Project:
        """The project of that name, which the caller enters as a context at once."""
        project = self._open.get(name)
        if project is None:
            project = self._open[name] = Project(name, self._open_store, self._executor)
            with project:
                await self._make_room()
        else:
            self._open.move_to_end(name)
        return project

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of a function that belongs to no project, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)

    async def close(self) -> None:
        """Answer the requests that were submitted, and close all projects."""
        for name in list(self._open):
            with contextlib.suppress(BudgetctlError):
                await self._open.pop(name).close()
        self._executor.shutdown()

    async def _make_room(self) -> None:
        """Close the projects that were not used for longest, as far as there are too many."""
        while len(self._open) > MAX_OPEN:
            idle = next((name for name, project in self._open.items() if not project.users), None)
            if idle is None:
                return
            await self._open.pop(idle).close()
