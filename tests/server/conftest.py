"""Servers over SQLite files, in this process, and litellm's own clients."""

from __future__ import annotations

from contextlib import closing

import pytest

from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import SqliteStore
from support import hosting
from support.requests import fill
from support.serving import Running


@pytest.fixture
def open_file(home, clock):
    """Open the store of a project."""
    return lambda name: SqliteStore(home / f"{name}.db", name, clock=clock)


@pytest.fixture
def store(open_file):
    """An empty project."""
    with closing(open_file("p")) as store:
        yield store


@pytest.fixture(scope="session")
def litellm_clients():
    """Four processes of litellm's hosted client."""
    with hosting.litellm_clients(4) as clients:
        yield clients


@pytest.fixture
def server(serve, open_file, clock) -> Running:
    """A server that answers anybody, with the project `p`."""
    running = serve(open_file, clock=clock)
    fill(running.open("p"))
    return running


@pytest.fixture
def guarded(serve, open_file, clock, home) -> Running:
    """A server that wants tokens."""
    return serve(open_file, clock=clock, tokens=FileTokens(home / "tokens.json"))
