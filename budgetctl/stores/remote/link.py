"""A connection to a server: requests, and their repetition when the network fails."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from budgetctl.errors import (
    BudgetctlError,
    InvalidValueError,
    NotAuthorisedError,
    StoreBusyError,
    StoreUnavailableError,
)
from budgetctl.stores.location import LOOPBACK
from budgetctl.stores.patience import Patience
from budgetctl.stores.remote.credentials import split_address

if TYPE_CHECKING:
    import http.client
    import ssl

TIMEOUT_S = 10.0
"""The time for a request and its whole answer."""

MAX_ANSWER_BYTES = 64 * 2**20
"""The largest answer, as large as a server's largest request: a page of a list is far smaller."""

_LONGEST_MESSAGE = 2000

_PAUSE_S, _MAX_PAUSE_S = 0.2, 1.0
_AT_FIRST = 1 / 6
"""The share of the patience before the first answer of a server: the address may be wrong."""


class OddAnswerError(StoreUnavailableError):
    """The answer of a server makes no sense, or was too slow. The server is not asked again, as that would not help."""


class UnknownServerError(OddAnswerError):
    """The server at the address is not one of budgetctl's."""


class Reply(NamedTuple):
    """The answer of a server: the document, and the headers in lower case."""

    status: int
    document: Any
    headers: Mapping[str, str]


class Link:
    """The way to one server. Each thread has a connection of its own, which stays open.

    `headers` go with every request. A redirect is an error: its target must not see them. `way_in` is the hint for a
    request that lacks a token.
    """

    def __init__(
        self, address: str, headers: Mapping[str, str], *, wait_s: float = TIMEOUT_S, way_in: str | None = None
    ) -> None:
        parts = split_address(address)
        self.address = address.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._context: ssl.SSLContext | None = None
        self._wait_s = max(wait_s, 1.0)
        self._way_in = way_in
        self._was_answered = False
        self._local = threading.local()
        self._connections: dict[threading.Thread, http.client.HTTPConnection] = {}
        self._listing = threading.Lock()
        self._pid = os.getpid()

    @property
    def is_in_clear(self) -> bool:
        """Whether others on the way can read requests."""
        return not self._secure and self._host not in LOOPBACK

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read an answer of any shape in the block. Raises `OddAnswerError` where the shape is not the expected one."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise self.odd(f"an answer that is not understood here: {error}") from error

    def odd(self, what: str) -> OddAnswerError:
        """The error that says what is wrong with an answer."""
        return OddAnswerError(f"{self.address} gave {what}", hint="check that it is the address of a budgetctl server")

    def get(self, path: str, parameters: Mapping[str, Any], *, wait_s: float | None = None) -> Reply:
        """Ask for something."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._send("GET", f"{path}{query}", None, {}, wait_s)

    def post(self, path: str, document: Any, *, wait_s: float | None = None) -> Reply:
        """Have something done: once, however often it has to be sent."""
        body = json.dumps(document, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": new_key()}
        return self._send("POST", path, body, headers, wait_s)

    def close(self) -> None:
        """Close the connections of all threads. Each is opened again on its next use."""
        with self._listing:
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait_s: float | None
    ) -> Reply:
        patience = None
        while True:
            try:
                reply = self._attempt(method, path, body, headers, wait_s)
                self._was_answered = True
                if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
                    raise _error_of(reply, self.address, self._way_in)
                if not isinstance(reply.document, dict):
                    kind = reply.headers.get("content-type", "of no type")
                    raise self.odd(f"an answer that is no JSON object ({kind:.80})")
                return reply
            except OddAnswerError:
                raise
            except StoreUnavailableError as error:
                if patience is None:
                    share = 1 if self._was_answered else _AT_FIRST
                    patience = Patience(self._wait_s * share, pause_s=_PAUSE_S, most_s=_MAX_PAUSE_S)
                patience.wait(error)

    def _attempt(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait_s: float | None
    ) -> Reply:
        import http.client

        from budgetctl import bounded_http

        connection = self._connection()
        try:
            bounded_http.bound(connection, bounded_http.Bounds(wait_s or self._wait_s, MAX_ANSWER_BYTES))
            connection.request(method, self._base + path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            content = bounded_http.read_body(answer)
        except (OSError, ValueError, http.client.HTTPException) as error:
            connection.close()
            if self._secure:
                self._check_trust(error)
            # Who has waited for so long, or was sent so much, does not go on.
            is_final = isinstance(error, (TimeoutError, bounded_http.TooLargeError))
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise (OddAnswerError if is_final else StoreUnavailableError)(
                f"cannot reach the server {self.address}: {reason:.200}", hint="check the address, and that it runs"
            ) from error
        return Reply(answer.status, _parsed(content), {key.lower(): value for key, value in answer.getheaders()})

    def _check_trust(self, error: Exception) -> None:
        """Raise `OddAnswerError` where the server's certificate is what is wrong: the next one is the same."""
        import ssl

        if isinstance(error, ssl.SSLCertVerificationError):
            from budgetctl.stores.remote.trust import advice_on

            raise OddAnswerError(
                f"the server {self.address} is not trusted: {error.verify_message.rstrip('.')}", hint=advice_on(error)
            ) from error

    def _opened(self) -> http.client.HTTPConnection:
        import http.client

        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port)
        if self._context is None:
            from budgetctl.stores.remote.trust import trusting_context

            self._context = trusting_context()
        return http.client.HTTPSConnection(self._host, self._port, context=self._context)

    def _connection(self) -> http.client.HTTPConnection:
        if os.getpid() != self._pid:  # after a fork the parent's connections are the parent's
            self._local, self._connections = threading.local(), {}
            self._listing, self._pid = threading.Lock(), os.getpid()
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._opened()
            with self._listing:
                ended = [thread for thread in self._connections if not thread.is_alive()]
                left = [self._connections.pop(thread) for thread in ended]
                self._connections[threading.current_thread()] = found
            for connection in left:
                connection.close()
        return found


