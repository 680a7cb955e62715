"""Whatever happens to a store in whatever order, its counters are what its entries add up to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from budgetctl.errors import KeyConflictError, UnknownUserError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
DAY_US = 86_400_000_000

users = st.sampled_from(["alice", "bob"])
amounts = st.integers(min_value=0, max_value=10**13).map(Picodollars)
models = st.sampled_from([None, "a", "b"])
durations = st.sampled_from(["none", "hourly", "daily", "weekly", "monthly"])


class AnyHistory(RuleBasedStateMachine):
    """A store on a real file, and what a person with a notebook would know of it."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.now_us = NOON_US
        self.store = SqliteStore(self.directory / "p.db", "p", clock=lambda: self.now_us)
        self.charged = {}
        self.keys = {}

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.directory)

    @rule(user=users, amount=amounts, duration=durations)
    def create(self, user, amount, duration):
        change = BudgetChange(amount=amount, duration=duration)
        _, is_new = self.store.create_budget(user, change, if_exists="change")
        if is_new:
            self.charged[user] = 0
            self.keys = {name: value for name, value in self.keys.items() if name[0] != user}

    @rule(user=users, amount=amounts, model=models)
    def charge(self, user, amount, model):
        request = ChargeRequest(user, amount, model=model)
        if user not in self.charged:
            with pytest.raises(UnknownUserError):
                self.store.charge(request)
            return
        assert not self.store.charge(request).replayed
        self.charged[user] += amount

    @rule(user=users, amount=amounts, name=st.sampled_from([b"1", b"2"]))
    def charge_with_a_key(self, user, amount, name):
        if user not in self.charged:
            return
        asked = IdempotencyKey("caller", name.ljust(16), str(amount).encode().ljust(16)[:16])
        first = self.keys.setdefault((user, name), amount)
        if first != amount:
            with pytest.raises(KeyConflictError):
                self.store.charge(ChargeRequest(user, amount, key=asked))
            return
        charge = self.store.charge(ChargeRequest(user, amount, key=asked))
        assert charge.entry.amount == amount
        if not charge.replayed:
            self.charged[user] += amount

    @rule(user=users, spent=amounts, model=st.sampled_from(["a", "b"]))
    def set_what_was_spent(self, user, spent, model):
        if user in self.charged:
            budget = self.store.change_budget(user, BudgetChange(spent=spent, models={model: spent}))
            assert budget.limit.spent == spent
            assert budget.models.get(model, 0) == spent == sum(budget.models.values())

    @rule(user=users, duration=durations)
    def change_duration(self, user, duration):
        if user in self.charged:
            before = self.store.budget(user)
            after = self.store.change_budget(user, BudgetChange(duration=duration))
            assert (after.limit.spent, after.models) == (before.limit.spent, before.models)

    @rule(user=users)
    def reset(self, user):
        if user in self.charged:
            self.store.reset(user)
            assert self.store.budget(user).limit.spent == 0

    @rule()
    def reset_due(self):
        shown = [budget.limit for budget in self.store.budgets()]
        self.store.reset_due()
        assert [budget.limit for budget in self.store.budgets()] == shown

    @rule(user=users)
    def delete(self, user):
        if self.charged.pop(user, None) is not None:
            self.store.delete_budget(user)

    @rule(days=st.integers(min_value=-40, max_value=80))
    def let_time_pass(self, days):
        self.now_us += days * DAY_US

    @rule()
    def open_again(self):
        self.store.close()

    @invariant()
    def money_is_conserved(self):
        for user, charged in self.charged.items():
            spends = [entry.amount for entry in self.store.history(user) if entry.kind == "spend"]
            assert sum(spends) == charged

    @invariant()
    def counters_are_sums_of_postings(self):
        if self.store.exists():
            assert_sound(self.store.path)


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
