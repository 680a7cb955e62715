"""Stores to attack as files, and processes that charge in them."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore

CENT = parse_amount("0.01")
PROJECT = "p"

_CHARGER = """
import sys
from pathlib import Path
from budgetctl.errors import BudgetctlError
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.ledger.store import ChargeRequest

store = SqliteStore(Path(sys.argv[1]), "p", wait_s=0.2)
for _ in sys.stdin:
    try:
        store.charge(ChargeRequest("alice", parse_amount("0.01"), model="m"))
        print("charged", flush=True)
    except BudgetctlError as error:
        print(error.code, flush=True)
store.close()
"""


class Charger:
    """A process that charges alice a cent whenever it is told to, and keeps its store open."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHARGER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def charge(self, times: int = 1) -> list[str]:
        """Charge a number of times; for each, `charged` or the code of the error."""
        self.begin(times)
        return self.answers(times)

    def begin(self, times: int) -> None:
        """Let it charge a number of times, without waiting for the answers."""
        self._process.stdin.write("charge\n" * times)
        self._process.stdin.flush()

    def answers(self, times: int) -> list[str]:
        """The answers to a number of charges."""
        return [self._process.stdout.readline().strip() for _ in range(times)]

    def end(self) -> None:
        """Let it close the store, and end it."""
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def kill(self) -> None:
        """Kill it, so that it closes nothing."""
        self._process.kill()
        self._process.wait(timeout=60)
        self._process.stdin.close()
        self._process.stdout.close()


def make_store(path: Path, *, charges: int = 0, users: int = 1) -> SqliteStore:
    """A closed store with a number of users, alice first, and a number of charges with keys."""
    store = SqliteStore(path, PROJECT)
    names = ["alice", *(f"user-{number}" for number in range(1, users))]
    with closing(store):
        store.create_budgets([(name, BudgetChange(amount=parse_amount("1000"))) for name in names])
        store.apply([charge_of(number, names[number % users]) for number in range(charges)])
    return store


def charge_of(number: int, user: str = "alice") -> ChargeRequest:
    """A charge of a cent, with a key of its own."""
    key = IdempotencyKey("caller", number.to_bytes(16, "big"), b"r" * 16)
    return ChargeRequest(user, CENT, model="m", usage={"text_output": 7}, key=key)


def spent(path: Path) -> int:
    """The cents that alice has spent."""
    with closing(SqliteStore(path, PROJECT)) as store:
        return store.budget("alice").limit.spent // CENT


def beside(path: Path, suffix: str) -> Path:
    """The path of the store with a text behind its name."""
    return path.with_name(path.name + suffix)
