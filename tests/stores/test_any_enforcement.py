"""Whatever is set aside, charged, moved and reset in whatever order: no limit lets more through than it has left."""

from __future__ import annotations

import shutil
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from budgetctl import BudgetManager
from budgetctl.errors import HoldResolvedError, InvalidValueError, KeyConflictError, OverBudgetError
from budgetctl.ledger.values import PRIMARY
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
CENT = 10**10
DAY_US = 86_400_000_000
PROJECT = ""

users = st.sampled_from(["alice", "bob", "team", "org"])
children = st.sampled_from(["alice", "bob"])
budgets = st.sampled_from([0, 20, 60, 100, 150, 300]).map(lambda cents: Picodollars(cents * CENT))
amounts = st.integers(min_value=0, max_value=25).map(lambda cents: Picodollars(cents * CENT))
models = st.sampled_from([None, "a1", "a2", "b1"])
patterns = st.sampled_from([None, "a*", "?1"])
durations = st.sampled_from(["none", "hourly", "daily", "weekly"])
names = st.sampled_from(["first", "second"])
numbers = st.integers(min_value=0, max_value=9)
expiries = st.sampled_from([None, "1h", "2d", "30d"])
ttls = st.sampled_from(["1m", "2h", "7d"])


class Noted:
    """What a notebook says of a hold: what was asked for, its limits, how it ended, and whether it ever expired."""

    def __init__(self, hold, limits, **asked):
        self.asked = asked or {"amount": hold.amount}
        self.hold = hold
        self.limits = limits
        self.ended = None
        self.was_expired = False


