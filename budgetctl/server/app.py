"""The ASGI application: its table of routes, and the door, the errors and the log that all of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from budgetctl.errors import BudgetctlError
from budgetctl.server import metrics
from budgetctl.server.amounts import Amounts
from budgetctl.server.api.endpoints import call_routes
from budgetctl.server.api.pages import page_routes
from budgetctl.server.bodies import Bodies
from budgetctl.server.door import Door, Right, Route
from budgetctl.server.hosted.routes import hosted_routes
from budgetctl.server.http import WHOLE, Receive, Scope, Send
from budgetctl.server.logs import Log
from budgetctl.server.problems import RefusedError, answer_to, status_of
from budgetctl.server.projects import Projects

MAX_UNDER_WAY = 500
"""The number of requests that may wait for their answers; further ones are refused with 503."""


class Application:
    """The whole server, as an ASGI application. `list_projects` returns the names of the projects that have a store.

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
        amounts = Amounts(projects, log, by_user=metrics_by_user)
        routes = (
            *call_routes(projects, self._bodies),
            *page_routes(projects, amounts, list_projects, has_tokens=door.has_tokens),
            *hosted_routes(projects, self._bodies),
        )
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, also one that fails, and log it."""
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
                self._under_way -= 1  # a client that is slow to take the answer keeps no other waiting
            status = response.status_code
            if WHOLE not in scope.get("extensions", ()):  # the rest of the body would be read as the next request
                response.headers["connection"] = "close"
            await response(scope, receive, send)
        finally:
            self._note(scope, status, began, noted)

    async def _answered(self, scope: Scope, receive: Receive, noted: dict[str, Any]) -> Response:
        try:
            route = self._route(scope)
            visitor = self._door.admit(scope, route.right)
            return await route.endpoint(visitor, scope, receive)
        except BudgetctlError as error:
            if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR:
                noted["error"] = error.message
            return answer_to(error)
        except Exception as error:  # noqa: BLE001  # the fault is the server's: the log has it, the answer does not
            noted["error"] = self._log.fault(error)
            return answer_to(BudgetctlError("the server made a mistake; its log says which"))

    def _route(self, scope: Scope) -> Route:
        """The route of a request. Raises `RefusedError` where there is none, and where there is no room."""
        method = scope["method"]
        route = self._routes.get(scope["path"])
        is_health = route is not None and route.right is Right.HEALTH
        self._door.check_host(scope, is_any_allowed=is_health)
        # A request whose body still comes keeps nobody waiting.
        if not is_health and self._under_way - self._bodies.reading > MAX_UNDER_WAY:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many requests are under way: try again")
        if route is None or route.method != ("GET" if method == "HEAD" else method):
            status = HTTPStatus.NOT_FOUND if route is None else HTTPStatus.METHOD_NOT_ALLOWED
            allowed = {} if route is None else {"allow": "GET, HEAD" if route.method == "GET" else route.method}
            told = f"there is no {method} {scope['path']:.80}"
            raise RefusedError(status, "no_such_route", told, hint="see /docs", headers=allowed)
        return route

    def _note(self, scope: Scope, status: int, began: float, noted: dict[str, Any]) -> None:
        took_s = time.perf_counter() - began
        route = self._routes.get(scope["path"])
        name = "other" if route is None else route.path
        count, duration = metrics.of_requests(name, status)
        count.inc()
        duration.observe(took_s)
        if route is None or route.right is not Right.HEALTH:
            self._log.request(scope, name, status, took_s, noted)
