"""A process that forks while a store is open: neither parent nor child may lose what the other writes."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest

from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from support.soundness import assert_sound

CENT = parse_amount("0.01")
CHANGE = BudgetChange(amount=parse_amount("10"))

# What runs in threads beside a fork here, newer Pythons warn of: the locks of others are the caller's risk.
pytestmark = [
    pytest.mark.usefixtures("alone"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p", wait_s=60)) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        yield store


def charge(store, times=1):
    for _ in range(times):
        store.charge(ChargeRequest("alice", CENT))


class Child:
    """A forked process that does something each time it is told to."""

    def __init__(self, function):
        self.ours, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                while theirs.recv():
                    function()
                    theirs.send("done")
                code = 0
            finally:
                os._exit(code)

    def act(self):
        self.ours.send(True)
        assert self.ours.recv() == "done"

    def end(self):
        self.ours.send(False)
        assert os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0


def test_what_a_child_writes_stays_when_its_parent_closes_the_store(store):
    charge(store)
    child = Child(lambda: charge(store))
    child.act()
    store.close()
    child.act()
    with closing(SqliteStore(store.path, "p")) as other:
        charge(other)
    child.act()
    child.end()
    assert store.budget("alice").limit.spent == 5 * CENT
    assert_sound(store.path)


def test_what_a_parent_writes_stays_when_its_child_closes_the_store(store):
    charge(store)
    child = Child(lambda: (charge(store), store.close()))
    child.act()
    charge(store)
    child.act()
    child.end()
    charge(store)
    assert store.budget("alice").limit.spent == 5 * CENT
    assert_sound(store.path)


def test_a_fork_waits_for_what_another_thread_writes(store):
    stop = threading.Event()
    charged = []

    def keep_charging():
        while not stop.is_set():
            charge(store)
            charged.append(1)

    thread = threading.Thread(target=keep_charging)
    thread.start()
    children = []
    for _ in range(10):
        child = Child(lambda: charge(store))
        child.act()
        children.append(child)
    stop.set()
    thread.join()
    for child in children:
        child.end()
    assert store.budget("alice").limit.spent == (len(charged) + 10) * CENT
    assert_sound(store.path)


def test_threads_may_fork_at_the_same_time(store):
    def fork_and_charge():
        for _ in range(5):
            child = Child(lambda: charge(store))
            child.act()
            child.end()

    threads = [threading.Thread(target=fork_and_charge) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.budget("alice").limit.spent == 15 * CENT


def test_a_child_writes_though_a_thread_of_its_parent_stood_in_line(store):
    with Path(f"{store.path}.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        thread = threading.Thread(target=lambda: charge(store))
        thread.start()
        child = Child(lambda: charge(store))
        fcntl.flock(file, fcntl.LOCK_UN)
    child.act()
    child.end()
    thread.join()
    assert store.budget("alice").limit.spent == 2 * CENT


def test_a_child_that_forks_again_is_a_parent_like_any_other(store):
    def charge_in_a_child():
        child = Child(lambda: charge(store))
        child.act()
        charge(store)
        child.end()

    child = Child(charge_in_a_child)
    child.act()
    child.end()
    assert store.budget("alice").limit.spent == 2 * CENT


def test_processes_of_a_pool_share_a_store_that_was_open_before(store):
    charge(store)
    with multiprocessing.get_context("fork").Pool(4, set_shared, (store,)) as pool:
        pool.map(charge_shared, [10] * 8)
    assert store.budget("alice").limit.spent == 81 * CENT


def set_shared(store):
    shared.append(store)


def charge_shared(times):
    charge(shared[0], times)


shared = []
