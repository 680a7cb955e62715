"""Whatever is topped up, spent and reset, in whatever order: money burns in the order in which it expires."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from budgetctl import BudgetManager
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
SECOND_US, HOUR_US = 1_000_000, 3_600_000_000
CENT = 10**10
NEVER = 1 << 62


class Coins:
    """Extra money of a notebook, burned as it is spent."""

    def __init__(self, cents, expires_us):
        self.left = cents
        self.burned = 0
        self.expires_us = expires_us
        """None: with the window."""


class AnyTopUp(RuleBasedStateMachine):
    """A budget of a dollar on a real file, whose notebook moves each cent when it is spent."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.now_us = NOON_US
        self.manager = BudgetManager("p", store=SqliteStore(self.directory / "p.db", "p", clock=lambda: self.now_us))
        self.coins = []
        self.own_left = 100
        self.spent = self.given = self.lost = self.overspent = 0

    def teardown(self):
        self.manager.close()
        shutil.rmtree(self.directory)

    @initialize(duration=st.sampled_from(["none", "hourly", "daily"]))
    def begin(self, duration):
        self.manager.create("alice", "1.00", duration=duration)
        self.length_us = {"none": None, "hourly": HOUR_US, "daily": 24 * HOUR_US}[duration]
        self.end_us = NEVER if self.length_us is None else self.now_us + self.length_us

    # The notebook

    def expiry(self, coins):
        return self.end_us if coins.expires_us is None else coins.expires_us

    def burn(self, cents):
        """Spend cent by cent: of what expires first, and of the budget itself before what goes with it."""
        for _ in range(cents):
            sources = [each for each in self.coins if each.left and self.expiry(each) > self.now_us]
            first = min(sources, key=self.expiry, default=None)
            if first is not None and (not self.own_left or self.expiry(first) < self.end_us):
                first.left -= 1
                first.burned += 1
            elif self.own_left:
                self.own_left -= 1
            else:
                self.overspent += 1
        self.spent += cents

    def begin_window(self):
        self.own_left, self.spent, self.overspent = 100, 0, 0
        for each in self.coins:
            each.burned = 0

    # What happens

    @rule(cents=st.integers(min_value=1, max_value=90), hours=st.sampled_from([None, None, 1, 2, 25, 60]))
    def top_up(self, cents, hours):
        self.manager.top_up("alice", Picodollars(cents * CENT), expires=None if hours is None else f"{hours}h")
        coins = Coins(cents, None if hours is None else self.now_us + hours * HOUR_US)
        self.coins.append(coins)
        # What was overspent is of the window's money: of this as it burns.
        owed, self.overspent = self.overspent, 0
        self.spent -= owed
        self.burn(owed)

    @rule(cents=st.integers(min_value=0, max_value=90))
    def charge(self, cents):
        self.manager.charge("alice", Picodollars(cents * CENT))
        self.burn(cents)

    @rule()
    def reset(self):
        self.manager.reset("alice")
        self.begin_window()

    @rule()
    def reset_due(self):
        self.manager.reset_due()

    @rule(minutes=st.sampled_from([1, 20, 59, 61, 150, 26 * 60, 80 * 60]))
    def let_time_pass(self, minutes):
        self.now_us += minutes * 60 * SECOND_US
        if self.now_us >= self.end_us:
            for each in self.coins:
                if each.expires_us is None:
                    each.left = 0
            self.begin_window()
            self.end_us += (self.now_us - self.end_us) // self.length_us * self.length_us + self.length_us
        for each in self.coins:
            if self.expiry(each) <= self.now_us:
                each.left = 0

    # What always holds

    @invariant()
    def what_is_left_is_what_the_notebook_says(self):
        if not hasattr(self, "end_us"):
            return
        limit = self.manager.budget("alice").limit
        assert (limit.spent, limit.remaining) == (
            self.spent * CENT,
            (self.own_left + sum(each.left for each in self.coins) - self.overspent) * CENT,
        )
        assert limit.topped_up == sum(each.left + each.burned for each in self.coins) * CENT
        listed = sum(each.left for each in self.manager.top_ups("alice"))
        assert listed == sum(each.left for each in self.coins) * CENT

    @invariant()
    def counters_are_sums_of_postings(self):
        if (self.directory / "p.db").exists():
            assert_sound(self.directory / "p.db")


TestAnyTopUp = AnyTopUp.TestCase
TestAnyTopUp.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
