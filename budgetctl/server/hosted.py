"""The two routes that litellm's own hosted client knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from budgetctl.errors import InvalidValueError
from budgetctl.server.access import Access
from budgetctl.server.http import MAX_BULK_BODY, Receive, Route, Scope, encoded, header, read_json, respond
from budgetctl.server.litellm_protocol import get_budget, set_budget
from budgetctl.server.projects import Project, Projects

_ANYBODY = "anybody"
"""Who saves at a server without tokens."""

_CLOSING = {"connection": "close"}
"""litellm's client saves from many threads at once, and its pool now and then closes a connection that another thread
has begun to use: that save is not answered, and nobody hears of it. With a connection each none is lost."""

Act = Callable[[Project, str, dict[str, Any]], dict[str, Any]]


class HostedEndpoint:
    """What answers at one of them. `act` gets the project, the token's id and the posted document."""

    def __init__(self, act: Act, projects: Projects, access: Access, *, writes: bool) -> None:
        self._act = act
        self._projects = projects
        self._access = access
        self._writes = writes

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        """Answer a request."""
        identity = self._access.identify(header(scope, b"authorization"))
        scope["budgetctl"]["token"] = identity.token_id
        if self._writes:
            identity.require_writing()
        document = await read_json(scope, receive, most=MAX_BULK_BODY)
        asked = document.get("project_name")
        if not isinstance(asked, str):
            raise InvalidValueError('the body needs "project_name": the name of the project')
        name = scope["budgetctl"]["project"] = identity.project_of(asked)
        with await self._projects.use(name) as project:
            project.has_saves |= self._writes
            found = await project.call(self._act, project, identity.token_id or _ANYBODY, document)
            project.changes += self._writes
        return respond(encoded(found), headers=_CLOSING)


def hosted_routes(projects: Projects, access: Access) -> list[Route]:
    """The routes; an address that ends in a slash gets another one."""
    endpoints = {
        "get_budget": HostedEndpoint(_load, projects, access, writes=False),
        "set_budget": HostedEndpoint(_save, projects, access, writes=True),
    }
    return [
        Route("POST", f"{slashes}{name}", endpoint) for name, endpoint in endpoints.items() for slashes in ("/", "//")
    ]


def _load(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return get_budget(project.reader)


def _save(project: Project, token_id: str, document: dict[str, Any]) -> dict[str, Any]:
    return set_budget(project.writer, token_id, document)
