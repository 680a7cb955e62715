"""Whatever is told of calls, late, twice or in parts: each costs what its fullest record says, where its time falls."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from budgetctl import BudgetManager
from budgetctl.ledger.identities import identities_of, identity_digests
from budgetctl.ledger.store import ChargeRequest
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.periods import to_datetime
from budgetctl.pricing import price_usage
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
HOUR_US = 3_600_000_000
MODEL = "claude-sonnet-4-5"

users = st.sampled_from(["alice", "bob"])
calls = st.integers(min_value=0, max_value=4)
outputs = st.sampled_from([1, 10, 100])
hours = st.integers(min_value=0, max_value=50)
ways = st.sampled_from(["response", "commit", "list"])


class AnyRecord(RuleBasedStateMachine):
    """A team with alice and bob under it, and what a person with a notebook would know of their calls.

    The notebook keeps when each limit's generation began, and adds up what has counted in it since.
    """

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.now_us = NOON_US
        self.store = self.new_store(lambda: self.now_us)
        self.manager = BudgetManager(self.store.project, store=self.store)
        self.manager.create("team", "1000000", duration="daily", align="calendar")
        for user in ("alice", "bob"):
            self.manager.create(user, "1000000", duration="daily", align="calendar", parent="team")
        self.starts = dict.fromkeys([("alice", "total"), ("bob", "total"), ("team", "total")], NOON_US)
        self.parents = {"alice": ("team", 0), "bob": ("team", 0)}
        self.spent = dict.fromkeys(self.starts, 0)
        self.calls = {}
        self.others = 0

    def new_store(self, clock):
        return SqliteStore(self.directory / "p.db", "p", clock=clock)

    def teardown(self):
        self.manager.close()
        shutil.rmtree(self.directory)

    def counted(self, user, amount, at_us):
        """Note that an amount was spent at a time."""
        self.roll()
        parent, since_us = self.parents[user]
        for owner, name in self.spent:
            stands_above = owner == user or (owner == parent and at_us >= since_us)
            if stands_above and at_us >= self.starts[owner, name]:
                self.spent[owner, name] += amount

    def roll(self):
        """Note the windows that have passed: days, all of them."""
        today_us = self.now_us // (24 * HOUR_US) * 24 * HOUR_US
        for key, start_us in self.starts.items():
            if key[1] == "total" and start_us < today_us:
                self.starts[key], self.spent[key] = today_us, 0

    @rule(user=users, call=calls, output=outputs, ago=hours, way=ways)
    def tell_of_a_call(self, user, call, output, ago, way):
        usage = Usage(model=MODEL, request_id=str(call), issuer="tests", uncached_input=1_000, text_output=output)
        price = price_usage(usage)
        at_us = self.now_us if way == "commit" else self.now_us - ago * HOUR_US
        owner, known, first_us = self.calls.get(call, (user, None, at_us))
        is_more = known is None or output > known
        if is_more and abs(at_us - first_us) > 24 * HOUR_US:
            return  # that would be another call
        if way == "response":
            charge = self.manager.charge_price(user, price, once=True, at=to_datetime(at_us))
        elif way == "commit":
            charge = self.manager.commit_price(self.manager.reserve(user, "1").hold_id, price)
        else:
            request = ChargeRequest(
                user, price.amount, price.model, usage.to_json(), price.pricing, at_us=at_us,
                identities=identity_digests(identities_of(usage)),
            )  # fmt: skip
            charge, again = self.store.apply([request, request])
            assert again.replayed
        if is_more:
            more = price.amount - (0 if known is None else self.price_of(known))
            self.counted(owner, more, at_us)
            self.calls[call] = owner, output, first_us
            assert (charge.replayed, charge.entry.amount) == (False, more)
        else:
            assert charge.replayed
        assert (charge.owner or user) == owner

    def price_of(self, output):
        return price_usage(Usage(model=MODEL, uncached_input=1_000, text_output=output)).amount

    @rule(user=users, ago=hours, cents=st.integers(min_value=1, max_value=100))
    def charge(self, user, ago, cents):
        amount, at_us = Picodollars(cents * 10**10), self.now_us - ago * HOUR_US
        self.manager.charge(user, amount, at=to_datetime(at_us))
        self.others += amount
        self.counted(user, amount, at_us)

    @rule(user=st.sampled_from(["alice", "bob", "team"]))
    def reset(self, user):
        self.now_us += 1  # nothing else has begun at this instant
        self.manager.reset(user)
        for owner, name in self.spent:
            if owner == user:
                self.starts[owner, name], self.spent[owner, name] = self.now_us, 0

    @rule(user=users, name=st.sampled_from(["a", "b"]))
    def add_a_limit(self, user, name):
        if (user, name) not in self.spent:
            self.manager.add_limit(user, "1000000", name=name)
            self.starts[user, name], self.spent[user, name] = self.now_us, 0

    @rule(user=users, under=st.booleans())
    def move(self, user, under):
        parent = "team" if under else ""
        self.manager.set(user, parent=parent)
        if self.parents[user][0] != parent:
            self.parents[user] = parent, self.now_us

    @rule(passed=st.integers(min_value=1, max_value=20))
    def let_time_pass(self, passed):
        self.now_us += passed * HOUR_US

    @invariant()
    def limits_have_spent_what_the_notebook_says(self):
        self.roll()
        found = {
            (user, limit.name): int(limit.spent)
            for user in ("alice", "bob", "team")
            for owner, limit in self.manager.budget(user).standings
            if owner == user
        }
        assert found == self.spent

    @invariant()
    def each_call_costs_what_its_fullest_record_says(self):
        entries = [entry for user in ("alice", "bob") for entry in self.manager.history(user)]
        told = sum(self.price_of(output) for _, output, _ in self.calls.values())
        assert sum(entry.amount for entry in entries) == told + self.others

    @invariant()
    def the_store_is_sound(self):
        assert_sound(self.store)


class AnyRecordInPostgres(AnyRecord):
    """The same in PostgreSQL."""

    def new_store(self, clock):
        return PostgresStore(server_url(), new_project(), clock=clock)


TestAnyRecord = AnyRecord.TestCase
TestAnyRecord.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestAnyRecordInPostgres = AnyRecordInPostgres.TestCase
TestAnyRecordInPostgres.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
