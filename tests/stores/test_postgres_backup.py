"""PostgreSQL's own tools, as docs/operating.md has them: a dump while others write, its restore, and damage."""

from __future__ import annotations

import subprocess
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from budgetctl.errors import CorruptStoreError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import parse_amount
from budgetctl.stores import open_store, project_stores
from support.postgres import Server
from support.soundness import assert_sound

CENT = parse_amount("0.01")
CHANGE = BudgetChange(amount=parse_amount("1000"))


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, with databases of its own."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def store(server):
    with closing(open_store(server.url, "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="keep")
        yield store


def run(server, name, *arguments):
    subprocess.run([server.programs / name, *arguments], check=True, capture_output=True, timeout=60)


def dumped(server, file):
    run(server, "pg_dump", "--format=custom", "--schema=budgetctl", f"--file={file}", server.url)


def restored(server, file, name):
    """The URL of a new database into which a dump was restored."""
    url = urlunsplit(urlsplit(server.url)._replace(path=f"/{name}"))
    run(server, "createdb", f"--maintenance-db={server.url}", name)
    run(server, "pg_restore", "--single-transaction", f"--dbname={url}", file)
    run(server, "vacuumdb", "--analyze-only", f"--dbname={url}")
    return url


class Writer(threading.Thread):
    """Charges until it is told to stop."""

    def __init__(self, url):
        super().__init__()
        self._url = url
        self.charged = 0
        self.has_begun = threading.Event()
        self.is_to_stop = threading.Event()

    def run(self):
        with closing(open_store(self._url, "p")) as store:
            while not self.is_to_stop.is_set():
                store.charge(ChargeRequest("alice", CENT, model="m"))
                self.charged += 1
                self.has_begun.set()


def test_a_dump_while_others_write_is_restored_whole_and_charges_go_on(server, store, home):
    writers = [Writer(server.url) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        assert writer.has_begun.wait(60)
    before = sum(writer.charged for writer in writers)
    dumped(server, home / "budgets.dump")
    for writer in writers:
        writer.is_to_stop.set()
    for writer in writers:
        writer.join()
    url = restored(server, home / "budgets.dump", "rehearsal")
    with closing(open_store(url, "p")) as copy:
        assert list(copy.verify()) == []
        assert_sound(copy)
        entries = len(list(copy.history("alice")))
        assert before <= entries <= sum(writer.charged for writer in writers)
        assert copy.budget("alice").limit.spent == entries * CENT
        assert copy.charge(ChargeRequest("alice", CENT)).entry.number == entries + 1
        copy.create_budget("bob", CHANGE, if_exists="error")
    assert [each.project for each in project_stores(url)] == ["p"]


def test_a_key_that_was_used_before_the_dump_is_known_after_its_restore(server, store, home):
    request = ChargeRequest("alice", CENT, key=IdempotencyKey("caller", b"k" * 16, b"r" * 16))
    store.charge(request)
    dumped(server, home / "budgets.dump")
    with closing(open_store(restored(server, home / "budgets.dump", "keys"), "p")) as copy:
        assert copy.charge(request).replayed


def test_a_page_that_is_not_what_was_written_is_told_of_as_damage():
    server = Server()
    try:
        with closing(open_store(server.url, "p")) as store:
            store.create_budget("alice", CHANGE, if_exists="error")
            store.charge(ChargeRequest("alice", CENT))
            store.close()
            flip_a_bit(server, "budgetctl.entries")
            with pytest.raises(CorruptStoreError, match="is damaged"):
                list(store.verify())
    finally:
        server.stop()


def flip_a_bit(server, table):
    """Change the first page of a table on the disk, and have the server read it from there."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.execute("SHOW data_checksums").fetchone() != ("on",):
            pytest.skip("this server does not know what it wrote")
        (path,) = connection.execute("SELECT pg_relation_filepath(%s)", [table]).fetchone()
        (directory,) = connection.execute("SHOW data_directory").fetchone()
        connection.execute("CHECKPOINT")
    with Path(directory, path).open("r+b") as file:
        file.seek(8000)
        (byte,) = file.read(1)
        file.seek(8000)
        file.write(bytes([byte ^ 1]))
    server.restart()
