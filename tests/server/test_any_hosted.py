"""However late and often saves arrive, in whatever order: no spend of a hosted client is lost or counts twice."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from budgetctl.money import from_number
from budgetctl.server.hosted.rules import get_budget, set_budget
from budgetctl.stores import SqliteStore
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
LATENESS_S = 0.45
QUIET_S = 2.5
DAY_S = 86_400

clients = st.integers(min_value=0, max_value=1)
users = st.sampled_from(["alice", "bob"])
models = st.sampled_from(["gpt-4o", "claude"])
amounts = st.sampled_from([0.1, 0.2, 0.0123, 1e-7, 3.3])
totals = st.sampled_from([10, 20.5])
durations = st.sampled_from([None, 1, 28])
places = st.integers(min_value=0, max_value=3)


def said(record, *spent):
    """What a record says that was spent, in all (None) and by model, and would if that was spent, too."""
    items = [(None, record.get("current_cost", 0)), *record.get("model_cost", {}).items(), *spent]
    return {key: sum(from_number(amount) for other, amount in items if other == key) for key, _ in items}


def covers(shown, before):
    return all(shown.get(key, 0) >= amount for key, amount in before.items())


class Client:
    """What a `litellm.BudgetManager` does with its dictionary, with the saves that are still on their way."""

    def __init__(self, number, imported_s):
        self.token = f"token-{number}"
        self.imported_s = imported_s + number
        self.records = {}
        self.saves = []
        self.spent_s = {}
        self.quiet_until_s = {}
        self.began_s = {}
        # What was spent on a record before it began again in a way that no save that covers this would show.
        self.doubted = {}

    def save(self, now_s):
        self.saves.append((now_s, json.dumps({"user_dict": self.records})))

    def is_marked_apart_from(self, user):
        """Whether another record still says which load the client's are from."""
        return any("budgetctl" in record for other, record in self.records.items() if other != user)


