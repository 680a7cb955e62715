"""Processes that reserve from one store at the same moment: started once, let go together for each run."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

MEMBER = """
import fcntl, json, sys
from budgetctl import BudgetManager
from budgetctl.errors import OverBudgetError

for line in sys.stdin:
    path, gate, user, amount, hold_id = json.loads(line)
    manager = BudgetManager("p", store=path)
    manager.budget(user)
    with open(gate) as file:
        print("ready", flush=True)
        fcntl.flock(file, fcntl.LOCK_SH)
    try:
        print(manager.reserve(user, amount, hold_id=hold_id).state, flush=True)
    except OverBudgetError:
        print("denied", flush=True)
    manager.close()
"""


class Crowd:
    """Processes that have imported all modules, and wait for a run."""

    def __init__(self, size: int) -> None:
        with ExitStack() as started:
            self._members = [
                started.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", MEMBER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                    )
                )
                for _ in range(size)
            ]
            self._running = started.pop_all()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in self._members:
            if error is not None:
                member.kill()
            else:
                member.stdin.close()
        self._running.close()

    def reserve(self, path: Path, asked: list[tuple[str, str, str | None]]) -> list[str]:
        """The results of all members, each of which reserves an amount for a user under an id.

        All have opened the store, and wait for a lock that is released once the last one is there.
        """
        gate = path.with_name("gate")
        with gate.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for member, (user, amount, hold_id) in zip(self._members, asked, strict=True):
                member.stdin.write(json.dumps([str(path), str(gate), user, amount, hold_id]) + "\n")
                member.stdin.flush()
            for member in self._members:
                assert member.stdout.readline() == "ready\n"
        return [member.stdout.readline().strip() for member in self._members]


USERS = [f"user-{number}" for number in range(8)]


def one_user(manager):
    """Create a user with a budget of $1.00."""
    manager.create("alice", "1.00")


def a_team(manager, *, each="1.00"):
    manager.create("team", "1.00")
    for user in USERS:
        manager.create(user, each, parent="team")


def a_team_with_daily_limits(manager):
    a_team(manager, each="100")
    for user in USERS:
        manager.add_limit(user, "0.10", duration="daily")


def a_department_with_a_cap(manager):
    manager.cap("1.00", duration="monthly")
    manager.create("department", "1.50", duration="daily")
    a_team(manager, each="0.50")
    manager.set("team", amount="1.25", parent="department")


# The users that reserve, the function that sets them up, and the number of reservations that are allowed.
CASES = {
    "one user": (["alice"], one_user, 20),
    "users of one team": (USERS, a_team, 20),
    "users with limits of their own, which bind first": (USERS, a_team_with_daily_limits, 16),
    "a cap above a team above users": (USERS, a_department_with_a_cap, 20),
}
