"""`run` under every signal, and in front of a report that is no file: what was spent is charged, or said to be owed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.files.lock import FileLock
from support.waiting import eventually

NEVER_CAUGHT = {signal.SIGKILL, signal.SIGSTOP}
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSYS}
OF_BUDGETCTL = {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD}
STOPPING = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
PASSED_ON = sorted(signal.valid_signals() - NEVER_CAUGHT - FAULTS - OF_BUDGETCTL - STOPPING)

TELLS = """
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, lambda number, _: print(int(number), flush=True))
print("ready", flush=True)
for line in sys.stdin:
    break
open(os.environ["BUDGETCTL_COST_FILE"], "w").write("0.1")
sys.exit(7)
"""

REPORTS = 'echo 0.1 > "$BUDGETCTL_COST_FILE"'


@pytest.fixture(autouse=True)
def budgets(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BudgetManager]:
    """The project `default`, in which alice has a dollar; temporary files are in the test's own directory."""
    (home / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(home / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    manager = BudgetManager("default")
    manager.create("alice", "1")
    yield manager
    manager.close()


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `budgetctl run alice …`, in a group of its own. What is left of it at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "budgetctl", "run", "alice", *arguments]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, process_group=0))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    """What the command prints next."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process has started and that are there."""
    return list(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))


def state(pid: int) -> str:
    """A letter: T is a process that was stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_every_signal_that_can_be_caught_reaches_the_command_and_what_it_spends_is_charged(
    start: Any, budgets: BudgetManager
) -> None:
    process = start("--amount", "0.5", "--", sys.executable, "-c", TELLS)
    assert line_of(process) == "ready"
    for number in OF_BUDGETCTL:
        process.send_signal(number)
    told = []
    for number in PASSED_ON:
        process.send_signal(number)
        told.append(int(line_of(process)))
    assert told == PASSED_ON
    process.communicate("\n", timeout=30)
    assert (process.returncode, str(budgets.budget("alice").limit.spent)) == (7, "0.1")


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGRTMIN])
def test_a_signal_that_kills_the_command_ends_the_run_with_its_code(
    start: Any, budgets: BudgetManager, number: int
) -> None:
    process = start("--amount", "0.5", "--", "sh", "-c", f"{REPORTS}; echo ready; exec sleep 60")
    assert line_of(process) == "ready"
    process.send_signal(number)
    process.communicate(timeout=30)
    assert (process.returncode, str(budgets.budget("alice").limit.spent)) == (128 + number, "0.1")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_stop_stops_the_command_too_and_both_go_on(start: Any, budgets: BudgetManager) -> None:
    process = start("--", "sh", "-c", f"echo ready; read line; {REPORTS}")
    assert line_of(process) == "ready"
    (command,) = children(process)
    process.send_signal(signal.SIGTSTP)
    eventually(lambda: state(process.pid) == state(command) == "T")
    process.send_signal(signal.SIGCONT)
    process.communicate("\n", timeout=30)
    assert (process.returncode, str(budgets.budget("alice").limit.spent)) == (0, "0.1")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_stop_while_the_command_is_started_stops_both(start: Any, budgets: BudgetManager, home: Path) -> None:
    program = shutil.copy("/bin/sh", home)
    with Path(program).open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # how the kernel tells of one that waits, and nobody minds
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)  # nobody starts it as long as this is held
        process = start("--", program, "-c", f"read line; {REPORTS}")
        (command,) = eventually(lambda: children(process))
        process.send_signal(signal.SIGTSTP)
    eventually(lambda: state(process.pid) == state(command) == "T")
    process.send_signal(signal.SIGCONT)
    process.communicate("\n", timeout=30)
    assert (process.returncode, str(budgets.budget("alice").limit.spent)) == (0, "0.1")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
class TestAfterTheCommand:
    """It has ended, and its report waits for a store that somebody else holds."""

    @pytest.fixture
    def settling(self, start: Any, home: Path) -> Iterator[tuple[subprocess.Popen[str], FileLock]]:
        """A run that has got so far, and the lock that it waits for."""
        lock = FileLock(home / "data" / "budgetctl" / "default.db.lock")
        process = start("--wait", "60", "--", "sh", "-c", f"echo ready; read line; {REPORTS}; exit 3")
        assert line_of(process) == "ready"
        assert lock.acquire(10)
        (command,) = children(process)
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: command not in children(process))
        yield process, lock
        lock.close()

    def test_the_signal_that_it_ended_by_does_not_keep_it_from_being_charged(
        self, settling: Any, budgets: BudgetManager
    ) -> None:
        process, lock = settling
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        lock.release()
        process.communicate(timeout=30)
        assert (process.returncode, str(budgets.budget("alice").limit.spent)) == (3, "0.1")

    def test_two_that_end_it_end_it_and_the_report_is_kept(self, settling: Any, home: Path) -> None:
        process, lock = settling
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=30)
        lock.release()
        (kept,) = (home / "scratch").glob("*/cost")
        assert process.returncode in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
        assert f"what the command reported is kept in {kept}" in said

    def test_one_that_ends_it_ends_it_after_a_while(self, settling: Any) -> None:
        process, lock = settling
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        lock.release()
        assert process.returncode == 128 + signal.SIGTERM


ENDED_AT = """
import os, signal, sys
from budgetctl.cli import main
from budgetctl.cli.relay import Relay

left = int(sys.argv.pop(1))
has_ended = False

def notice(frame, event, _):
    global has_ended, left
    has_ended = has_ended or (event == "return" and frame.f_code is Relay.run.__code__)
    left -= has_ended
    if not left:
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)

sys.setprofile(notice)
main(sys.argv[1:])
"""


def test_two_that_end_it_wherever_they_come_leave_a_charge_or_a_report(
    home: Path, budgets: BudgetManager, chance: Random
) -> None:
    for point in (1, *(int(chance.uniform(1, 100) ** 2) for _ in range(4))):
        before = budgets.budget("alice").limit.spent
        line = [sys.executable, "-c", ENDED_AT, str(point), "run", "alice", "--", "sh", "-c", REPORTS]
        done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
        if str(budgets.budget("alice").limit.spent - before) == "0":
            (kept,) = (home / "scratch").glob("*/cost")
            assert f"what the command reported is kept in {kept}" in done.stderr
        for each in (home / "scratch").iterdir():
            shutil.rmtree(each)


@pytest.mark.parametrize("makes", ['mkfifo "$BUDGETCTL_COST_FILE"', 'ln -s /dev/zero "$BUDGETCTL_COST_FILE"'])
def test_a_report_that_is_no_file_is_said_to_be_owed(start: Any, budgets: BudgetManager, makes: str) -> None:
    process = start("--amount", "0.5", "--id", "job", "--", "sh", "-c", makes)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, str(budgets.budget("alice").limit.held)) == (125, "0.5")
    assert "alice was not charged: cannot read" in said
    assert "the hold job stays until" in said


IGNORES = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_caller_that_ignores_how_children_end_gets_the_code_of_the_command() -> None:
    line = [sys.executable, "-c", IGNORES, "-m", "budgetctl", "run", "alice", "--", "sh", "-c", "exit 7"]
    assert subprocess.run(line, check=False, timeout=30).returncode == 7
