"""The two routes that litellm's own hosted client knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from budgetctl.errors import InvalidValueError
from budgetctl.server.bodies import Bodies
from budgetctl.server.door import Door
from budgetctl.server.hosted.rules import get_budget, set_budget
from budgetctl.server.http import MAX_BULK_BODY, MAX_SMALL_BODY, Receive, Route, Scope, encoded, respond
from budgetctl.server.projects import Project, Projects

_ANYBODY = "anybody"
"""Who saves at a server without tokens."""

_CLOSING = {"connection": "close"}
"""litellm's client saves from many threads at once, and its pool now and then closes a connection that another thread
has begun to use: that save is not answered, and nobody hears of it. With a connection each none is lost."""

Act = Callable[[Project, str, dict[str, Any]], dict[str, Any]]


class HostedEndpoint:
    """What answers at one of them. `act` gets the project, the token's id and the posted document."""

    def __init__(self, act: Act, projects: Projects, door: Door, bodies: Bodies, *, writes: bool) -> None:
        self._act = act
        self._projects = projects
        self._door = door
        self._bodies = bodies
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        """Answer a request."""
        identity = self._door.admit(scope, writes=self._writes)
        most = MAX_BULK_BODY if self._writes else MAX_SMALL_BODY
        async with self._bodies.read(scope, receive, most=most) as document:
            asked = document.get("project_name")
            if not isinstance(asked, str):
                raise InvalidValueError('the body needs "project_name": the name of the project')
            name = identity.enter(scope, asked)
            with await self._projects.use(name) as project:
                project.has_saves |= self._writes
                body = await project.call(self._answer, project, identity.token_id or _ANYBODY, document)
                project.changes += self._writes
        return respond(body, headers=_CLOSING)

    def _answer(self, project: Project, token_id: str, document: dict[str, Any]) -> bytes:
        return encoded(self._act(project, token_id, document))


def hosted_routes(projects: Projects, door: Door, bodies: Bodies) -> list[Route]:
    """The routes; an address that ends in a slash gets another one."""
    endpoints = {
        "get_budget": HostedEndpoint(_load, projects, door, bodies, writes=False),
        "set_budget": HostedEndpoint(_save, projects, door, bodies, writes=True),
    }
    return [
        Route("POST", f"{slashes}{name}", endpoint) for name, endpoint in endpoints.items() for slashes in ("/", "//")
    ]


def _load(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return get_budget(project.reader)


def _save(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:
    return set_budget(project.writer, token_id, document)
