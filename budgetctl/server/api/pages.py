"""The routes that are no operation of a store: health, metrics, the description of the interface, projects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress

from prometheus_client import Metric
from starlette.responses import Response

from budgetctl.errors import BudgetctlError
from budgetctl.server import metrics
from budgetctl.server.amounts import Amounts
from budgetctl.server.api.browsing import Front, respond_page
from budgetctl.server.api.endpoints import NOW_HEADER, PROJECT_PARAMETER
from budgetctl.server.api.openapi import describe, page
from budgetctl.server.door import Right, Route, Visitor
from budgetctl.server.http import Receive, Scope, encoded, read_query, respond
from budgetctl.server.projects import Projects
from budgetctl.wire.calls import PATH


def page_routes(
    projects: Projects, amounts: Amounts, list_projects: Callable[[], Sequence[str]], *, has_tokens: bool
) -> list[Route]:
    """The routes of the first page, of health, metrics, the description and projects."""

    async def healthy(*_: object) -> Response:
        return respond(encoded({"status": "ok"}))

    async def ready(*_: object) -> Response:
        await projects.run(list_projects)
        return respond(encoded({"status": "ok"}))

    async def known(visitor: Visitor) -> list[str]:
        return [visitor.project] if visitor.project is not None else list(await projects.run(list_projects))

    async def exposition(visitor: Visitor, *_: object) -> Response:
        families: Sequence[Metric] = ()
        with suppress(BudgetctlError):  # /readyz says so; what the server itself counts is told all the same
            families = await amounts.collect(await known(visitor))
        return respond(await projects.run(metrics.exposition, families), media_type=metrics.CONTENT_TYPE)

    async def description(*_: object) -> Response:
        return respond(_description())

    async def documentation(*_: object) -> Response:
        return respond_page(page())

    async def names(visitor: Visitor, *_: object) -> Response:
        return respond(encoded({"items": await known(visitor)}))

    return [
        Route("GET", "/", Right.NONE, Front(has_tokens=has_tokens)),
        Route("GET", "/healthz", Right.HEALTH, healthy),
        Route("GET", "/readyz", Right.HEALTH, ready),
        Route("GET", "/metrics", Right.LOOK, exposition),
        Route("GET", "/openapi.json", Right.LOOK, description),
        Route("GET", "/docs", Right.LOOK, documentation),
        Route("GET", f"{PATH}projects", Right.READ, names),
        Route("GET", f"{PATH}changes", Right.READ, Changes(projects)),
    ]


@functools.cache
def _description() -> bytes:
    return encoded(describe())


class Changes:
    """The endpoint by which a client learns of changes to a project: while its answer is the same, there were none."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    async def __call__(self, visitor: Visitor, scope: Scope, receive: Receive) -> Response:  # noqa: ARG002
        """Answer a request."""
        name = visitor.enter(scope, read_query(scope).get(PROJECT_PARAMETER))
        with await self._projects.use(name) as project:
            elsewhere = await project.call(project.writer.change_token)
            document = {"run": self._projects.run_id, "changes": project.changes, "elsewhere": str(elsewhere)}
            now = str(await project.now_us())
        return respond(encoded(document), headers={NOW_HEADER: now})
