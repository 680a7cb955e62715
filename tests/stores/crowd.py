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
    """So many processes. They have imported everything, and wait for a run."""

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
        """Have each member reserve an amount for a user under an id, and say what came of it.

        All have opened the store, and stand behind a lock that is let go once the last one is there.
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
