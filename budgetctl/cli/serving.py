"""Serving the projects of a store to other machines, and the first token of a server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from budgetctl.cli.problems import note
from budgetctl.cli.session import Session
from budgetctl.errors import BudgetctlError
from budgetctl.stores.location import ANY_ADDRESS, LOOPBACK

if TYPE_CHECKING:
    from budgetctl.server.tokens.token import TokenStore


_FIRST = "serve"
"""What the token is called that a server makes for whoever has started it."""


class Listening(NamedTuple):
    """The address at which a server listens, the host names that it answers to, and whether clients need tokens.

    With `reuse_port`, other servers may share the port. With `metrics_by_user`, its metrics name users.
    """

    host: str
    port: int
    allowed_hosts: Sequence[str]
    reuse_port: bool
    metrics_by_user: bool
    has_tokens: bool


def serve_projects(session: Session, wanted: Listening) -> None:
    """Serve until a signal comes. Raises `BudgetctlError` where a package that a server needs is not installed."""
    try:
        from budgetctl.server.door import host_names
        from budgetctl.server.running import Server, Settings
    except ModuleNotFoundError as error:
        raise BudgetctlError(
            f"the server needs {error.name}, which is not installed", hint="pip install 'budgetctl[server]'"
        ) from error
    from budgetctl.server.tokens import open_tokens

    settings = Settings(
        session.location,
        host=wanted.host,
        port=wanted.port,
        tokens=open_tokens(session.location) if wanted.has_tokens else None,
        allowed_hosts=wanted.allowed_hosts,
        wait_s=session.wait_s,
        is_quiet=session.output.quiet,
        reuse_port=wanted.reuse_port,
        metrics_by_user=wanted.metrics_by_user,
    )
    server = Server(settings, on_ready=lambda: note(f"serving {address}; Ctrl-C ends it"))
    taken = server.listen()
    port = taken.getsockname()[1]
    address = _address(wanted.host, port)
    if settings.tokens is not None and not settings.tokens.tokens():
        here = _address("127.0.0.1", port) if wanted.host in ANY_ADDRESS else address
        _make_first_token(settings.tokens, here, session.project)
    if wanted.host not in LOOPBACK and not wanted.allowed_hosts:
        names = ", ".join(sorted(host_names(wanted.host, ())))
        note(f"only requests for {names} are answered: --allowed-host NAME adds what clients call it")
    server.run_on(taken)


def _address(host: str, port: int) -> str:
    return f"http://{'[' + host + ']' if ':' in host else host}:{port}"


def _make_first_token(tokens: TokenStore, address: str, project: str) -> None:
    """Make a token for the person who has started the server, and keep it where a client on this machine finds it."""
    from budgetctl.server.tokens.token import new_token
    from budgetctl.stores.remote.credentials import store_token

    token, text = new_token(project, time.time_ns() // 1000, name=_FIRST)
    path = store_token(address, project, text)
    tokens.add(token)
    note(f"made a token for the project {project}, in {path}")
