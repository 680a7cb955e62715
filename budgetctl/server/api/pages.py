"""Routes that are no operation of a store: health, metrics, the description of the interface, projects."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from prometheus_client import Metric
from starlette.responses import Response

from budgetctl.errors import BudgetctlError
from budgetctl.server import metrics
from budgetctl.server.amounts import Amounts
from budgetctl.server.api.browsing import Front, respond_page
from budgetctl.server.api.endpoints import NOW_HEADER, PROJECT_PARAMETER
from budgetctl.server.api.openapi import describe, page
from budgetctl.server.door import Door, Identity
from budgetctl.server.http import Receive, Route, Scope, encoded, read_query, respond
from budgetctl.server.projects import Projects
from budgetctl.wire.calls import PATH

Answer = Callable[[Identity], Awaitable[Response]]


class Page:
    """What answers at a route whose answer depends at most on who asks."""

    def __init__(self, answer: Answer, door: Door | None, *, is_password_allowed: bool = False) -> None:
        self._answer = answer
        self._door = door
        self._is_password_allowed = is_password_allowed

    async def __call__(self, scope: Scope, receive: Receive) -> Response:  # noqa: ARG002
        """Answer a request."""
        identity = None
        if self._door is not None:
            identity = self._door.admit(scope, is_password_allowed=self._is_password_allowed)
        return await self._answer(identity)  # type: ignore[arg-type]


def page_routes(
    projects: Projects, door: Door, amounts: Amounts, list_projects: Callable[[], Sequence[str]]
) -> list[Route]:
    """The routes. Health and the first page need no token; what else a browser shows takes it as a password too."""

    async def healthy(_: Identity) -> Response:
        return respond(encoded({"status": "ok"}))

    async def ready(_: Identity) -> Response:
        await projects.run(list_projects)
        return respond(encoded({"status": "ok"}))

    async def known(identity: Identity) -> list[str]:
        return [identity.project] if identity.project is not None else list(await projects.run(list_projects))

    async def exposition(identity: Identity) -> Response:
        families: Sequence[Metric] = ()
        with suppress(BudgetctlError):  # /readyz says so; what the server itself counts is told all the same
            families = await amounts.collect(await known(identity))
        return respond(await projects.run(metrics.exposition, families), media_type=metrics.CONTENT_TYPE)

    async def description(_: Identity) -> Response:
        return respond(_description())

    async def documentation(_: Identity) -> Response:
        return respond_page(page())

    async def names(identity: Identity) -> Response:
        return respond(encoded({"items": await known(identity)}))

    return [
        Route("GET", "/", Front(door)),
        Route("GET", "/healthz", Page(healthy, None)),
        Route("GET", "/readyz", Page(ready, None)),
        Route("GET", "/metrics", Page(exposition, door)),
        Route("GET", "/openapi.json", Page(description, door, is_password_allowed=True)),
        Route("GET", "/docs", Page(documentation, door, is_password_allowed=True)),
        Route("GET", f"{PATH}projects", Page(names, door)),
        Route("GET", f"{PATH}changes", Changes(projects, door)),
    ]


@functools.cache
def _description() -> bytes:
    return encoded(describe())


class Changes:
    """Tells a client whether others have changed a project: two equal answers say that nobody has."""

    def __init__(self, projects: Projects, door: Door) -> None:
        self._projects = projects
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive) -> Response:  # noqa: ARG002
        """Answer a request."""
        identity = self._door.admit(scope)
        name = identity.enter(scope, read_query(scope).get(PROJECT_PARAMETER))
        with await self._projects.use(name) as project:
            elsewhere = await project.call(project.writer.change_token)
            document = {"run": self._projects.run_id, "changes": project.changes, "elsewhere": str(elsewhere)}
            now = str(await project.now_us())
        return respond(encoded(document), headers={NOW_HEADER: now})
