"""Budgets that are deleted, moved and made again while calls are under way: what these have cost is counted."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import UnknownUserError
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound

CENT = parse_amount("0.01")


@pytest.fixture(params=["sqlite", "postgres", "http", "http-postgres"])
def open_manager(request, home):
    """Open the project; in the end, it must be sound."""
    if request.param.endswith("postgres"):
        project, open_kept = new_project(), partial(PostgresStore, server_url())
    else:
        project, open_kept = "p", partial(SqliteStore, home / "p.db")
    open_any = open_kept
    if request.param.startswith("http"):
        open_any = request.getfixturevalue("serve")(open_kept).open
    yield lambda: BudgetManager(project, store=open_any(project))
    with closing(open_kept(project)) as kept:
        assert_sound(kept)


def test_every_call_is_counted_however_often_its_budget_is_deleted(open_manager, chance):
    """Three threads call, a fourth deletes, makes again and moves. The cap above all has counted each call once."""
    manager = open_manager()
    manager.cap("1000")
    manager.create("team", "1000")
    manager.create("alice", "1000", parent="team", if_exists="keep")
    is_over = threading.Event()
    moves = [chance.choice(["delete", "delete", "move"]) for _ in range(12)]

    def call():
        committed, other = 0, open_manager()
        while not is_over.is_set():
            try:
                hold = other.reserve("alice", "0.01", model="m").hold_id
            except UnknownUserError:
                continue
            other.commit(hold, "0.01")
            committed += 1
        other.close()
        return committed

    with ThreadPoolExecutor(3) as callers:
        calls = [callers.submit(call) for _ in range(3)]
        try:
            for move in moves:
                if move == "delete":
                    manager.delete_budget("alice")
                    manager.create("alice", "1000", parent=chance.choice(["team", None]))
                else:
                    manager.set("alice", parent=chance.choice(["team", ""]))
        finally:
            is_over.set()
        committed = sum(each.result(60) for each in calls)
    assert committed > 0
    assert manager.cap().limit.spent == committed * CENT
    assert manager.cap().limit.held == 0
    assert list(manager.verify()) == []
    manager.close()


def test_a_list_of_commits_counts_those_of_deleted_budgets_too(open_manager):
    manager = open_manager()
    manager.cap("1000")
    for user in ("alice", "bob", "carl"):
        manager.create(user, "10")
    holds = [manager.reserve(user, "0.01").hold_id for user in ("alice", "bob", "carl") * 3]
    manager.delete_budget("alice")
    manager.delete_budget("bob")
    manager.create("bob", "10")
    with ThreadPoolExecutor(9) as callers:
        charges = list(callers.map(lambda hold: manager.commit(hold, "0.02"), holds))
    assert sorted(charge.budget.user for charge in charges) == sorted(("alice", "bob", "carl") * 3)
    assert manager.cap().limit.spent == 18 * CENT
    assert [manager.budget(user).limit.spent for user in ("bob", "carl")] == [0, 6 * CENT]
    manager.close()


def test_a_command_that_is_run_is_charged_to_the_budget_that_was_deleted_meanwhile(run):
    run("create", "alice", "10")
    script = f'"{sys.executable}" -m budgetctl delete alice --yes && echo 0.25 > "$BUDGETCTL_COST_FILE"'
    done = run("run", "alice", "--amount", "0.50", "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert '"cost": 0.25' in run("history", "alice", "--json").stdout
