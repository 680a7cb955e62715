"""A store with litellm's protocol in front of it, and litellm's own clients."""

from __future__ import annotations

from contextlib import closing

import pytest
from hosting import Client

from budgetctl.stores import SqliteStore


@pytest.fixture
def store(home, clock):
    """An empty project."""
    with closing(SqliteStore(home / "p.db", "p", clock=clock)) as store:
        yield store


@pytest.fixture(scope="session")
def litellm_clients():
    """Four processes that have imported litellm, which takes them seconds."""
    clients = [Client() for _ in range(4)]
    yield clients
    for client in clients:
        client.close()
