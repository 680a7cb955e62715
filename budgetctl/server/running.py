"""Running the server: its settings, its socket, the work that it does by the minute, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Collection
from functools import partial
from math import ceil
from typing import cast

import uvicorn

from budgetctl.errors import BudgetctlError, StoreUnavailableError
from budgetctl.ledger.store import ServedStore
from budgetctl.server import metrics
from budgetctl.server.app import Application
from budgetctl.server.connections import Connections, room_for_connections
from budgetctl.server.door import Door, host_names
from budgetctl.server.logs import Log, LogHandler
from budgetctl.server.projects import OpenStore, Projects
from budgetctl.server.protocol import IDLE_TIMEOUT_S, BoundedProtocol
from budgetctl.server.tokens.token import TokenStore
from budgetctl.server.uvicorn_internals import SignalledServer, silence
from budgetctl.stores import open_store, project_stores
from budgetctl.stores.sqlite.store import system_clock

UPKEEP_S = 60.0
"""The seconds between two runs of the upkeep, which rolls windows that have passed."""

REFRESH_S = 1.0
"""The seconds between two readings of the tokens that others have made and revoked."""

SETTLE_S = 1.0
"""The seconds between two looks for saves of litellm's clients that no later save has replaced."""

TICK_S = 0.25
"""The seconds between two looks for clients that were too slow."""

_GRACE_S = 30
_BACKLOG = 1024


class Settings:
    """The settings of a server. Without `tokens` it answers every client.

    With `reuse_port`, the system shares connections out among all servers on the port that are started so. With
    `metrics_by_user`, users are named in the metrics.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] | None,
        *,
        host: str = "127.0.0.1",
        port: int = 8484,
        tokens: TokenStore | None = None,
        allowed_hosts: Collection[str] = (),
        wait_s: float = 10.0,
        is_quiet: bool = False,
        reuse_port: bool = False,
        metrics_by_user: bool = False,
        upkeep_s: float = UPKEEP_S,
        clock: Callable[[], int] = system_clock,
        open_project: OpenStore | None = None,
    ) -> None:
        self.host, self.port = host, port
        self.tokens = tokens
        self.allowed_hosts = allowed_hosts
        self.is_quiet = is_quiet
        self.reuse_port = reuse_port
        self.metrics_by_user = metrics_by_user
        self.upkeep_s = upkeep_s
        self.clock = clock
        self.open_project = open_project or partial(_open_project, location, wait_s)
        self._location = location

    def list_projects(self) -> list[str]:
        """The names of the projects that have a store."""
        names = []
        for store in project_stores(self._location):
            names.append(store.project)
            store.close()
        return names


def _open_project(location: str | os.PathLike[str] | None, wait_s: float, name: str) -> ServedStore:
    return cast(ServedStore, open_store(location, name, wait_s=wait_s))  # the server's own stores are not on a server


class Server(SignalledServer):
    """A server, which a signal ends once all requests that are under way are answered.

    `on_ready` is called once a signal would end it so.
    """

    def __init__(self, settings: Settings, *, on_ready: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        silence()
        self.log = Log(is_quiet=settings.is_quiet)
        self.projects = Projects(settings.open_project)
        self.connections = Connections(room_for_connections())
        self.door = Door(settings.tokens, settings.clock, host_names(settings.host, settings.allowed_hosts))
        application = Application(
            self.projects,
            self.door,
            self.log,
            list_projects=settings.list_projects,
            metrics_by_user=settings.metrics_by_user,
        )
        super().__init__(
            uvicorn.Config(
                application,
                http=cast(type[asyncio.Protocol], partial(BoundedProtocol, self.connections)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=ceil(IDLE_TIMEOUT_S),
                timeout_graceful_shutdown=_GRACE_S,
            ),
            on_ready,
        )

    def listen(self) -> socket.socket:
        """A socket that listens at the address. Raises `StoreUnavailableError` where that is not possible."""
        host, port = self.settings.host, self.settings.port
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            taken = socket.socket(family, socket.SOCK_STREAM)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self.settings.reuse_port:
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(address)
            taken.listen(_BACKLOG)  # clients that come before the first request can be answered wait
        except OSError as error:
            raise StoreUnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}", hint="budgetctl serve --port 8485"
            ) from error
        return taken

    def run_on(self, taken: socket.socket) -> None:
        """Serve on a socket that listens, until a signal comes."""
        self.run_to_end(self._serve_and_close(taken))

    async def _serve_and_close(self, taken: socket.socket) -> None:
        warnings = LogHandler(self.log)
        logging.getLogger().addHandler(warnings)
        beside = (self._keep_up(), self._conclude_saves(), self._refresh(), self._keep_uses(), self._tick())
        tasks = [asyncio.create_task(task) for task in beside]
        try:
            await self.serve(sockets=[taken])
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            if self.settings.tokens is not None and self.door.uses:
                await self._keep_noted_uses(self.settings.tokens)
            await self.projects.close()
            if self.settings.tokens is not None:
                self.settings.tokens.close()
            logging.getLogger().removeHandler(warnings)
            self.log.flush()

    async def _keep_up(self) -> None:
        """Roll windows that have passed, and forget old answers, every minute. Several servers may do so at once."""
        while True:
            await asyncio.sleep(self.settings.upkeep_s)
            try:
                for name in await self.projects.run(self.settings.list_projects):
                    await self._keep_up_project(name)
            except BudgetctlError as error:
                self.log.event("upkeep", error=error.message)

    async def _keep_up_project(self, name: str) -> None:
        """Do the upkeep of one project. An error is logged, so that the other projects get theirs."""
        try:
            with await self.projects.use(name) as project:
                metrics.RESETS.inc(await project.call(project.writer.reset_due))
                await project.call(project.writer.forget_requests)
                await project.call(project.writer.conclude_saves)
        except BudgetctlError as error:
            self.log.event("upkeep", project=name, error=error.message)

    async def _tick(self) -> None:
        """Expire connections whose client was too slow, tick by tick."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            self.connections.expire(loop.time())

    async def _refresh(self) -> None:
        """Read the tokens again, every second."""
        while self.settings.tokens is not None:
            try:
                await self.projects.run(self.settings.tokens.refresh)
            except BudgetctlError as error:
                self.log.event("refresh", error=error.message)
            await asyncio.sleep(REFRESH_S)

    async def _keep_uses(self) -> None:
        """Keep when tokens were used last, every minute; the first use of a quiet minute at once."""
        while self.settings.tokens is not None:
            await asyncio.sleep(REFRESH_S)
            if self.door.uses:
                await self._keep_noted_uses(self.settings.tokens)
                await asyncio.sleep(self.settings.upkeep_s)

    async def _keep_noted_uses(self, tokens: TokenStore) -> None:
        """What cannot be written is kept for the next time: no request waits for it, or fails."""
        noted, self.door.uses = self.door.uses, {}
        try:
            await self.projects.run(tokens.keep_uses, noted)
        except (BudgetctlError, OSError) as error:
            self.door.uses = {**noted, **self.door.uses}
            self.log.event("uses", error=str(error))

    async def _conclude_saves(self) -> None:
        """Conclude saves of litellm's clients that no later save has replaced, every second."""
        while True:
            await asyncio.sleep(SETTLE_S)
            try:
                for project in self.projects:
                    if project.has_saves:
                        await project.call(project.writer.conclude_saves)
            except BudgetctlError as error:
                self.log.event("settle", error=error.message)