def new_key() -> str:
    """A UUID of version 7: it begins with the time, so that keys that are made together are stored together."""
    import uuid

    at_ms = time.time_ns() // 1_000_000
    bits = (at_ms << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


def _parsed(content: bytearray) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _error_of(reply: Reply, address: str, way_in: str | None) -> BudgetctlError:
    """The error of an answer that is no success, in the server's own words where it is one of ours.

    Without a token, what is to be done is known here (`way_in`); with one that does not do, the server knows more.
    """
    told = _told(reply.document)
    if told is not None and type(told) not in (BudgetctlError, NotAuthorisedError):
        return told
    said = told.message if told is not None else f"it answered {reply.status}"
    if reply.status in _MEANINGS or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind, hint = _MEANINGS.get(reply.status, (StoreUnavailableError, "try again"))
        if reply.status == HTTPStatus.UNAUTHORIZED:
            hint = way_in or hint
        elif reply.status == HTTPStatus.FORBIDDEN and told is not None:
            hint = told.hint or hint
        return kind(f"{address}: {said}", hint=hint)
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        to = reply.headers.get("location", "elsewhere")
        return OddAnswerError(f"{address} redirects to {to!r:.200}; nothing was sent there", hint="name that address")
    if told is None:
        return UnknownServerError(f"{address}: {said}", hint="check that it is the address of a budgetctl server")
    return BudgetctlError(f"{address}: {said}", hint=told.hint)


_MEANINGS: dict[int, tuple[type[BudgetctlError], str]] = {
    HTTPStatus.UNAUTHORIZED: (NotAuthorisedError, "put a token for it into BUDGETCTL_TOKEN"),
    HTTPStatus.FORBIDDEN: (NotAuthorisedError, "put a token for it into BUDGETCTL_TOKEN"),
    HTTPStatus.SERVICE_UNAVAILABLE: (StoreBusyError, "try again"),
    HTTPStatus.TOO_MANY_REQUESTS: (StoreBusyError, "try again"),
}


def _told(document: Any) -> BudgetctlError | None:
    """The error in a document of a server of ours."""
    from budgetctl.wire.values import ErrorShape

    said = document.get("error") if isinstance(document, dict) else None
    try:
        error = None if said is None else ErrorShape().read(said, "error", strict=False)
    except (InvalidValueError, TypeError):
        return None
    if error is not None:
        error.message = error.message[:_LONGEST_MESSAGE]
    return error
