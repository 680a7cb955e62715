"""Processes that reserve or charge in one store at the same moment: started once, let go together for each run.

    python -m support.crowd FD…

is all of them: see `support.forks`.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from typing import Any

from budgetctl import BudgetManager
from budgetctl.errors import OverBudgetError
from budgetctl.stores import SqliteStore  # noqa: F401 - before the processes fork
from support.forks import Forks, Lines, fork_each


class Crowd:
    """Processes that have imported all modules, and wait for a run."""

    def __init__(self, size: int) -> None:
        self._forks = Forks("crowd", size)

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *_: object) -> None:
        self._forks.close()

    def reserve(self, path: Path, asked: list[tuple[str, str, str | None]]) -> list[str]:
        """Have each member reserve an amount for a user under an id: `open` or `denied`, as it came out."""
        return self._act(
            path, [("reserve", [user, amount], {"hold_id": hold_id}, 1) for user, amount, hold_id in asked]
        )

    def reserve_up_to(self, path: Path, asked: list[tuple[str, str]]) -> list[str]:
        """Have each member reserve as much as is left for a user, up to an amount: `open` or `denied`."""
        return self._act(path, [("reserve", [user], {"at_most": at_most}, 1) for user, at_most in asked])

    def charge(self, path: Path, user: str, amount: str, times: int) -> list[str]:
        """Have each member charge an amount so often: `charged` when it has."""
        return self._act(path, [("charge", [user, amount], {"model": "m"}, times)] * len(self._forks.members))

    def _act(self, path: Path, asked: list[tuple[str, list[str], dict[str, Any], int]]) -> list[str]:
        """All have opened the store, and stand behind a lock that is let go once the last one is there."""
        gate = path.with_name("gate")
        with gate.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            for member, what in zip(self._forks.members, asked, strict=True):
                member.write(json.dumps([str(path), str(gate), *what]))
            for member in self._forks.members:
                assert member.read() == "ready"
        return [member.read() for member in self._forks.members]


def _be_member(lines: Lines) -> None:
    """Do what the lines say, until there are no more."""
    for line in lines:
        path, gate, method, arguments, more, times = json.loads(line)
        manager = BudgetManager("p", store=path)
        manager.budget(arguments[0])
        with Path(gate).open() as file:
            lines.write("ready")
            fcntl.flock(file, fcntl.LOCK_SH)
        try:
            for _ in range(times):
                done = getattr(manager, method)(*arguments, **more)
            said = done.state if method == "reserve" else "charged"
        except OverBudgetError:
            said = "denied"
        lines.write(said)
        manager.close()


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


if __name__ == "__main__":
    fork_each(_be_member)
