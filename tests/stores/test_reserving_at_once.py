"""Many processes that reserve at the same moment get exactly what the limits allow, in every run."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.money import format_usd, parse_amount
from support.crowd import CASES, one_user
from support.soundness import assert_sound

PROCESSES = 64
RUNS = range(int(os.environ.get("BUDGETCTL_TEST_RUNS", "4")))


@pytest.fixture
def manager(home):
    with closing(BudgetManager("p", store=home / "p.db")) as manager:
        yield manager


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("users", "set_up", "allowed"), CASES.values(), ids=CASES)
def test_64_processes_at_once_get_what_the_limits_allow_and_no_more(crowd, manager, home, users, set_up, allowed, run):
    set_up(manager)
    asked = [(users[number % len(users)], "0.05", None) for number in range(PROCESSES)]
    assert Counter(crowd.reserve(home / "p.db", asked)) == {"open": allowed, "denied": PROCESSES - allowed}
    assert len(list(manager.holds())) == allowed
    for user in users:
        for _, limit in manager.budget(user).standings:
            assert limit.spent + limit.held <= limit.amount
    assert_sound(home / "p.db")


def test_64_processes_that_reserve_under_one_id_have_one_hold(crowd, manager, home):
    one_user(manager)
    assert set(crowd.reserve(home / "p.db", [("alice", "0.05", "job-1")] * PROCESSES)) == {"open"}
    assert len(list(manager.holds())) == 1
    assert manager.budget("alice").limit.held == parse_amount("0.05")
    assert_sound(home / "p.db")


def test_what_was_spent_and_what_is_set_aside_leave_the_rest_for_64_processes(crowd, manager, home):
    one_user(manager)
    manager.charge("alice", "0.30")
    manager.commit(manager.reserve("alice", "0.10").hold_id, "0.20")
    manager.release(manager.reserve("alice", "0.10").hold_id)
    manager.reserve("alice", "0.25")
    outcomes = crowd.reserve(home / "p.db", [("alice", "0.05", None)] * PROCESSES)
    assert outcomes.count("open") == 5
    assert_sound(home / "p.db")


@pytest.mark.parametrize(("users", "set_up", "allowed"), CASES.values(), ids=CASES)
def test_64_processes_that_take_what_is_left_get_all_of_it_and_no_more(crowd, manager, home, users, set_up, allowed):
    set_up(manager)
    outcomes = crowd.reserve_up_to(home / "p.db", [(users[number % len(users)], "0.03") for number in range(PROCESSES)])
    held = [hold.amount for hold in manager.holds()]
    assert (outcomes.count("open"), sum(held)) == (len(held), allowed * parse_amount("0.05"))
    assert {format_usd(amount) for amount in held} == {"$0.03", "$0.01"}
    assert_sound(home / "p.db")
