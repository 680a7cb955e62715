"""Processes that charge, reserve, commit and release until they are killed, and the check of the store after that.

    python -m support.killing STORE NAME [STEPS]

is one of them. STORE may be a server that is killed instead: then the process goes on when the server is back. Its
steps follow from their numbers, so that the reader of its acknowledgements knows the step that it may have died in, and
can take that again under the same names.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from budgetctl import BudgetManager
from budgetctl.errors import StoreUnavailableError
from budgetctl.money import parse_amount
from support.programs import start_program
from support.soundness import assert_sound

PROCESSES = 8
USERS = ("alice", "bob")
CHARGED, RESERVED, COMMITTED = "0.01", "0.05", ("0.02", "0.07")
STEPS = ("charge", "reserve", "commit", "reserve", "release")


def take(manager: BudgetManager, name: str, number: int) -> None:
    """Take the step of that number of a process. Taken again, it changes nothing."""
    user = USERS[int(name.split("-")[1]) % len(USERS)]
    step, this, last = STEPS[number % len(STEPS)], f"{name}-{number}", f"{name}-{number - 1}"
    if step == "charge":
        manager.charge(user, CHARGED, model="m", key=this, note=this)
    elif step == "reserve":
        manager.reserve(user, RESERVED, hold_id=this, model="m", ttl="7d")
    elif step == "commit":
        manager.commit(last, COMMITTED[number % 2], note=this)
    else:
        manager.release(last)


def set_up(manager: BudgetManager) -> None:
    """Set up a team of users under a cap, with limits that count only some models, and room for all charges."""
    manager.cap("1000000", duration="monthly")
    manager.create("team", "1000000", duration="weekly")
    for user in USERS:
        manager.create(user, "1000000", parent="team")
        manager.add_limit(user, "1000000", models="m*")


def killed_rounds(path: Path, rounds: int, seed: int) -> Iterator[int]:
    """Start processes and kill them, round by round; yields the number of steps that they had acknowledged.

    After each round, the steps in which they died are taken again, and the store is checked.
    """
    moments = random.Random(seed)
    manager = BudgetManager("p", store=path)
    set_up(manager)
    done: dict[str, int] = {}
    for number in range(rounds):
        acknowledged = _killed(path, [f"{number}-{each}" for each in range(PROCESSES)], moments)
        for name, steps in acknowledged.items():
            take(manager, name, steps)
            done[name] = steps + 1
        assert_sound(path)
        yield sum(acknowledged.values())
    assert_exactly_once(manager, done)
    manager.close()


def _killed(path: Path, names: list[str], moments: random.Random) -> dict[str, int]:
    """The number of steps that each of the processes had acknowledged when all were killed at some moment."""
    with ExitStack() as running:
        processes = {name: running.enter_context(start_program("killing", path, name)) for name in names}
        for process in processes.values():
            assert process.stdout.readline() == "ready\n"
        for process in processes.values():
            process.stdin.write("go\n")
            process.stdin.flush()
        # The moment: after a number of steps of one process, at any step of the others.
        steps = dict.fromkeys(names, 0)
        watched = moments.choice(names)
        for _ in range(moments.randrange(20)):
            assert processes[watched].stdout.readline() == f"{steps[watched]}\n"
            steps[watched] += 1
        for name in moments.sample(names, len(names)):
            os.kill(processes[name].pid, signal.SIGKILL)
        for name, process in processes.items():
            # The last line may have been cut off by the death of its writer.
            lines = process.stdout.read().split("\n")[:-1]
            assert lines == [str(steps[name] + each) for each in range(len(lines))]
            steps[name] += len(lines)
    return steps


def assert_exactly_once(manager: BudgetManager, done: dict[str, int]) -> None:
    """Check that every step has left its entries, once, and that there are no others."""
    expected, states = {}, {}
    for name, steps in done.items():
        for number in range(steps):
            this, last = f"{name}-{number}", f"{name}-{number - 1}"
            step = STEPS[number % len(STEPS)]
            if step == "charge":
                expected[this] = parse_amount(CHARGED)
            elif step == "reserve":
                states[this] = "open"
            elif step == "commit":
                expected[this], states[last] = parse_amount(COMMITTED[number % 2]), "committed"
            else:
                states[last] = "released"
    entries = [entry for user in USERS for entry in manager.history(user) if entry.kind != "terms"]
    assert Counter((entry.note, entry.amount) for entry in entries) == Counter(expected.items())
    holds = list(manager.holds(resolved=True))
    assert Counter((hold.hold_id, hold.state) for hold in holds) == Counter(states.items())
    held = parse_amount(RESERVED) * sum(state == "open" for state in states.values())
    for budget in (manager.cap(), manager.budget("team")):
        assert (budget.limit.spent, budget.limit.held) == (sum(expected.values()), held)
    for user in USERS:
        own = [limit for owner, limit in manager.budget(user).standings if owner == user]
        assert len({(limit.spent, limit.held) for limit in own}) == 1


def main() -> None:
    """Take one step after another, and acknowledge each."""
    path, name, *steps = sys.argv[1:]
    manager = BudgetManager("p", store=path)
    manager.budget(USERS[0])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(int(steps[0])) if steps else count():
        while True:
            try:
                take(manager, name, number)
                break
            except StoreUnavailableError:
                if not steps:
                    raise
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
