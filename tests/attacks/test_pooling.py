"""A pooler between a store and PostgreSQL. One of sessions does no harm; one of transactions is named."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import threading
from contextlib import closing

import psycopg
import pytest

from budgetctl import BudgetManager
from budgetctl.errors import StoreUnavailableError
from budgetctl.money import parse_amount
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound

_NO_ENCRYPTION = (80877103, 80877104)
"""What a client asks first: https://www.postgresql.org/docs/current/protocol-message-formats.html"""

_TOLD = ("server_version", "client_encoding", "standard_conforming_strings", "integer_datetimes", "TimeZone")


class Pooler:
    """Two sessions of the database for each client, who gets the other one after each transaction, or never."""

    def __init__(self, url: str, *, pools: str) -> None:
        self._url = url
        self._pools = pools
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://anybody@127.0.0.1:{self._listening.getsockname()[1]}/any?sslmode=disable"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more clients."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.ExitStack() as opened, contextlib.suppress(OSError, EOFError):
            sessions = [opened.enter_context(psycopg.connect(self._url, sslmode="disable")) for _ in range(2)]
            servers = [opened.enter_context(socket.socket(fileno=os.dup(session.fileno()))) for session in sessions]
            for server in servers:
                server.setblocking(True)
            _welcome(client, sessions[0])
            turns = itertools.cycle(servers)
            server = next(turns)
            while True:
                kind, message = _message(client)
                if kind == b"X":
                    return
                server.sendall(message)
                if kind in (b"Q", b"S") and _answer(server, client) == b"I" and self._pools == "transactions":
                    server = next(turns)


def _welcome(client: socket.socket, session: psycopg.Connection) -> None:
    while True:
        (length,) = struct.unpack("!i", _exactly(client, 4))
        (asked,) = struct.unpack("!i", _exactly(client, length - 4)[:4])
        if asked not in _NO_ENCRYPTION:
            break
        client.sendall(b"N")
    told = [f"{name}\0{session.info.parameter_status(name)}\0".encode() for name in _TOLD]
    answers = [(b"R", struct.pack("!i", 0)), *((b"S", each) for each in told), (b"K", bytes(8)), (b"Z", b"I")]
    client.sendall(b"".join(kind + struct.pack("!i", len(body) + 4) + body for kind, body in answers))


def _answer(server: socket.socket, client: socket.socket) -> bytes:
    """Pass on what the server says until it is ready again, and return whether it is in a transaction."""
    while True:
        kind, message = _message(server)
        client.sendall(message)
        if kind == b"Z":
            return message[-1:]


def _message(sender: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(sender, 5)
    return head[:1], head + _exactly(sender, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(sender: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = sender.recv(size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


@pytest.fixture
def manager():
    """A project with a user, by a connection of its own."""
    with closing(PostgresStore(server_url(), new_project())) as store:
        manager = BudgetManager(store.project, store=store)
        manager.create("alice", "10")
        yield manager
        assert_sound(store)


def behind(manager, pools):
    pooler = Pooler(server_url(), pools=pools)
    store = PostgresStore(pooler.url, manager.project_name, wait_s=2)
    return pooler, store, BudgetManager(manager.project_name, store=store)


def test_a_store_works_behind_a_pooler_of_sessions(manager):
    pooler, store, pooled = behind(manager, "sessions")
    with closing(pooler), closing(store):
        for _ in range(10):
            pooled.charge("alice", "0.01")
            pooled.commit(pooled.reserve("alice", "0.01").hold_id, "0.01")
    assert manager.budget("alice").limit.spent == parse_amount("0.20")


@pytest.mark.parametrize(
    "act",
    [
        lambda manager: manager.charge("alice", "1"),
        lambda manager: manager.reserve("alice", "1"),
        lambda manager: manager.check("alice"),
        lambda manager: manager.create("bob", "1"),
        lambda manager: list(manager.history("alice")),
    ],
    ids=["charge", "reserve", "check", "create", "history"],
)
def test_a_pooler_of_transactions_is_named_and_nothing_is_changed(manager, act):
    pooler, store, pooled = behind(manager, "transactions")
    refused = pytest.raises(StoreUnavailableError, match="nothing was changed")
    with closing(pooler), closing(store), refused as caught:
        act(pooled)
    assert "pool_mode = session" in caught.value.hint
    assert [(budget.user, budget.remaining) for budget in manager.budgets()] == [("alice", parse_amount("10"))]
