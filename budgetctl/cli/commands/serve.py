"""`budgetctl serve`."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from budgetctl.cli.serving import Listening, serve_projects
from budgetctl.cli.session import Session
from budgetctl.errors import InvalidValueError
from budgetctl.stores.location import LOOPBACK, is_server

_MAX_PORT = 65_535


def _port(given: object) -> int:
    text = str(given)  # Typer has the default parsed, too
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= _MAX_PORT):
        raise typer.BadParameter(f"{text!r} is not a port: give a number up to {_MAX_PORT}, or 0 for any that is free")
    return int(text)


def serve(
    session: Session,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", show_default=False, help="Where to listen; 127.0.0.1.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", show_default=False, parser=_port, help="On which port; 8484.")
    ] = 8484,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="A name that clients use. May be given again."),
    ] = None,
    reuse_port: Annotated[
        bool, typer.Option("--reuse-port", help="Share the port with other servers that say so: one for each core.")
    ] = False,
    metrics_by_user: Annotated[
        bool, typer.Option("--metrics-by-user", help="Name users in /metrics, each with spend and limit.")
    ] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Answer without tokens; on this machine only.")] = False,
) -> None:
    """Serve the budgets of all projects here over HTTP, to clients that have a token.

    $ budgetctl serve
    $ budgetctl serve --host 0.0.0.0 --allowed-host budgets.example

    Clients name it as their store, as in --store http://127.0.0.1:8484. The first time it makes a token for the
    project, and puts it where budgetctl on this machine finds it. Others get one from: budgetctl token create

    It speaks HTTP: for other machines put a proxy in front of it that speaks HTTPS. Requests are logged on stderr, a
    line of JSON each, and not with --quiet. SIGTERM ends it when everything that has begun is answered.

    It answers under /v1, as /openapi.json and /docs say; a browser begins at /.
    """
    if is_server(session.location):
        raise InvalidValueError("a server serves the stores that are here, not another server", hint="--store PATH")
    if no_auth and host not in LOOPBACK:
        raise InvalidValueError(f"without tokens anybody who reaches {host} could spend", hint="budgetctl serve")
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise InvalidValueError("this system does not share a port among servers", hint="budgetctl serve --port 8485")
    wanted = Listening(
        host,
        port,
        allowed_host or (),
        reuse_port=reuse_port,
        metrics_by_user=metrics_by_user,
        has_tokens=not no_auth,
    )
    serve_projects(session, wanted)
