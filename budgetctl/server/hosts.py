"""Which names a server answers to: a web page must not reach it under a name of its own."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from budgetctl.server.http import Scope, header
from budgetctl.server.problems import RefusedError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # what nobody calls a server by


def host_names(listening: str, allowed: Collection[str]) -> frozenset[str]:
    """The names of a server that listens there, without ports and in lower case."""
    own = {listening} - _ANY_ADDRESS
    return frozenset(name.lower().strip("[]") for name in {*LOOPBACK, *own, *allowed})


def check_host(scope: Scope, names: Collection[str]) -> None:
    """Raise `RefusedError` for a request that is meant for somebody else."""
    host = (header(scope, b"host") or b"").decode("latin-1").lower()
    if _without_port(host) not in names:
        raise RefusedError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "misdirected",
            f"this server does not answer to {host!r:.80}",
            hint="budgetctl serve --allowed-host NAME",
        )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host
