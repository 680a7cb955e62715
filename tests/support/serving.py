"""A server in a thread of this process, on a port of its own, with real sockets."""

from __future__ import annotations

import http.client
import io
import json
import threading
from typing import Any, NamedTuple

from budgetctl.server.running import Server, Settings
from budgetctl.server.tokens.token import new_token
from budgetctl.stores.remote.store import HttpStore, open_http_store


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The document in the body, which is JSON."""
        return json.loads(self.body)


class Running:
    """A server over the stores that `open_project` opens. Without `tokens` it answers every client."""

    def __init__(self, open_project: Any = None, location: Any = None, **settings: Any) -> None:
        self.server = Server(Settings(location, port=0, open_project=open_project, **settings))
        self._log = self.server.log._stream = io.StringIO()
        self._opened: list[HttpStore] = []
        self._socket = self.server.listen()
        self.port = self._socket.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.run_on, args=[self._socket], daemon=True)

    def __enter__(self) -> Running:
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server, and wait for its end."""
        self.tell_to_end()
        self.wait_for_end()

    def tell_to_end(self) -> None:
        """Have it stop, which takes a quarter of a second: uvicorn looks ten times a second whether it shall."""
        for store in self._opened:
            store.close()
        self.server.should_exit = True

    def wait_for_end(self) -> None:
        """Wait until it has stopped."""
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    def logged(self) -> str:
        """The log of the server so far."""
        assert self.server.log.flush(30)
        return self._log.getvalue()

    def open(self, project: str, **more: Any) -> HttpStore:
        """The store of a project on the server."""
        self._opened.append(open_http_store(self.address, project, **more))
        return self._opened[-1]

    def new_token(self, project: str, **more: Any) -> str:
        """The text of a new token that the server knows."""
        token, text = new_token(project, self.server.settings.clock(), **more)
        self.server.settings.tokens.add(token)
        return text

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The answer to a request of any form. A body that is not bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        found = Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())
        connection.close()
        return found
