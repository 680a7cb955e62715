"""litellm's own hosted clients, in processes of their own.

    python -m support.hosting FD…

is all of them: see `support.forks`. Each reads what to do as lines of JSON, and answers once all its saves are sent.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing, contextmanager
from functools import partial

from budgetctl.ledger.store import BudgetChange
from budgetctl.money import parse_amount
from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import SqliteStore
from support.forks import Forks, fork_each
from support.serving import Running
from support.soundness import assert_sound

DAY_US = 86_400_000_000

MODELS = (("gpt-4o-2024-08-06", 2_500_000, 10_000_000), ("gpt-4o-mini-2024-07-18", 150_000, 600_000))
"""Models, each with the cost of a token of input and of output, in picodollars."""


class Client:
    """A process with litellm's `BudgetManager`. Calling a method here returns the result of calling it there."""

    def __init__(self, lines):
        self._lines = lines

    def open(self, url, token):
        """Make a manager there, which loads the budgets."""
        self("open", url, token)
        return self

    def send(self, name, *arguments, **more):
        """Tell it to call a method, without waiting for the result."""
        self._lines.write(json.dumps([name, arguments, more]))

    def answer(self):
        """The result of the method."""
        return json.loads(self._lines.read())

    def __call__(self, name, *arguments, **more):
        self.send(name, *arguments, **more)
        return self.answer()


@contextmanager
def litellm_clients(count):
    """So many of them, which import litellm together."""
    forks = Forks("hosting", count, LITELLM_LOCAL_MODEL_COST_MAP="True")
    with closing(forks):
        yield [Client(lines) for lines in forks.members]


def assert_answered(server):
    """Check that every request was answered, and none was refused."""
    lines = [json.loads(line) for line in server.logged().splitlines()]
    assert {line["status"] for line in lines if "status" in line} <= {200}, lines


def run_bursts(clients, path, count, *, is_empty):
    """Let all clients spend a number of times at once, in a few ways one after the other.

    Returns the difference between the recorded and the spent money, in picodollars, and the number of resets.
    """
    # The server's clock is so far behind the clients' that the window has passed for them.
    now_us = time.time_ns() // 1000 - 3 * DAY_US // 2

    def pass_time(us):
        nonlocal now_us
        now_us += us

    def spend(*before):
        """Let all clients call these methods, and spend at once; then nothing for three seconds."""
        for number, client in enumerate(clients):
            for name in before:
                client.send(name)
            client.send("burst", ["alice", "alice", f"own-{number}"], count, number + 1)
        answers = [[client.answer() for _ in (*before, "burst")] for client in clients]
        pass_time(3_000_000)
        return sum(each[-1] for each in answers)

    open_file = partial(SqliteStore, path, clock=lambda: now_us)
    tokens = FileTokens(path.with_name("tokens.json"))
    with (
        closing(open_file("p")) as store,
        Running(open_file, clock=lambda: now_us, tokens=tokens) as server,
    ):
        if not is_empty:
            store.create_budget("alice", BudgetChange(parse_amount("10"), "daily"), if_exists="error")
        for number, client in enumerate(clients):
            client.open(server.address, server.new_token("p"))
            if is_empty:
                client("create_budget", 10, "alice", "daily", now_us / 10**6 + number)
            client("create_budget", 5, f"own-{number}")
        spent = spend()
        pass_time(DAY_US)
        spent += spend("update_budget_all_users")
        clients[0]("reset_cost", "alice")
        clients[0]("save_data")
        spent += spend()
        spent += spend("load_data")
        assert_answered(server)
        entries = [entry for budget in store.budgets() for entry in store.history(budget.user)]
    assert_sound(path)
    return sum(entry.amount for entry in entries) - spent, sum(entry.kind == "reset" for entry in entries)


def _be_client(lines):
    """Do what the lines say, until there are no more."""
    import litellm

    manager = None
    for line in lines:
        name, arguments, more = json.loads(line)
        if name == "open":
            url, token = arguments
            manager = litellm.BudgetManager(
                project_name="p", client_type="hosted", api_base=url, headers={"Authorization": f"Bearer {token}"}
            )
            answer = None
        elif name == "burst":
            answer = _burst(manager, *arguments)
        else:
            answer = getattr(manager, name)(*arguments, **more)
        text = json.dumps(answer)
        for thread in threading.enumerate():
            if thread.name.endswith("(save_data)"):
                thread.join()
        lines.write(text)


def _burst(manager, users, count, seed=1):
    """Update the costs of users in turn, a number of times in all; returns the sum, in picodollars."""
    import litellm

    spent = 0
    for number in range(count):
        prompt, completion = 100 + (number * seed) % 37, 20 + number % 11
        model, *rates = MODELS[number % len(MODELS)]
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        manager.update_cost(users[number % len(users)], litellm.ModelResponse(model=model, usage=usage))
        spent += prompt * rates[0] + completion * rates[1]
    return spent


if __name__ == "__main__":
    import litellm  # noqa: F401 - before the processes fork: it takes seconds

    fork_each(_be_client)
