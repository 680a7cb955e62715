"""Eight programs that tell of the same calls at once, in parts and in four ways, leave what one would have left."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import open_store
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_database, new_project, server_url
from support.programs import start_program
from support.soundness import assert_sound
from support.telling import USERS, answer
from support.waiting import eventually

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


def test_who_has_looked_for_a_call_before_another_was_charged_looks_again(clock):
    """The charge of somebody whose window has passed waits, between the two, for a name that another one makes."""
    with new_database() as database, closing(PostgresStore(database, "p", clock=clock)) as store:
        for user in ("alice", "bob"):
            store.create_budget(user, BudgetChange(amount=parse_amount("10"), duration="daily"), if_exists="error")
        clock.advance(days=1)
        store.reset("alice")
        call = ChargeRequest("alice", parse_amount("1"), identities=(b"1".ljust(16),))
        with psycopg.connect(database) as other, ThreadPoolExecutor() as pool:
            other.execute("INSERT INTO budgetctl.models (project, name) SELECT project, 'new' FROM budgetctl.projects")
            waiting = pool.submit(store.charge, call._replace(user="bob", model="new"))
            eventually(lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
            assert not store.charge(call).replayed
            other.rollback()
            assert waiting.result().owner == "alice"
        assert [store.budget(user).limit.spent for user in ("alice", "bob")] == [call.amount, 0]