class AnyHosted(RuleBasedStateMachine):
    """A project on a real file, two clients, and how much each user has truly spent."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.now_us = NOON_US
        self.store = SqliteStore(self.directory / "p.db", "p", clock=lambda: self.now_us)
        self.clients = [Client(number, self.now_s - 3 * DAY_S) for number in range(2)]
        self.spent = {}

    def teardown(self):
        self.arrive_all()
        self.store.close()
        if self.store.path.exists():
            assert_sound(self.store.path)
        shutil.rmtree(self.directory)

    @property
    def now_s(self):
        return self.now_us / 10**6

    def recorded(self):
        """What the ledger says that everybody has spent."""
        return {
            budget.user: sum(entry.amount for entry in self.store.history(budget.user) if entry.kind != "carry")
            for budget in self.store.budgets()
        }

    def post(self, client, text):
        document = json.loads(text)
        assert set_budget(self.store, client.token, document) == {"status": "success"}
        for user, record in document["user_dict"].items():
            if user in client.doubted and not covers(said(record), client.doubted[user]):
                client.began_s[user] = self.now_s
                if client.quiet_until_s.get(user, 0) <= self.now_s:  # it cannot be late any more
                    client.doubted.pop(user)

    def arrive_all(self):
        for client in self.clients:
            self.arrive_now(client)

    def let_pass(self, seconds):
        """Time passes, and no save is on its way for longer than some do."""
        until_s = self.now_s + seconds
        late = [(made_s, client) for client in self.clients for made_s, _ in client.saves]
        for made_s, client in sorted(late, key=lambda each: each[0]):
            if made_s + LATENESS_S < until_s:
                self.now_us = max(self.now_us, round((made_s + LATENESS_S) * 10**6))
                self.post(client, client.saves.pop(0)[1])
        self.now_us = round(until_s * 10**6)

    @initialize(durations=st.tuples(durations, durations))
    def begin(self, durations):
        for number in range(len(self.clients)):
            for user, duration in zip(("alice", "bob"), durations, strict=True):
                self.create(number, user, 10, duration)

    @rule(seconds=st.sampled_from([0.1, 1.9, 2.1, DAY_S]))
    def time_passes(self, seconds):
        self.let_pass(seconds)

    @rule(number=clients, place=places)
    def arrive(self, number, place):
        client = self.clients[number]
        if not client.saves:
            return
        self.post(client, client.saves.pop(place % len(client.saves))[1])

    @rule(number=clients, place=places)
    def arrive_twice(self, number, place):
        client = self.clients[number]
        if not client.saves:
            return
        self.post(client, client.saves[place % len(client.saves)][1])

    @rule(number=clients)
    def arrive_backwards(self, number):
        client = self.clients[number]
        client.saves.reverse()
        self.arrive_now(client)

    @rule(number=clients)
    def load(self, number):
        client = self.clients[number]
        client.records = json.loads(json.dumps(get_budget(self.store).get("data", {})))
        client.spent_s, client.quiet_until_s, client.began_s, client.doubted = {}, {}, {}, {}

    @rule(number=clients, user=users, total=totals, duration=durations)
    def create(self, number, user, total, duration):
        client = self.clients[number]
        record = client.records.get(user)
        if record is not None:
            if "budgetctl" in record and not client.is_marked_apart_from(user):
                return  # else nothing would say any more which load the client's other records came after
            # Created again: not so soon that it may as well be late. Without a duration it is not saved.
            self.let_pass(QUIET_S)
            client.doubted.setdefault(user, said(record))
        client.records[user] = {"total_budget": total}
        client.quiet_until_s.pop(user, None)
        if duration is not None:
            client.records[user] |= {
                "duration": duration,
                "created_at": client.imported_s,
                "last_updated_at": client.imported_s,
            }
            client.save(self.now_s)
            if record is not None:
                self.arrive_now(client)
                client.doubted.pop(user, None)
                client.began_s[user] = self.now_s

    @rule(number=clients, user=users, model=models, amount=amounts, torn=st.booleans())
    def spend(self, number, user, model, amount, torn):
        client = self.clients[number]
        if user not in client.records or client.quiet_until_s.get(user, 0) > self.now_s:
            return
        record = client.records[user]
        if record.get("current_cost") == 0:
            self.arrive_now(client)  # a late record of nothing spent, which nothing follows, looks like a reset
        spent = said(record, (None, amount), (model, amount))
        if user in client.doubted and covers(spent, client.doubted[user]):
            self.arrive_now(client)
            client.save(self.now_s)  # as a careful caller does by `save_data()`
            self.arrive_now(client)
        record["current_cost"] = amount + record.get("current_cost", 0)
        if torn:
            client.save(self.now_s)
        costs = record.setdefault("model_cost", {})
        costs[model] = amount + costs.get(model, 0)
        client.save(self.now_s)
        client.spent_s[user] = self.now_s
        self.spent[user] = self.spent.get(user, 0) + from_number(amount)

    @rule(number=clients, user=users)
    def reset(self, number, user):
        client = self.clients[number]
        if user not in client.records:
            return
        self.arrive_now(client)  # what is late shows what was before the reset
        if client.spent_s.get(user, 0) > self.now_s - QUIET_S:
            # So soon after the last spend it may as well be late: then it counts once nothing has followed.
            client.quiet_until_s[user] = self.now_s + QUIET_S
        record = client.records[user]
        if record.get("current_cost") and client.began_s.get(user, 0) > self.now_s - QUIET_S:
            # So soon after it began to count from nothing, it may as well be late from then, and a save must show it.
            client.doubted.setdefault(user, said(record))
        client.began_s[user] = max(self.now_s, client.quiet_until_s.get(user, 0))
        record |= {"current_cost": 0, "model_cost": {}}
        self.post(client, json.dumps({"user_dict": client.records}))

    @rule(number=clients)
    def update_all(self, number):
        client = self.clients[number]
        for user, record in client.records.items():
            if "duration" in record and self.now_s - record["last_updated_at"] >= record["duration"] * DAY_S:
                record |= {"current_cost": 0, "model_cost": {}, "last_updated_at": self.now_s}
                client.doubted.pop(user, None)
                client.began_s[user] = self.now_s
                client.save(self.now_s)

    @rule(number=clients, user=users, model=models, amount=amounts, is_spent_before=st.booleans())
    def window_passes(self, number, user, model, amount, is_spent_before):
        self.let_pass(DAY_S)
        if is_spent_before:
            self.spend(number, user, model, amount, False)
        self.update_all(number)
        self.spend(number, user, model, amount, False)

    def arrive_now(self, client):
        while client.saves:
            self.post(client, client.saves.pop(0)[1])

    @invariant()
    def nothing_counts_twice(self):
        recorded = self.recorded()
        assert all(amount <= self.spent.get(user, 0) for user, amount in recorded.items()), (recorded, self.spent)

    @rule()
    def nothing_is_lost(self):
        self.let_pass(QUIET_S)
        get_budget(self.store)
        recorded = self.recorded()
        assert {user: amount for user, amount in recorded.items() if amount} == self.spent


TestAnyHosted = AnyHosted.TestCase
TestAnyHosted.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
