"""Writers stand in line: who waits, for how long, and what they leave behind when they give up."""

from __future__ import annotations

import fcntl
import gc
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from budgetctl.errors import StoreBusyError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from support.waiting import eventually

CENT = parse_amount("0.01")
CHANGE = BudgetChange(amount=parse_amount("10"))

HOLDER = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


class Holder:
    """Another process that is writing, until it is let go."""

    def __init__(self, store):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, f"{store.path}.lock"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "held\n"

    def let_go(self):
        if self.process.poll() is None:
            self.process.communicate("go\n", timeout=60)


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p", wait_s=60)) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        yield store


@pytest.fixture
def holder(store):
    holder = Holder(store)
    yield holder
    holder.let_go()


def waiters():
    return [thread for thread in threading.enumerate() if thread.name == "budgetctl-lock"]


def in_background(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    return thread, results


def charge(store):
    return store.charge(ChargeRequest("alice", CENT))


def is_free(store):
    """Whether another process would get the lock now."""
    with Path(f"{store.path}.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_writer_waits_for_another_process_and_then_writes(store, holder):
    thread, results = in_background(lambda: charge(store))
    eventually(waiters)
    holder.let_go()
    thread.join()
    assert results[0].entry.number == 1
    assert is_free(store)


def test_a_writer_that_is_handling_an_exception_waits_like_any_other(store, holder):
    def charge_while_handling():
        try:
            raise LookupError
        except LookupError:
            return charge(store)

    thread, results = in_background(charge_while_handling)
    eventually(waiters)
    holder.let_go()
    thread.join()
    assert results[0].entry.number == 1


def test_threads_read_while_one_of_them_waits_to_write(store, holder):
    thread, _ = in_background(lambda: charge(store))
    eventually(waiters)
    assert store.budget("alice").limit.spent == 0
    holder.let_go()
    thread.join()
    assert store.budget("alice").limit.spent == CENT


def test_who_may_not_wait_gives_up_at_once(store, holder):
    with closing(SqliteStore(store.path, "p", wait_s=0)) as impatient, pytest.raises(StoreBusyError):
        charge(impatient)
    assert waiters() == []


def test_who_gives_up_says_how_long_it_waited_and_works_when_the_lock_is_free(store, holder):
    with closing(SqliteStore(store.path, "p", wait_s=0.2)) as impatient:
        with pytest.raises(StoreBusyError, match=r"0\.2 s; nothing was changed") as caught:
            charge(impatient)
        assert caught.value.exit_code == 5
        holder.let_go()
        eventually(lambda: not waiters())
        assert charge(impatient).entry.number == 1


def test_who_gives_up_again_and_again_keeps_one_place_in_the_line(store, holder):
    with closing(SqliteStore(store.path, "p", wait_s=0.01)) as impatient:
        for _ in range(10):
            with pytest.raises(StoreBusyError):
                charge(impatient)
        assert len(waiters()) == 1
    holder.let_go()
    eventually(lambda: not waiters())
    assert is_free(store)


def test_who_comes_back_after_giving_up_gets_the_lock(store, holder):
    def charge_at_last(impatient):
        while True:
            try:
                return charge(impatient)
            except StoreBusyError:
                holder.let_go()

    with closing(SqliteStore(store.path, "p", wait_s=0.01)) as impatient:
        assert charge_at_last(impatient).entry.number == 1
    assert is_free(store)


def test_an_interrupt_while_waiting_leaves_no_lock_behind(store, holder):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            charge(store)
    finally:
        signal.signal(signal.SIGALRM, before)
    holder.let_go()
    eventually(lambda: not waiters())
    assert is_free(store)
    assert charge(store).entry.number == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("moment_us", range(50, 1_000, 50))
def test_an_interrupt_at_any_moment_of_a_charge_leaves_the_store_usable(store, moment_us):
    class InterruptionError(Exception):
        pass

    def interrupt(*_):
        raise InterruptionError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        # One that comes while a callback of the collector runs is lost, as Python ignores exceptions there. The next
        # one follows.
        signal.setitimer(signal.ITIMER_REAL, moment_us / 1_000_000, 0.5)
        while True:
            charge(store)
    except InterruptionError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    spent = store.budget("alice").limit.spent
    assert is_free(store)
    assert charge(store).budget.limit.spent == spent + CENT


def test_two_stores_on_one_file_in_one_process_take_turns(store):
    with closing(SqliteStore(store.path, "p")) as other:
        threads = [in_background(lambda each=each: [charge(each) for _ in range(50)])[0] for each in (store, other)]
        for thread in threads:
            thread.join()
    assert store.budget("alice").limit.spent == 100 * CENT


def test_a_store_that_nobody_closed_lets_go_of_its_files(store):
    def open_files():
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    store.close()
    before = open_files()
    for _ in range(5):
        forgotten = SqliteStore(store.path, "p")
        charge(forgotten)
        del forgotten
    assert open_files() == before


CREATOR = """
import sys
from pathlib import Path
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.ledger.store import BudgetChange

store = SqliteStore(Path(sys.argv[1]), "p")
print("ready", flush=True)
sys.stdin.readline()
list(store.budgets())
store.create_budget(sys.argv[2], BudgetChange(amount=parse_amount("1")), if_exists="error")
print(store.budget(sys.argv[2]).user)
"""


def test_processes_that_make_a_store_at_once_make_one(home):
    path = home / "new" / "p.db"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATOR, str(path), f"user-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number in range(8)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == [f"user-{number}\n" for number in range(8)]
    with closing(SqliteStore(path, "p")) as store:
        assert len(list(store.budgets())) == 8
