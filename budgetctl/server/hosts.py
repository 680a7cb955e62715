"""Which names a server answers to: a web page must not reach it under a name of its own."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus

from budgetctl.server.http import Scope
from budgetctl.server.problems import RefusedError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # what nobody calls a server by


def host_names(listening: str, allowed: Collection[str]) -> frozenset[str]:
    """The names of a server that listens there, without ports and in lower case."""
    own = {listening} - _ANY_ADDRESS
    return frozenset(name.lower().strip("[]") for name in {*LOOPBACK, *own, *allowed})


def host_of(scope: Scope) -> str:
    """Whom a request is meant for, in lower case. Raises `RefusedError` where it says nobody, or several."""
    said = [value for name, value in scope["headers"] if name == b"host"]
    if len(said) > 1 or (not said and scope["http_version"] == "1.1"):
        told = "a request needs one Host header" if not said else "a request has one Host header, and not several"
        raise RefusedError(HTTPStatus.BAD_REQUEST, "invalid", told)
    return said[0].decode("latin-1").lower() if said else ""


def check_host(host: str, names: Collection[str]) -> None:
    """Raise `RefusedError` for a request that is meant for somebody else."""
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
