"""Long work on a terminal: how far it has come is shown while it lasts, and Ctrl-C ends it where all is sound.

Work is made long by a lock that the test has, and what shall be shown is waited for: nothing here sleeps.
"""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.files.lock import FileLock
from budgetctl.ledger.store import ChargeRequest
from budgetctl.stores import SqliteStore, open_store
from budgetctl.stores.sqlite.file import lock_of
from support.commands import Cli, dump
from support.soundness import assert_sound

ERASED = "\r\x1b[K"
LONGER = "1"
"""Seconds for which a command waits for the lock, which is longer than work has to last before it is shown."""

OLD_STORE = Path(__file__).parents[1] / "stores" / "data" / "first.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have the line of those who write to a store stand still."""
    lock = FileLock(lock_of(path))
    assert lock.acquire(60)
    try:
        yield
    finally:
        lock.release()
        lock.close()


@pytest.fixture
def due(past_store: SqliteStore, clock: Any) -> Path:
    """Three users have spent something in windows that have passed."""
    budgets = BudgetManager("default", store=past_store)
    for user in ("alice", "bob", "carol"):
        budgets.create(user, "10", duration="monthly")
        budgets.charge(user, "1")
    past_store.close()
    return past_store.path


def charged(cli: Cli, budgets: BudgetManager, count: int) -> None:
    """Alice is charged as often for an answer of a model with a price of one's own."""
    cli("prices", "set", "m", "--input", "1")
    cli("create", "alice", "10")
    cli("update-cost", "alice", "--model", "m", "--input-tokens", "1000", "--output-tokens", "0")
    (entry,) = budgets.history("alice")
    request = ChargeRequest("alice", entry.amount, model="m", usage=entry.usage, pricing=entry.pricing)
    with closing(open_store(None, "default")) as store:
        store.apply([request] * (count - 1))


