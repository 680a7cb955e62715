"""The two routes that litellm's hosted client knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from budgetctl.errors import InvalidValueError
from budgetctl.server.bodies import Bodies
from budgetctl.server.door import Right, Route, Visitor
from budgetctl.server.hosted.rules import get_budget, set_budget
from budgetctl.server.http import MAX_BULK_BODY, MAX_SMALL_BODY, Receive, Scope, encoded, respond
from budgetctl.server.projects import Project, Projects

_ANYBODY = "anybody"
"""The name that stands for a token at a server without tokens."""

_CLOSING = {"connection": "close"}
"""litellm's client saves from many threads at once, and its pool now and then closes a connection that another thread
has begun to use: that save is lost, and nobody hears of it. With a connection for each save none is lost."""

Act = Callable[[Project, str, dict[str, Any]], dict[str, Any]]


class HostedEndpoint:
    """The endpoint of one of them. `act` gets the project, the id of the token and the posted document."""

    def __init__(self, act: Act, projects: Projects, bodies: Bodies, *, writes: bool) -> None:
        self._act = act
        self._projects = projects
        self._bodies = bodies
        self._writes = writes

    async def __call__(self, visitor: Visitor, scope: Scope, receive: Receive) -> Response:
        """Answer a request."""
        most = MAX_BULK_BODY if self._writes else MAX_SMALL_BODY
        async with self._bodies.read(scope, receive, most=most) as document:
            asked = document.get("project_name")
            if not isinstance(asked, str):
                raise InvalidValueError('the body needs "project_name": the name of the project')
            name = visitor.enter(scope, asked)
            with await self._projects.use(name) as project:
                project.has_saves |= self._writes
                body = await project.call(self._answer, project, visitor.token_id or _ANYBODY, document)
                project.changes += self._writes
        return respond(body, headers=_CLOSING)

    def _answer(self, project: Project, token_id: str, document: dict[str, Any]) -> bytes:
        return encoded(self._act(project, token_id, document))


def hosted_routes(projects: Projects, bodies: Bodies) -> list[Route]:
    """The routes, each also with a second slash: litellm's client sends one where its address ends in a slash."""
    load = HostedEndpoint(_load, projects, bodies, writes=False)
    save = HostedEndpoint(_save, projects, bodies, writes=True)
    return [
        route
        for slashes in ("/", "//")
        for route in (
            Route("POST", f"{slashes}get_budget", Right.READ, load),
            Route("POST", f"{slashes}set_budget", Right.WRITE, save),
        )
    ]


def _load(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return get_budget(project.reader)


def _save(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:
    return set_budget(project.writer, token_id, document)
