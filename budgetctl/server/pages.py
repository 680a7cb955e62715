"""Routes that are no operation of a store: health, metrics, the description of the interface, projects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.routing import Route

from budgetctl.server import metrics
from budgetctl.server.access import Access, Identity
from budgetctl.server.endpoints import NOW_HEADER, PROJECT_PARAMETER
from budgetctl.server.http import Receive, Scope, Send, answer, encoded, header, read_query
from budgetctl.server.openapi import describe, page
from budgetctl.server.projects import Projects
from budgetctl.stores.calls import PATH

Answer = Callable[[Identity], Awaitable[tuple[bytes, bytes]]]

_JSON, _HTML = b"application/json", b"text/html; charset=utf-8"


class Page:
    """The ASGI application of a route whose answer depends at most on who asks."""

    def __init__(self, body: Answer, access: Access | None, *, is_password_allowed: bool = False) -> None:
        self._body = body
        self._access = access
        self._is_password_allowed = is_password_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer a request."""
        identity = None
        if self._access is not None:
            identity = self._access.identify(
                header(scope, b"authorization"), is_password_allowed=self._is_password_allowed
            )
            scope["budgetctl"]["token"] = identity.token_id
        body, content_type = await self._body(identity)  # type: ignore[arg-type]
        await answer(send, 200, body, content_type=content_type)


def page_routes(projects: Projects, access: Access, list_projects: Callable[[], Sequence[str]]) -> list[Route]:
    """The routes. All but health need a token; those that a browser shows take it as a password too."""

    async def healthy(_: Identity) -> tuple[bytes, bytes]:
        return encoded({"status": "ok"}), _JSON

    async def ready(_: Identity) -> tuple[bytes, bytes]:
        await projects.run(list_projects)
        return encoded({"status": "ok"}), _JSON

    async def exposition(_: Identity) -> tuple[bytes, bytes]:
        return metrics.exposition(), metrics.CONTENT_TYPE.encode()

    async def description(_: Identity) -> tuple[bytes, bytes]:
        return encoded(describe()), _JSON

    async def documentation(_: Identity) -> tuple[bytes, bytes]:
        return page().encode(), _HTML

    async def names(identity: Identity) -> tuple[bytes, bytes]:
        known = [identity.project] if identity.project is not None else list(await projects.run(list_projects))
        return encoded({"items": known}), _JSON

    return [
        Route("/healthz", Page(healthy, None), methods=["GET"]),
        Route("/readyz", Page(ready, None), methods=["GET"]),
        Route("/metrics", Page(exposition, access), methods=["GET"]),
        Route("/openapi.json", Page(description, access, is_password_allowed=True), methods=["GET"]),
        Route("/docs", Page(documentation, access, is_password_allowed=True), methods=["GET"]),
        Route(f"{PATH}projects", Page(names, access), methods=["GET"]),
        Route(f"{PATH}changes", Changes(projects, access), methods=["GET"]),
    ]


class Changes:
    """Tells a client whether others have changed a project: two equal answers say that nobody has."""

    def __init__(self, projects: Projects, access: Access) -> None:
        self._projects = projects
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer a request."""
        identity = self._access.identify(header(scope, b"authorization"))
        name = identity.project_of(read_query(scope).get(PROJECT_PARAMETER))
        scope["budgetctl"].update(token=identity.token_id, project=name)
        async with self._projects.use(name) as project:
            elsewhere = await project.call(project.writer.change_token)
            document = {"run": self._projects.run_id, "changes": project.changes, "elsewhere": str(elsewhere)}
            now = str(await project.now_us()).encode()
        await answer(send, 200, encoded(document), headers=[(NOW_HEADER, now)])
