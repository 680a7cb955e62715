"""Errors as HTTP answers: their statuses, bodies and headers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from budgetctl.errors import (
    AlreadyExistsError,
    BudgetctlError,
    ClockError,
    HoldResolvedError,
    InvalidValueError,
    KeyConflictError,
    NotAuthorisedError,
    NotFoundError,
    OverBudgetError,
    StoreBusyError,
    StoreUnavailableError,
)
from budgetctl.server.http import encoded, respond
from budgetctl.wire.values import ErrorShape

RETRY_AFTER_S = 1

_BASIC, _BEARER = b'Basic realm="budgetctl", charset="UTF-8"', b'Bearer realm="budgetctl"'

STATUSES: dict[type[BudgetctlError], tuple[HTTPStatus, str]] = {
    InvalidValueError: (HTTPStatus.UNPROCESSABLE_ENTITY, "A value is not acceptable; nothing was changed."),
    NotFoundError: (HTTPStatus.NOT_FOUND, "No such user, hold, entry or project."),
    AlreadyExistsError: (
        HTTPStatus.CONFLICT,
        "It exists, the key was used before, the hold is resolved, or the clock is wrong.",
    ),
    KeyConflictError: (HTTPStatus.CONFLICT, ""),
    HoldResolvedError: (HTTPStatus.CONFLICT, ""),
    ClockError: (HTTPStatus.CONFLICT, ""),
    OverBudgetError: (HTTPStatus.PAYMENT_REQUIRED, "A limit does not allow it; `decision` says which."),
    NotAuthorisedError: (HTTPStatus.FORBIDDEN, "The token does not allow this."),
    StoreBusyError: (HTTPStatus.SERVICE_UNAVAILABLE, "Busy: try again after `Retry-After` seconds."),
    StoreUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, ""),
}
"""Class of error → its status, and the text of that in the description. All others are the server's fault: 500."""


class RefusedError(BudgetctlError):
    """A request that is refused before a store is asked."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = headers or {}


class UnknownTokenError(NotAuthorisedError):
    """No token, or none that can be used. `asks_for_password` has a browser ask for one: the token is the password."""

    status = HTTPStatus.UNAUTHORIZED
    asks_for_password = False


def status_of(error: BudgetctlError) -> HTTPStatus:
    """The status of an error."""
    own: HTTPStatus | None = getattr(error, "status", None)
    if own is not None:
        return own
    found = (status for kind, (status, _) in STATUSES.items() if isinstance(error, kind))
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def document_of(error: BudgetctlError) -> dict[str, Any]:
    """The body of the answer to an error. The faults of the server's own files are told in its log alone."""
    if status_of(error) >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, (StoreBusyError, RefusedError)):
        told = type(error).__new__(type(error))
        BudgetctlError.__init__(told, "the server cannot use its store; its log says why", hint="tell who runs it")
        error = told
    return {"error": ErrorShape().write(error)}


def answer_to(error: BudgetctlError) -> Response:
    """What a request is answered that ends in an error."""
    response = respond(encoded(document_of(error)), status_of(error), headers=_headers_of(error))
    if isinstance(error, UnknownTokenError):
        # A line each: browsers read one challenge in a line. Those who read the last line alone are programs.
        schemes = [_BASIC, _BEARER] if error.asks_for_password else [_BEARER]
        response.raw_headers += [(b"www-authenticate", scheme) for scheme in schemes]
    return response


def _headers_of(error: BudgetctlError) -> Mapping[str, str]:
    """The headers that go with an error."""
    status = status_of(error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"retry-after": str(RETRY_AFTER_S)}
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return {"connection": "close"}
    return error.headers if isinstance(error, RefusedError) else {}
