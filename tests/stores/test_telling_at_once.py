"""Eight programs that tell of the same calls at once, in parts and in four ways, leave what one would have left."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import open_store
from support.postgres import new_project, server_url
from support.programs import start_program
from support.soundness import assert_sound
from support.telling import USERS, answer

PROCESSES = 8
CALLS = int(os.environ.get("BUDGETCTL_TEST_CALLS", "200"))


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, home):
    """A store, and a project in it."""
    return (server_url(), new_project()) if request.param == "postgres" else (str(home / "p.db"), "p")


def test_each_call_costs_once_what_was_told_of_it_in_full(place):
    with closing(open_store(*place)) as store:
        manager = BudgetManager(place[1], store=store)
        for user in USERS:
            manager.create(user, "1000")
        with ExitStack() as running:
            programs = [
                running.enter_context(start_program("telling", *place, number, CALLS)) for number in range(PROCESSES)
            ]
            for program in programs:
                assert program.stdout.readline() == "ready\n"
            for program in programs:
                program.stdin.write("go\n")
                program.stdin.flush()
            for program in programs:
                assert program.stdout.readline() == "done\n"
        expected = dict.fromkeys(USERS, 0)
        for call in range(CALLS):
            expected[USERS[call % len(USERS)]] += answer(call).amount
        assert {user: manager.budget(user).limit.spent for user in USERS} == expected
        entries = [entry for user in USERS for entry in manager.history(user)]
        assert sum(entry.kind == "spend" for entry in entries) == CALLS
        assert not list(manager.holds())
        assert_sound(store)
