"""Processes that write to a PostgreSQL server which is killed and started again, and the check of the store after that.

    python -m support.restarting URL NAME STEPS

is one of them. It gives no request a key: that no step is done twice is the business of the store.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from itertools import cycle, islice

from budgetctl import BudgetManager
from budgetctl.money import parse_amount
from budgetctl.stores import open_store
from support.outages import free_port, start_server
from support.postgres import Server
from support.programs import start_program
from support.soundness import assert_sound

USERS = ("alice", "bob")
CHARGED, RESERVED, COMMITTED, REFUNDED = "0.01", "0.05", "0.02", "0.001"
SETTINGS = "max_connections = 200\n"
WAIT_S = 120


def restarted(processes: int, steps: int, restarts: int, *, over_http: bool = False) -> None:
    """Let processes take a number of steps each while the server restarts, and check the entries that they have left.

    Over HTTP they ask a server of budgetctl in front of the database, which is killed and started again in between.
    """
    database = Server(SETTINGS)
    server = _OurServer(database.url) if over_http else None
    try:
        with closing(_manager(database.url)) as manager:
            manager.cap("1000000")
            for user in USERS:
                manager.create(user, "1000000")
            names = [f"{USERS[number % 2]}-{number}" for number in range(processes)]
            killed = [database.restart] if server is None else [database.restart, server.restart]
            _run(
                database.url if server is None else server.address, names, steps, list(islice(cycle(killed), restarts))
            )
            _assert_exactly_once(manager, names, steps)
    finally:
        if server is not None:
            server.stop()
        database.stop()


class _OurServer:
    """A server of budgetctl over a database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self._start()

    def _start(self) -> None:
        self._process = start_server(self._url, self._port, "--no-auth", "--quiet", "--wait", str(WAIT_S))

    def restart(self) -> None:
        """Kill the server in the midst of its work, and start it again."""
        self._process.kill()
        self._process.communicate()
        self._start()

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        self._process.communicate()


def _manager(url: str) -> BudgetManager:
    return BudgetManager("p", store=open_store(url, "p", wait_s=WAIT_S))


def _run(url: str, names: list[str], steps: int, outages: Sequence[Callable[[], None]]) -> None:
    with ExitStack() as running:
        processes = [running.enter_context(start_program("restarting", url, name, steps)) for name in names]
        # The moments: after a number of steps of one process, at any step of the others.
        for number, strike in enumerate(outages, 1):
            for _ in range(steps // (len(outages) + 1)):
                assert processes[number % len(processes)].stdout.readline()
            strike()
        for process in processes:
            assert process.stdout.read().endswith("done\n")
            assert process.wait() == 0


def _assert_exactly_once(manager: BudgetManager, names: list[str], steps: int) -> None:
    noted = Counter(entry.note for user in USERS for entry in manager.history(user))
    assert noted == Counter(f"{name}-{step}-{what}" for name in names for step in range(steps) for what in "crf")
    spent = (parse_amount(CHARGED) + parse_amount(COMMITTED) - parse_amount(REFUNDED)) * len(names) * steps
    assert sum(manager.budget(user).limit.spent for user in USERS) == spent
    holds = list(manager.holds(resolved=True))
    assert (len(holds), {hold.state for hold in holds}) == (len(names) * steps, {"committed"})
    assert_sound(manager._store)


def main() -> None:
    """Take one step after another, and acknowledge each."""
    url, name, steps = sys.argv[1:]
    user = name.split("-")[0]
    with closing(_manager(url)) as manager:
        for step in range(int(steps)):
            manager.charge(user, CHARGED, model="m", note=f"{name}-{step}-c")
            hold = manager.reserve(user, RESERVED)
            manager.commit(hold.hold_id, COMMITTED, note=f"{name}-{step}-r")
            manager.refund(user, amount=REFUNDED, note=f"{name}-{step}-f")
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
        sys.stdout.write("done\n")


if __name__ == "__main__":
    main()
