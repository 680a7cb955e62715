"""What a store keeps when processes die, disks fill up, and everybody writes at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing

import pytest

from budgetctl.errors import StoreBusyError, StoreUnavailableError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from support.soundness import assert_sound

CENT = parse_amount("0.01")

CHARGER = """
import sys
from pathlib import Path
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.ledger.store import ChargeRequest

store = SqliteStore(Path(sys.argv[1]), "p")
store.budget("alice")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    charge = store.charge(ChargeRequest("alice", parse_amount("0.01"), model="m"))
    print(charge.entry.number, flush=True)
"""


@pytest.fixture
def store(home):
    with closing(SqliteStore(home / "p.db", "p")) as store:
        store.create_budget("alice", BudgetChange(amount=parse_amount("100")), if_exists="error")
        yield store


def charger(store, times):
    return subprocess.Popen(
        [sys.executable, "-c", CHARGER, str(store.path), str(times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def let_go(process):
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("go\n")
    process.stdin.flush()


def test_killed_processes_lose_no_charge_that_they_had_acknowledged(store):
    acknowledged = []
    for round_number in range(8):
        with ExitStack() as running:
            processes = [running.enter_context(charger(store, 10_000)) for _ in range(4)]
            for process in processes:
                let_go(process)
            # Each round ends at another moment: after so many charges of the first process.
            for _ in range(1 + 3 * round_number):
                acknowledged.append(int(processes[0].stdout.readline()))
            for process in processes:
                os.kill(process.pid, signal.SIGKILL)
            for process in processes:
                # The last line may have been cut off by the death of its writer.
                lines = process.stdout.read().split("\n")
                acknowledged += [int(line) for line in lines[:-1]]

    assert len(acknowledged) == len(set(acknowledged))
    entries = {entry.number: entry.amount for entry in store.history("alice")}
    assert set(acknowledged) <= set(entries)
    assert store.budget("alice").limit.spent == CENT * len(entries)
    assert_sound(store.path)


def test_64_processes_at_once_all_get_their_turn(store, crowd):
    assert crowd.charge(store.path, "alice", "0.01", 3) == ["charged"] * 64
    assert store.budget("alice").limit.spent == 64 * 3 * CENT
    assert_sound(store.path)


def test_a_forked_child_and_its_parent_both_charge(store, alone):
    store.charge(ChargeRequest("alice", CENT))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(20):
                store.charge(ChargeRequest("alice", CENT))
            code = 0
        finally:
            os._exit(code)
    for _ in range(20):
        store.charge(ChargeRequest("alice", CENT))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    store.close()
    assert store.budget("alice").limit.spent == 41 * CENT
    assert_sound(store.path)


def test_a_program_that_holds_the_database_makes_writers_give_up_with_nothing_lost(store):
    impatient = SqliteStore(store.path, "p", wait_s=0.1)
    with closing(impatient), closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError) as caught:
            impatient.charge(ChargeRequest("alice", CENT))
        assert caught.value.exit_code == 5
        other.execute("ROLLBACK")
        impatient.charge(ChargeRequest("alice", CENT))
    assert store.budget("alice").limit.spent == CENT
    assert_sound(store.path)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from budgetctl.errors import StoreUnavailableError
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.ledger.store import ChargeRequest

store = SqliteStore(Path(sys.argv[1]), "p")
store.charge(ChargeRequest("alice", parse_amount("0.01")))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
wal = Path(sys.argv[1] + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 1, resource.RLIM_INFINITY))
try:
    while True:
        store.charge(ChargeRequest("alice", parse_amount("0.01")))
except StoreUnavailableError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.charge(ChargeRequest("alice", parse_amount("0.01")))
"""


def test_a_full_disk_is_a_clear_error_after_which_the_store_works_again(store):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(store.path) in done.stdout
    assert StoreUnavailableError.exit_code == 5
    assert store.budget("alice").limit.spent == CENT * len(list(store.history("alice")))
    assert_sound(store.path)