class TestTheLine:
    """On stderr, while the work lasts."""

    def test_appears_with_what_is_done_and_leaves_the_result_alone(self, start_on_terminal: Any, due: Path) -> None:
        with locked(due):
            running = start_on_terminal("reset-due", "--no-color")
            assert running.shows("resetting ░░░░░░░░░░░░░░░░░░░░  0 of 3 windows")
        *lines, result = running.result().stdout.split(ERASED)
        assert lines
        assert result.startswith("note: 3 windows have passed\nUSER")
        assert "windows" not in result.replace("note: 3 windows", "")

    def test_fits_on_a_narrow_terminal(self, start_on_terminal: Any, due: Path) -> None:
        with locked(due):
            running = start_on_terminal("reset-due", columns=30)
            assert running.shows("resetting 0 of 3 windows")
        assert running.result().returncode == 0

    def test_does_not_disturb_stdout(self, start_on_terminal: Any, due: Path) -> None:
        with locked(due):
            running = start_on_terminal("reset-due", "--json", elsewhere="stdout")
            assert running.shows("0 of 3 windows")
        result = running.result()
        assert result.stdout.endswith(ERASED)
        assert result.stderr.startswith("[\n")

    @pytest.mark.parametrize(
        ("options", "settings", "is_shown"),
        [
            ([], {}, True),
            ([], {"NO_COLOR": "1"}, True),
            (["-q"], {}, False),
            ([], {"TERM": "dumb"}, False),
            ([], {"elsewhere": "stderr"}, False),
        ],
        ids=str,
    )
    def test_is_for_those_who_can_see_it_and_want_it(
        self, terminal: Cli, due: Path, options: list[str], settings: dict[str, str], is_shown: bool
    ) -> None:
        with locked(due):
            result = terminal("reset-due", "--wait", LONGER, *options, **settings)
        assert result.returncode == 5
        assert ("resetting" in result.stdout + result.stderr) == is_shown
        assert ("\x1b" in result.stdout + result.stderr) == is_shown

    @pytest.mark.usefixtures("due")
    def test_short_work_has_none(self, terminal: Cli) -> None:
        assert ERASED not in terminal("reset-due", "--no-color").stdout

    def test_counts_the_users_of_a_server(self, start_on_terminal: Any, serve: Any, due: Path) -> None:
        server = serve(partial(SqliteStore, due))
        with locked(due):
            running = start_on_terminal("reset", "--all", "--yes", "--store", server.address)
            assert running.shows("0 of 3 users")
        assert running.result().returncode == 0

    def test_an_old_store_is_brought_up_to_date(self, start_on_terminal: Any, home: Path) -> None:
        path = Path(shutil.copy(OLD_STORE, home / "p.db"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode = WAL")
            other.execute("BEGIN IMMEDIATE")
            running = start_on_terminal("list", "--store", path, "-p", "p", "--wait", "60")
            assert running.shows("bringing the store up to date ░░░░░░░░░░░░░░░░░░░░  0 of 5 steps")
            other.execute("ROLLBACK")
        *_, result = running.result().stdout.split(ERASED)
        assert result.split()[0].endswith("USER")


class TestInterrupt:
    """Ctrl-C."""

    def test_leaves_what_is_done_and_the_same_again_does_the_rest(
        self, start_on_terminal: Any, budgets: BudgetManager, cli: Cli, store_path: Path
    ) -> None:
        charged(cli, budgets, 8_000)
        cli("prices", "set", "m", "--input", "2")
        running = start_on_terminal("reprice", "--model", "m", "--json", elsewhere="stdout")
        assert running.shows(",000 of 8,000 charges")
        running.process.send_signal(signal.SIGINT)
        result = running.result()
        assert result.returncode == 130
        assert re.search(r'"interrupted at [1-8],000 of 8,000 charges; what is done stays"', result.stdout)
        with closing(SqliteStore(store_path, "default")) as store:
            assert_sound(store)
        before = sum(entry.kind == "adjustment" for entry in budgets.history("alice"))
        assert 0 < before < 8_000
        rest = cli("reprice", "--model", "m", "--json").document
        assert len(rest) == 8_000 - before

    def test_of_what_is_done_as_a_whole_changes_nothing(self, start_on_terminal: Any, cli: Cli, due: Path) -> None:
        before = dump(due)
        Path("user_cost.json").write_text('{"dave": {"total_budget": 1}, "erin": {"total_budget": 1}}')
        with locked(due):
            running = start_on_terminal("migrate")
            assert running.shows("taking over ░░░░░░░░░░░░░░░░░░░░  0 of 2 users")
            running.process.send_signal(signal.SIGINT)
            result = running.result()
        assert result.returncode == 130
        assert result.stdout.endswith("error: interrupted at 0 of 2 users; nothing was changed\n  try: run it again\n")
        assert dump(due) == before
        assert [document["migrated"] for document in cli("migrate", "--json").document] == [True, True]

    def test_before_anything_was_done_changes_nothing(self, start_on_terminal: Any, due: Path) -> None:
        before = dump(due)
        with locked(due):
            running = start_on_terminal("reset-due")
            assert running.shows("0 of 3 windows")
            running.process.send_signal(signal.SIGINT)
            result = running.result()
        assert result.returncode == 130
        assert result.stdout.endswith(
            f"{ERASED}error: interrupted at 0 of 3 windows; what is done stays\n  try: run it again for the rest\n"
        )
        assert dump(due) == before

    def test_ends_the_pager_of_a_check_too(self, terminal: Cli, budgets: BudgetManager, store_path: Path) -> None:
        for number in range(30):
            budgets.create(f"user-{number}", "10")
        with closing(sqlite3.connect(store_path)) as connection:
            connection.execute("UPDATE limits SET spent = 7")
            connection.commit()
        Path("pager.sh").write_text("read heading\nkill -INT $PPID\nwhile read row; do :; done\nexec sleep 600\n")
        result = terminal("verify", PAGER="sh pager.sh")
        assert result.returncode == 130
        assert "error: interrupted at 7 of 7 checks; nothing was changed\n" in result.stdout
