"""The ASGI application: every route, and what all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router

from budgetctl.errors import BudgetctlError
from budgetctl.server import metrics
from budgetctl.server.access import Access
from budgetctl.server.endpoints import Endpoint
from budgetctl.server.hosted import hosted_routes
from budgetctl.server.hosts import check_host
from budgetctl.server.http import Receive, Scope, Send, answer, encoded
from budgetctl.server.logs import Log
from budgetctl.server.pages import page_routes
from budgetctl.server.problems import RefusedError, document_of, headers_of, status_of
from budgetctl.server.projects import Projects
from budgetctl.stores.calls import CALLS

MAX_UNDER_WAY = 500
"""Requests that may wait for their answers; more are told to come again."""

HEALTH = frozenset({"/healthz", "/readyz"})


class Application:
    """The whole server, as ASGI. `list_projects` names the projects that there are."""

    def __init__(
        self,
        projects: Projects,
        access: Access,
        log: Log,
        *,
        allowed_hosts: Collection[str],
        list_projects: Callable[[], Sequence[str]],
    ) -> None:
        self._log = log
        self._allowed_hosts = allowed_hosts
        self._under_way = 0
        calls = [
            Route(call.path, Endpoint(call, projects, access), methods=["POST" if call.writes else "GET"])
            for call in CALLS.values()
        ]
        others = [*page_routes(projects, access, list_projects), *hosted_routes(projects, access)]
        self._router = Router([*calls, *others], redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it, and write it down."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        noted: dict[str, Any] = {"token": None, "project": None}
        scope["budgetctl"] = noted
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        has_begun = False

        async def observed(message: Any) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
            await send(message)

        self._under_way += 1
        metrics.UNDER_WAY.set(self._under_way)
        try:
            await self._answered(scope, receive, observed)
        except BudgetctlError as error:
            found = status_of(error)
            if found >= HTTPStatus.INTERNAL_SERVER_ERROR:
                noted["error"] = error.message
            await answer(observed, found, encoded(document_of(error)), headers=headers_of(found))
        except Exception as error:  # noqa: BLE001  # the fault is the server's: it is in the log, and nothing of it outside
            noted["error"] = self._log.fault(error)
            if not has_begun:
                fault = BudgetctlError("the server made a mistake; its log says which")
                await answer(observed, status, encoded(document_of(fault)))
        finally:
            self._under_way -= 1
            metrics.UNDER_WAY.set(self._under_way)
            self._note(scope, status, time.perf_counter() - began, noted)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in HEALTH:
            check_host(scope, self._allowed_hosts)
            if self._under_way > MAX_UNDER_WAY:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many requests are under way: try again")
        scope["app"] = self  # by which the router raises what it has no route for
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            status = HTTPStatus(error.status_code)
            what = f"there is no {scope['method']} {scope['path']:.80}"
            raise RefusedError(status, "no_such_route", what, hint="see /docs") from error

    def _note(self, scope: Scope, status: int, took_s: float, noted: dict[str, Any]) -> None:
        route = scope["path"] if scope.get("endpoint") is not None else "other"
        metrics.REQUESTS.labels(route, str(status)).inc()
        metrics.DURATION.labels(route).observe(took_s)
        if route not in HEALTH:
            self._log.request(scope, route, status, took_s, noted)