class AnyEnforcement(RuleBasedStateMachine):
    """A project in a real store, and what a person with a notebook would know of it."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.now_us = NOON_US
        self.store = self.new_store(lambda: self.now_us)
        self.manager = BudgetManager(self.store.project, store=self.store)
        self.parents = {}
        self.charged = {}
        self.holds = []
        self.keys = {}

    def new_store(self, clock):
        return SqliteStore(self.directory / "p.db", "p", clock=clock)

    def teardown(self):
        self.manager.close()
        shutil.rmtree(self.directory)

    # What is known

    def chain(self, user):
        """Whose limits count what the user spends."""
        owners = []
        while user is not None and user != PROJECT:
            owners.append(user)
            user = self.parents[user]
        return [*owners, *([PROJECT] if PROJECT in self.parents else [])]

    def limits(self):
        """All limits as a reader sees them now, with their owners, by their keys."""
        found = {}
        for user in self.parents:
            budget = self.manager.cap() if user == PROJECT else self.manager.budget(user)
            for standing in budget.standings:
                assert found.setdefault(standing.limit.limit_id, standing) == standing
            assert list(dict.fromkeys(standing.user for standing in budget.standings)) == self.chain(user)
        return found

    def matched(self, user, model):
        """The limits that a charge of the user's for a model counts against."""
        owners = self.chain(user)
        return {
            key: limit
            for key, (owner, limit) in self.limits().items()
            if owner in owners and (limit.models is None or (model is not None and fnmatchcase(model, limit.models)))
        }

    def has_room(self, matched, cost):
        """Whether all of these have so much left, and none is of a time that the clock has yet to come to."""
        return all(
            limit.allowance - limit.spent - limit.held >= cost and self.now_us >= limit.window_start_us - DAY_US
            for limit in matched.values()
        )

    def assert_only(self, before, *, spent=(), held=(), by_spent=0, by_held=0):
        """Nothing else has changed than what these limits have spent, and what is set aside in those."""
        after = self.limits()
        for key, (owner, limit) in before.items():
            assert after[key] == (
                owner,
                limit._replace(
                    spent=limit.spent + by_spent * (key in spent),
                    held=limit.held + by_held * (key in held),
                ),
            )
        assert after.keys() == before.keys()

    def counting(self, noted):
        """The limits that the hold still counts against."""
        if noted.ended is not None or noted.was_expired:
            return set()
        return noted.limits & self.limits().keys()

    def frees_us(self, key, short):
        """When so much of what is held in a limit has expired."""
        opened = [each for each in self.holds if key in self.counting(each)]
        for noted in sorted(opened, key=lambda each: each.hold.expires_us):
            short -= noted.hold.amount
            if short <= 0:
                return noted.hold.expires_us
        raise AssertionError("more is held than holds add up to")

    def assert_says_why(self, decision, matched, cost):
        """Whether a denial tells spent money from held, and says when enough of that is free."""
        if any(self.now_us < limit.window_start_us - DAY_US for limit in matched.values()):
            assert decision.reason == "clock"
            return
        refusing = {key: limit for key, limit in matched.items() if limit.remaining < cost}
        is_spent = any(limit.allowance - limit.spent < cost for limit in refusing.values())
        assert decision.binding.limit in refusing.values()
        assert (decision.reason, decision.frees_us is None) == (("spent", True) if is_spent else ("held", False))
        if not is_spent and not any(noted.was_expired and noted.ended is None for noted in self.holds):
            frees_us = {key: self.frees_us(key, cost - limit.remaining) for key, limit in refusing.items()}
            binding = decision.binding.limit.limit_id
            assert decision.frees_us == max(frees_us.values()) == frees_us[binding]
            assert decision.holds == sum(binding in self.counting(noted) for noted in self.holds)

    def move_clock(self, by_us):
        self.now_us += by_us
        for noted in self.holds:
            noted.was_expired |= self.now_us >= noted.hold.expires_us

    def pick(self, number):
        return self.holds[-1 - number % len(self.holds)]

    # Structure

    @initialize(terms=st.lists(durations, min_size=4, max_size=4))
    def begin(self, terms):
        places = (("org", 200, None), ("team", 150, "org"), ("alice", 100, "team"), ("bob", 100, "team"))
        for (user, cents, parent), duration in zip(places, terms, strict=True):
            self.manager.create(user, Picodollars(cents * CENT), duration=duration, parent=parent)
            self.parents[user], self.charged[user] = parent, 0

    @rule(user=users, amount=budgets, duration=durations)
    def create(self, user, amount, duration):
        if self.manager.create(user, Picodollars(amount), duration=duration, if_exists="change")[1]:
            self.parents[user] = None
            self.charged[user] = 0
            self.keys = {name: value for name, value in self.keys.items() if name[0] != user}

    @rule(user=users, parent=users)
    def move(self, user, parent):
        assume({user, parent} <= self.parents.keys())
        before = self.limits()
        if user in self.chain(parent):
            with pytest.raises(InvalidValueError):
                self.manager.set(user, parent=parent)
        else:
            self.manager.set(user, parent=parent)
            self.parents[user] = parent
        self.assert_only(before)

    @rule(user=users)
    def move_to_the_top(self, user):
        assume(user in self.parents)
        before = self.limits()
        self.manager.set(user, parent="")
        self.parents[user] = None
        self.assert_only(before)

    @rule(user=children)
    def delete(self, user):
        assume(user in self.parents)
        if user in self.parents.values():
            with pytest.raises(InvalidValueError):
                self.manager.delete_budget(user)
            return
        self.manager.delete_budget(user)
        del self.parents[user], self.charged[user]
        for noted in self.holds:
            if noted.hold.user == user and noted.ended is None:
                noted.ended = "deleted"
        self.holds = [noted for noted in self.holds if noted.hold.user != user]

    @rule(amount=budgets, duration=durations)
    def cap(self, amount, duration):
        self.manager.cap(amount, duration=duration)
        self.parents[PROJECT] = None

    @rule()
    def remove_cap(self):
        assume(PROJECT in self.parents)
        self.manager.remove_cap()
        del self.parents[PROJECT]

    # Limits

    @rule(user=users, amount=budgets, duration=durations, models=patterns, name=names)
    def add_limit(self, user, amount, duration, models, name):
        assume(user in self.parents)
        before = self.limits()
        assume((user, name) not in {(owner, limit.name) for owner, limit in before.values()})
        self.manager.add_limit(user, amount, duration=duration, models=models, name=name)
        after = self.limits()
        (added,) = after.keys() - before.keys()
        assert (after[added].limit.spent, after[added].limit.held) == (0, 0)
        assert {key: standing for key, standing in after.items() if key != added} == before

    @rule(number=numbers)
    def remove_limit(self, number):
        before = self.limits()
        removable = [key for key, (_, limit) in before.items() if limit.name != PRIMARY]
        assume(removable)
        removed = removable[number % len(removable)]
        self.manager.remove_limit(before[removed].user, before[removed].limit.name)
        assert self.limits() == {key: standing for key, standing in before.items() if key != removed}

    @rule(user=users, amount=budgets)
    def change_amount(self, user, amount):
        assume(user in self.parents)
        self.manager.set(user, amount=amount)

    @rule(user=users, duration=durations)
    def change_duration(self, user, duration):
        assume(user in self.parents)
        before = self.limits()
        self.manager.set(user, duration=duration)
        after = self.limits()
        for key, (_, limit) in before.items():
            assert (after[key].limit.spent, after[key].limit.held) == (limit.spent, limit.held)

    @rule(number=numbers, cents=st.integers(min_value=1, max_value=60), expires=expiries)
    def top_up(self, number, cents, expires):
        before = self.limits()
        topped = sorted(key for key, (owner, _) in before.items() if owner != PROJECT)
        assume(topped)
        key = topped[number % len(topped)]
        owner, limit = before[key]
        self.manager.top_up(owner, Picodollars(cents * CENT), limit=limit.name, expires=expires)
        after = self.limits()
        assert after[key].limit.allowance == limit.allowance + cents * CENT
        assert {name: standing for name, standing in after.items() if name != key} == {
            name: standing for name, standing in before.items() if name != key
        }

    # Money

    @rule(user=children, amount=amounts, model=models)
    def charge(self, user, amount, model):
        assume(user in self.parents)
        before, matched = self.limits(), self.matched(user, model)
        self.manager.charge(user, amount, model=model)
        self.charged[user] += amount
        self.assert_only(before, spent=matched, by_spent=amount)

    @rule(user=children, amount=amounts, name=names)
    def charge_with_a_key(self, user, amount, name):
        assume(user in self.parents)
        before, matched = self.limits(), self.matched(user, None)
        first = self.keys.setdefault((user, name), (amount, len(self.keys)))
        if first[0] != amount:
            with pytest.raises(KeyConflictError):
                self.manager.charge(user, amount, key=name)
            self.assert_only(before)
            return
        if self.manager.charge(user, amount, key=name).replayed:
            self.assert_only(before)
        else:
            self.charged[user] += amount
            self.assert_only(before, spent=matched, by_spent=amount)
        assert self.manager.charge(user, amount, key=name).replayed

    @rule(user=children, amount=amounts, model=models, ttl=ttls)
    def reserve_more(self, user, amount, model, ttl):
        self.reserve(user, amount, model, ttl)

    @rule(user=children, amount=amounts, model=models, ttl=ttls)
    def reserve(self, user, amount, model, ttl):
        assume(user in self.parents)
        before, matched = self.limits(), self.matched(user, model)
        has_room = self.has_room(matched, amount)
        assert self.manager.check(user, amount, model=model).allowed == has_room
        if not has_room:
            with pytest.raises(OverBudgetError) as caught:
                self.manager.reserve(user, amount, model=model, ttl=ttl)
            self.assert_only(before)
            self.assert_says_why(caught.value.decision, matched, amount)
            assert self.manager.check(user, amount, model=model) == caught.value.decision
            return
        hold = self.manager.reserve(user, amount, model=model, ttl=ttl)
        self.holds.append(Noted(hold, set(matched)))
        self.assert_only(before, held=matched, by_held=amount)
        assert all(limit.spent + limit.held <= limit.allowance for limit in self.matched(user, model).values())

    @rule(user=children, amount=amounts, model=models, ttl=ttls)
    def reserve_when_holds_have_expired(self, user, amount, model, ttl):
        assume(user in self.parents)
        decision = self.manager.check(user, amount, model=model)
        assume(decision.frees_us is not None)
        assume(not any(limit.topped_up for limit in self.matched(user, model).values()))  # which end with windows
        for now_us in (decision.frees_us - 1, decision.frees_us):
            passes = self.matched(user, model)[decision.binding.limit.limit_id].window_end_us
            self.move_clock(now_us - self.now_us)
            if now_us < decision.frees_us and not (passes and passes <= now_us):
                assert not self.manager.check(user, amount, model=model).allowed
        self.reserve(user, amount, model, ttl)
        assert self.holds[-1].hold.created_us == decision.frees_us

    @rule(user=children, at_most=amounts, at_least=amounts, model=models, ttl=ttls)
    def reserve_what_is_left(self, user, at_most, at_least, model, ttl):
        assume(user in self.parents and at_least <= at_most)
        before, matched = self.limits(), self.matched(user, model)
        needed = at_least or Picodollars(1)
        asked = {"at_most": at_most, "at_least": at_least, "model": model, "ttl": ttl}
        if not self.has_room(matched, needed):
            with pytest.raises(OverBudgetError) as caught:
                self.manager.reserve(user, **asked)
            self.assert_only(before)
            self.assert_says_why(caught.value.decision, matched, needed)
            return
        hold = self.manager.reserve(user, **asked)
        assert hold.amount == min(at_most, *(limit.remaining for limit in matched.values()))
        self.holds.append(Noted(hold, set(matched), at_most=at_most, at_least=at_least))
        self.assert_only(before, held=matched, by_held=hold.amount)

    @rule(number=numbers, more=st.booleans())
    @precondition(lambda self: self.holds)
    def reserve_again(self, number, more):
        noted = self.pick(number)
        before, hold = self.limits(), noted.hold
        if more:
            with pytest.raises(KeyConflictError):
                self.manager.reserve(hold.user, Picodollars(hold.amount + CENT), hold_id=hold.hold_id)
        else:
            again = self.manager.reserve(hold.user, **noted.asked, hold_id=hold.hold_id, model=hold.model)
            assert (again.hold_id, again.created_us, again.expires_us) == (
                hold.hold_id,
                hold.created_us,
                hold.expires_us,
            )
        self.assert_only(before)

    @rule(number=numbers, amount=amounts, model=models)
    @precondition(lambda self: self.holds)
    def commit(self, number, amount, model):
        noted = self.pick(number)
        user, hold_id = noted.hold.user, noted.hold.hold_id
        before, counting = self.limits(), self.counting(noted)
        asked = ("committed", amount, model)
        if noted.ended not in (None, asked):
            with pytest.raises(HoldResolvedError):
                self.manager.commit(hold_id, amount, model=model)
            self.assert_only(before)
            return
        matched = self.matched(user, model) | self.matched(user, noted.hold.model)
        charge = self.manager.commit(hold_id, amount, model=model)
        assert (charge.entry.amount, charge.replayed) == (amount, noted.ended is not None)
        if noted.ended is not None:
            self.assert_only(before)
            return
        was_counting = {key: noted.hold.amount * (key in counting) for key in before}
        self.charged[user] += amount
        noted.ended = asked
        after = self.limits()
        for key, (_, limit) in before.items():
            assert after[key].limit.spent == limit.spent + amount * (key in matched)
            assert not counting or after[key].limit.held == limit.held - was_counting[key]
        assert self.manager.commit(hold_id, amount, model=model).entry == charge.entry

    @rule(number=numbers)
    @precondition(lambda self: self.holds)
    def release(self, number):
        noted = self.pick(number)
        before, counting = self.limits(), self.counting(noted)
        if noted.ended not in (None, "released"):
            with pytest.raises(HoldResolvedError):
                self.manager.release(noted.hold.hold_id)
            self.assert_only(before)
            return
        assert self.manager.release(noted.hold.hold_id).state == "released"
        noted.ended = "released"
        if counting or not noted.was_expired:
            self.assert_only(before, held=counting, by_held=-noted.hold.amount)

    @rule(user=children, ttl=ttls)
    def reserve_all_that_is_left(self, user, ttl):
        """As much as is left for any model can be set aside, and not a picodollar more."""
        assume(user in self.parents)
        left = self.manager.budget(user).remaining
        matched = self.matched(user, None)
        assume(left >= 0 and self.has_room(matched, left))
        with pytest.raises(OverBudgetError):
            self.manager.reserve(user, Picodollars(left + 1))
        self.holds.append(Noted(self.manager.reserve(user, left, ttl=ttl), set(matched)))

    # Time

    @rule(user=users)
    def reset(self, user):
        assume(user in self.parents)
        before = self.limits()
        self.manager.reset(user)
        after = self.limits()
        for key, (owner, limit) in before.items():
            assert after[key].limit.held == limit.held
            if owner == user:
                assert (after[key].limit.spent, after[key].limit.generation) == (0, limit.generation + 1)
                # What is on top is kept, but for what of it was burned.
                assert limit.topped_up - limit.spent <= after[key].limit.topped_up <= limit.topped_up
            else:
                assert after[key].limit == limit

    @rule()
    def reset_due(self):
        before = self.limits()
        self.manager.reset_due()
        self.assert_only(before)

    @rule(user=users)
    def settle(self, user):
        """Have somebody write, so that what has expired is noted."""
        assume(user in self.parents)
        before = self.limits()
        self.manager.create(user, "1", if_exists="keep")
        self.assert_only(before)

    @rule(seconds=st.sampled_from([30, 61, 3_600, 7_201, 86_400, 8 * 86_400, -61, -7_201, -90_000]))
    def let_time_pass(self, seconds):
        self.move_clock(seconds * 1_000_000)

    @rule()
    def open_again(self):
        self.manager.close()

    # What always holds

    @invariant()
    def money_is_conserved(self):
        for user, charged in self.charged.items():
            assert sum(entry.amount for entry in self.manager.history(user) if entry.kind == "spend") == charged

    @invariant()
    def what_is_set_aside_is_what_open_holds_add_up_to(self):
        # One that had expired before the clock went back may count again, or may be gone for good.
        opened = [each for each in self.holds if each.ended is None and self.now_us < each.hold.expires_us]
        for key, (_, limit) in self.limits().items():
            counting = [each for each in opened if key in each.limits]
            surely = sum(each.hold.amount for each in counting if not each.was_expired)
            assert surely <= limit.held <= sum(each.hold.amount for each in counting)

    @invariant()
    def counters_are_sums_of_postings(self):
        assert_sound(self.store)

    @invariant()
    def what_is_left_is_the_least_over_the_limits_for_all_models(self):
        limits = list(self.limits().values())
        found = {}
        for user in self.parents.keys() - {PROJECT}:
            above = self.chain(user)
            theirs = sorted((each for each in limits if each.user in above), key=lambda each: above.index(each.user))
            left = {each: each.limit.allowance - each.limit.spent - each.limit.held for each in theirs}
            least = min(left[each] for each in theirs if each.limit.models is None)
            binding = next(each for each in theirs if each.limit.models is None and left[each] == least)
            used_up = {each for each in theirs if each.limit.models is not None and left[each] <= 0}
            found[user] = least, binding.user, used_up
        shown = [self.manager.budget(user) for user in found]
        for budget in (*shown, *self.manager.budgets()):
            said = budget.remaining, budget.binding.user, set(budget.limited)
            assert said == found[budget.user]
        by_left = [budget.user for budget in self.manager.budgets(sort="remaining")]
        assert by_left == sorted(found, key=lambda user: (found[user][0], user))
        over = [budget.user for budget in self.manager.budgets(over=True)]
        assert over == sorted(user for user in found if found[user][0] <= 0)

    @invariant()
    def every_budget_has_its_own_limit(self):
        owned = [owner for owner, limit in self.limits().values() if limit.name == PRIMARY]
        assert sorted(owned) == sorted(self.parents)


TestAnyEnforcement = AnyEnforcement.TestCase
TestAnyEnforcement.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


class AnyEnforcementInPostgres(AnyEnforcement):
    """The same in a PostgreSQL database."""

    def new_store(self, clock):
        return PostgresStore(server_url(), new_project(), clock=clock)


TestAnyEnforcementInPostgres = AnyEnforcementInPostgres.TestCase
TestAnyEnforcementInPostgres.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)
