"""The ASGI application: every route, and what all of them share."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from budgetctl.errors import BudgetctlError
from budgetctl.server import metrics
from budgetctl.server.amounts import Amounts
from budgetctl.server.api.endpoints import Endpoint
from budgetctl.server.api.pages import page_routes
from budgetctl.server.bodies import Bodies
from budgetctl.server.door import Door
from budgetctl.server.hosted.routes import hosted_routes
from budgetctl.server.http import WHOLE, Receive, Route, Scope, Send
from budgetctl.server.logs import Log
from budgetctl.server.problems import RefusedError, answer_to, status_of
from budgetctl.server.projects import Projects
from budgetctl.wire.calls import CALLS

MAX_UNDER_WAY = 500
"""Requests that may wait for their answers; more are told to come again."""

HEALTH = frozenset({"/healthz", "/readyz"})


class Application:
    """The whole server, as ASGI. `list_projects` names the projects that there are.

    With `metrics_by_user`, users are named in the metrics.
    """

    def __init__(
        self,
        projects: Projects,
        door: Door,
        log: Log,
        *,
        list_projects: Callable[[], Sequence[str]],
        metrics_by_user: bool = False,
    ) -> None:
        self._log = log
        self._door = door
        self._under_way = 0
        self._bodies = Bodies(projects.run)
        metrics.UNDER_WAY.set_function(lambda: self._under_way)
        calls = (
            Route("POST" if call.writes else "GET", call.path, Endpoint(call, projects, door, self._bodies))
            for call in CALLS.values()
        )
        amounts = Amounts(projects, log, by_user=metrics_by_user)
        others = (*page_routes(projects, door, amounts, list_projects), *hosted_routes(projects, door, self._bodies))
        self._routes = {route.path: route for route in (*calls, *others)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever comes of it, and write it down."""
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        noted: dict[str, Any] = {"token": None, "project": None}
        scope["budgetctl"] = noted
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        try:
            self._under_way += 1
            try:
                response = await self._answered(scope, receive, noted)
            finally:
                self._under_way -= 1  # who does not take the answer keeps nobody waiting
            status = response.status_code
            if WHOLE not in scope.get("extensions", ()):  # what is left of the request would be taken for the next one
                response.headers["connection"] = "close"
            await response(scope, receive, send)
        finally:
            self._note(scope, status, began, noted)

    async def _answered(self, scope: Scope, receive: Receive, noted: dict[str, Any]) -> Response:
        try:
            return await self._endpoint(scope)(scope, receive)
        except BudgetctlError as error:
            if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
                noted["error"] = error.message
            return answer_to(error)
        except Exception as error:  # noqa: BLE001  # the fault is the server's: it is in the log, and nothing of it outside
            noted["error"] = self._log.fault(error)
            return answer_to(BudgetctlError("the server made a mistake; its log says which"))

    def _endpoint(self, scope: Scope) -> Callable[[Scope, Receive], Awaitable[Response]]:
        """Who answers. Raises `RefusedError` where nobody does."""
        path = scope["path"]
        is_health = path in HEALTH
        self._door.check_host(scope, is_any_allowed=is_health)
        if (
            not is_health and self._under_way - self._bodies.reading > MAX_UNDER_WAY
        ):  # who still sends keeps nobody waiting
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many requests are under way: try again")
        route = self._routes.get(path)
        if route is None or route.method != ("GET" if scope["method"] == "HEAD" else scope["method"]):
            status = HTTPStatus.NOT_FOUND if route is None else HTTPStatus.METHOD_NOT_ALLOWED
            allowed = {} if route is None else {"allow": "GET, HEAD" if route.method == "GET" else route.method}
            told = f"there is no {scope['method']} {path:.80}"
            raise RefusedError(status, "no_such_route", told, hint="see /docs", headers=allowed)
        return route.endpoint

    def _note(self, scope: Scope, status: int, began: float, noted: dict[str, Any]) -> None:
        took_s = time.perf_counter() - began
        route = scope["path"] if scope["path"] in self._routes else "other"
        count, duration = metrics.of_requests(route, status)
        count.inc()
        duration.observe(took_s)
        if route not in HEALTH:
            self._log.request(scope, route, status, took_s, noted)
