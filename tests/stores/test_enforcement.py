"""What keeps users inside their limits, whatever store it is: holds, several limits, and asking first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from budgetctl.errors import (
    AlreadyExistsError,
    HoldResolvedError,
    InvalidValueError,
    KeyConflictError,
    NotFoundError,
    OverBudgetError,
    UnknownHoldError,
    UnknownUserError,
)
from budgetctl.money import ZERO, parse_amount
from support.enforcing import counters, denied

usd = parse_amount


# Reserving


def test_what_is_set_aside_is_there_for_other_connections(manager, make_manager):
    hold = manager.reserve("alice", "0.40", model="m", note="a job")
    assert (hold.user, hold.amount, hold.state, hold.model, hold.note) == ("alice", usd("0.40"), "open", "m", "a job")
    with closing(make_manager()) as other:
        assert list(other.holds("alice")) == [hold]
        assert other.budget("alice").remaining == usd("0.60")


def test_a_hold_of_all_that_is_left_is_allowed_and_one_of_a_picodollar_more_is_not(manager):
    manager.charge("alice", "0.25")
    denied(manager, "alice", "0.750000000001")
    manager.reserve("alice", "0.75")
    assert manager.budget("alice").remaining == ZERO
    denied(manager, "alice", "0.000000000001")


def test_a_hold_of_nothing_is_allowed_unless_more_than_everything_is_spent(manager):
    manager.charge("alice", "1.00")
    manager.reserve("alice", "0")
    manager.charge("alice", "0.01")
    denied(manager, "alice", "0")


def test_a_denied_hold_changes_nothing_and_leaves_its_id_unused(manager):
    before = manager.budget("alice")
    error = denied(manager, "alice", "1.01", hold_id="job-1", model="new")
    assert (error.decision.allowed, error.decision.binding.limit) == (False, before.limit)
    assert "$0.01 too much" in error.message
    assert manager.budget("alice") == before
    assert list(manager.holds(resolved=True)) == []
    assert manager.reserve("alice", "1.00", hold_id="job-1").amount == usd("1.00")


def test_the_same_hold_again_is_the_same_hold_also_when_nothing_is_left(manager):
    hold = manager.reserve("alice", "1.00", hold_id="job-1", model="m")
    assert manager.reserve("alice", "1.00", hold_id="job-1", model="m") == hold
    assert counters(manager, "alice") == [(0, 1)]


@pytest.mark.parametrize(
    "request_", [("alice", "0.11", "m"), ("bob", "0.10", "m"), ("alice", "0.10", "n"), ("alice", "0.10", None)]
)
def test_a_hold_id_for_another_request_is_refused(manager, request_):
    manager.create("bob", "1.00")
    manager.reserve("alice", "0.10", hold_id="job-1", model="m")
    user, amount, model = request_
    with pytest.raises(KeyConflictError):
        manager.reserve(user, amount, hold_id="job-1", model=model)
    assert counters(manager, "alice", "bob") == [(0, 0.1), (0, 0)]


def test_charges_are_never_refused_and_do_not_use_what_is_set_aside(manager):
    manager.reserve("alice", "0.60")
    assert manager.charge("alice", "0.90").budget.remaining == -usd("0.50")
    denied(manager, "alice", "0.01")


def test_nobody_unknown_can_reserve_and_no_unknown_hold_be_resolved(manager):
    with pytest.raises(UnknownUserError):
        manager.reserve("nobody", "0.01")
    with pytest.raises(UnknownHoldError):
        manager.commit("none", "0.01")
    with pytest.raises(UnknownHoldError):
        manager.release("none")


@pytest.mark.parametrize("ttl", [0, 0.5, -1, "8d", "soon", float("nan"), True])
def test_a_time_to_live_that_is_none_is_refused(manager, ttl):
    with pytest.raises(InvalidValueError):
        manager.reserve("alice", "0.01", ttl=ttl)


# Resolving


@pytest.mark.parametrize("cost", ["0", "0.10", "0.40", "0.90", "5.00"])
def test_a_commit_records_the_truth_and_lets_all_go(manager, cost):
    hold = manager.reserve("alice", "0.40", model="m")
    charge = manager.commit(hold.hold_id, cost)
    assert (charge.entry.kind, charge.entry.amount, charge.entry.model) == ("spend", usd(cost), "m")
    assert counters(manager, "alice") == [(float(cost), 0)]
    (resolved,) = manager.holds(resolved=True)
    assert (resolved.state, resolved.number, list(manager.holds())) == ("committed", charge.entry.number, [])


def test_a_commit_of_another_model_counts_where_money_was_set_aside_and_where_that_model_does(manager):
    manager.add_limit("alice", "0.50", models="big*", name="big")
    manager.add_limit("alice", "0.50", models="small", name="small")
    hold = manager.reserve("alice", "0.40", model="big-1")
    assert manager.commit(hold.hold_id, "0.30", model="small").entry.model == "small"
    assert [(limit.spent, limit.held) for _, limit in manager.budget("alice").standings] == [(usd("0.30"), 0)] * 3


def test_an_answer_without_a_seller_is_of_the_seller_that_was_asked(manager):
    manager.add_limit("alice", "0.50", models="azure/*", name="azure")
    manager.add_limit("alice", "0.50", models="openai/*", name="openai")
    hold = manager.reserve("alice", "0.40", model="azure/gpt-4o")
    manager.commit(hold.hold_id, "0.30", model="gpt-4o-2024-08-06")
    assert [limit.spent for _, limit in manager.budget("alice").standings] == [usd("0.30"), usd("0.30"), 0]


def test_a_release_lets_all_go_and_records_nothing(manager):
    hold = manager.reserve("alice", "0.40")
    assert manager.release(hold.hold_id).state == "released"
    assert counters(manager, "alice") == [(0, 0)]
    assert list(manager.history("alice")) == []


RESOLUTIONS = {
    "commit": lambda manager: manager.commit("job-1", "0.30", model="m"),
    "commit of more": lambda manager: manager.commit("job-1", "0.31", model="m"),
    "commit for another model": lambda manager: manager.commit("job-1", "0.30", model="n"),
    "release": lambda manager: manager.release("job-1"),
}


@pytest.mark.parametrize("first", ["commit", "release"])
@pytest.mark.parametrize("second", RESOLUTIONS)
def test_the_same_resolution_again_changes_nothing_and_another_is_refused(manager, first, second):
    manager.reserve("alice", "0.40", hold_id="job-1", model="m")
    answer = RESOLUTIONS[first](manager)
    before = manager.budget("alice")
    if second == first:
        again = RESOLUTIONS[second](manager)
        assert again == (answer if first == "release" else answer._replace(replayed=True))
    else:
        with pytest.raises(HoldResolvedError):
            RESOLUTIONS[second](manager)
    assert manager.budget("alice") == before


def test_of_many_who_resolve_a_hold_at_the_same_moment_one_succeeds(make_manager, manager):
    managers = [make_manager() for _ in range(4)]
    ways = [lambda each, hold, cents=cents: each.commit(hold, f"0.0{cents}") for cents in (1, 2, 3)]
    ways.append(lambda each, hold: each.release(hold))
    gate = threading.Barrier(len(managers))

    def resolve(each, way, hold):
        gate.wait()
        try:
            return way(each, hold)
        except HoldResolvedError:
            return None

    with ThreadPoolExecutor(len(managers)) as pool:
        for number in range(10):
            hold = manager.reserve("alice", "0.05", hold_id=f"job-{number}").hold_id
            answers = pool.map(partial(resolve, hold=hold), managers, ways)
            assert len([answer for answer in answers if answer is not None]) == 1
    assert manager.budget("alice").limit.held == 0


def test_a_hold_that_was_resolved_answers_its_request_and_sets_nothing_aside_again(manager):
    manager.reserve("alice", "0.40", hold_id="job-1")
    manager.commit("job-1", "0.30")
    assert manager.reserve("alice", "0.40", hold_id="job-1").state == "committed"
    assert counters(manager, "alice") == [(0.3, 0)]


# Expiring


def test_a_hold_counts_until_it_has_expired_and_not_after(manager, clock):
    manager.reserve("alice", "1.00", ttl=60)
    clock.advance(seconds=59.999_999)
    denied(manager, "alice", "0.01")
    clock.advance(seconds=0.000_001)
    assert (counters(manager, "alice"), list(manager.holds())) == ([(0, 0)], [])
    assert [hold.state for hold in manager.holds(resolved=True)] == ["expired"]
    assert manager.check("alice", "1.00").allowed
    manager.reserve("alice", "1.00")


@pytest.mark.parametrize("is_swept", [False, True])
def test_a_late_commit_records_the_truth_and_lets_nothing_else_go(manager, clock, is_swept):
    hold = manager.reserve("alice", "0.40", ttl=60)
    clock.advance(seconds=61)
    if is_swept:
        manager.reserve("alice", "1.00")
    (held,) = [each for _, each in counters(manager, "alice")]
    manager.commit(hold.hold_id, "0.50")
    assert counters(manager, "alice") == [(0.5, held)]
    assert manager.commit(hold.hold_id, "0.50").replayed


def test_an_expired_hold_can_be_released(manager, clock):
    hold = manager.reserve("alice", "0.40", ttl=60)
    clock.advance(seconds=61)
    assert manager.release(hold.hold_id).state == "released"
    with pytest.raises(HoldResolvedError):
        manager.commit(hold.hold_id, "0.40")


# Windows


@pytest.mark.parametrize("way", ["by hand", "by time", "by a change of duration"])
def test_a_hold_counts_across_a_reset(manager, clock, way):
    manager.set("alice", duration="daily")
    manager.reserve("alice", "0.80", ttl="7d")
    if way == "by hand":
        manager.reset("alice")
    elif way == "by time":
        clock.advance(days=1)
        manager.reset_due()
    else:
        manager.set("alice", duration="weekly")
    assert counters(manager, "alice") == [(0, 0.8)]
    denied(manager, "alice", "0.21")


def test_a_commit_counts_in_the_window_of_its_own_time(manager, clock):
    manager.set("alice", duration="daily")
    manager.charge("alice", "0.10")
    hold = manager.reserve("alice", "0.80", ttl="7d")
    clock.advance(days=1)
    assert manager.commit(hold.hold_id, "0.70").budget.limit.spent == usd("0.70")


def test_a_clock_that_is_set_back_more_than_a_day_allows_nothing_and_says_why(manager, clock):
    clock.advance(days=-2)
    error = denied(manager, "alice", "0.01")
    assert "the clock stands before the window" in error.message
    assert not manager.check("alice").allowed


# Several limits


@pytest.mark.parametrize(
    ("pattern", "model", "counts"),
    [
        (None, None, True),
        (None, "claude-1", True),
        ("claude-*", "claude-1", True),
        ("claude-*", "gpt-4", False),
        ("claude-*", None, False),
        ("Claude-*", "claude-1", True),
        ("claude-1", "anthropic/CLAUDE-1", True),
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-4", "gpt-4-turbo", False),
        ("gpt-[45]", "gpt-4", True),
        ("gpt-?", "gpt-4o", False),
    ],
)
def test_a_limit_counts_the_models_of_its_pattern(manager, pattern, model, counts):
    manager.add_limit("alice", "0.30", models=pattern, name="another")
    manager.charge("alice", "0.10", model=model)
    assert manager.check("alice", "0.25", model=model).allowed is not counts
    if counts:
        assert denied(manager, "alice", "0.25", model=model).decision.binding.limit.name == "another"
    manager.reserve("alice", "0.20", model=model)
    another = manager.budget("alice").standings[1].limit
    assert (another.spent, another.held) == ((usd("0.10"), usd("0.20")) if counts else (0, 0))


def test_a_new_limit_starts_with_nothing_spent_and_nothing_set_aside(manager):
    manager.charge("alice", "0.30")
    manager.reserve("alice", "0.30")
    limit = manager.add_limit("alice", "0.10", duration="daily").standings[1].limit
    assert (limit.name, limit.spent, limit.held) == ("daily", 0, 0)


def test_a_limit_that_is_removed_counts_no_more_and_what_is_set_aside_can_be_resolved(manager):
    manager.add_limit("alice", "0.10", name="low")
    hold = manager.reserve("alice", "0.10")
    assert len(manager.remove_limit("alice", "low").standings) == 1
    manager.reserve("alice", "0.20")
    manager.add_limit("alice", "0.10", name="low")
    manager.commit(hold.hold_id, "0.05")
    assert [limit.spent for _, limit in manager.budget("alice").standings] == [usd("0.05")] * 2


def test_limits_have_names_of_their_own_and_the_first_one_stays(manager):
    with pytest.raises(AlreadyExistsError):
        manager.add_limit("alice", "1", name="total")
    with pytest.raises(InvalidValueError):
        manager.remove_limit("alice", "total")
    with pytest.raises(NotFoundError):
        manager.remove_limit("alice", "none")


def test_a_reset_closes_each_of_a_users_limits(manager):
    manager.add_limit("alice", "0.50", duration="daily")
    manager.charge("alice", "0.40")
    manager.reset("alice")
    assert [limit.spent for _, limit in manager.budget("alice").standings] == [0, 0]


# Asking first


def test_asking_writes_nothing_and_names_the_limit_with_the_least_left(manager, make_manager):
    manager.add_limit("alice", "0.30", duration="daily")
    manager.charge("alice", "0.10")
    with closing(make_manager()) as other:
        token = manager._store.change_token()
        decision = other.check("alice", "0.20")
        assert (decision.allowed, decision.binding.limit.name) == (True, "daily")
        assert not other.check("alice", "0.21").allowed
        assert manager._store.change_token() == token


@pytest.mark.parametrize(("spent", "allowed"), [("0.999999999999", True), ("1.00", False), ("1.50", False)])
def test_without_a_cost_it_is_asked_whether_anything_is_left(manager, spent, allowed):
    manager.charge("alice", spent)
    assert manager.check("alice").allowed is allowed


def test_a_hold_that_was_seen_to_expire_stays_so_when_the_clock_goes_back(manager, clock):
    hold = manager.reserve("alice", "0.40", ttl="1m")
    clock.advance(seconds=61)
    other = manager.reserve("alice", "0.10")
    clock.advance(seconds=-30)
    assert list(manager.holds()) == [other]
    assert [each.state for each in manager.holds(resolved=True)] == ["expired", "open"]
    assert manager.budget("alice").remaining == usd("0.90")
    assert manager.commit(hold.hold_id, "0.20").budget.remaining == usd("0.70")


# Why not


MINUTE_US = 60_000_000


def why(error):
    return error.decision.reason, error.decision.frees_us, error.decision.holds


def test_a_cost_that_is_more_than_holds_leave_is_allowed_again_when_enough_of_them_have_expired(manager, clock):
    later = manager.reserve("alice", "0.30", ttl="20m")
    sooner = manager.reserve("alice", "0.50", ttl="10m")
    manager.reserve("alice", "0.10", ttl="1h")
    assert why(denied(manager, "alice", "0.20")) == ("held", sooner.expires_us, 3)
    assert why(denied(manager, "alice", "0.60")) == ("held", sooner.expires_us, 3)
    error = denied(manager, "alice", "0.61")
    assert why(error) == ("held", later.expires_us, 3)
    assert error.message.endswith("with $0.90 set aside for 3 calls, until 2026-11-22 12:20 UTC at the latest")
    clock.now_us = later.expires_us - 1
    denied(manager, "alice", "0.61")
    clock.now_us = later.expires_us
    manager.reserve("alice", "0.61")


def test_a_cost_that_is_more_than_was_left_by_what_was_spent_is_not_told_of_holds(manager):
    manager.charge("alice", "0.50")
    manager.reserve("alice", "0.20")
    error = denied(manager, "alice", "0.51")
    assert why(error) == ("spent", None, 0)
    assert error.message.endswith("with $0.20 set aside, which never resets")


def test_a_check_says_why_as_a_hold_does(manager):
    hold = manager.reserve("alice", "1.00")
    assert manager.check("alice")[4:] == ("held", hold.expires_us, 1)
    assert manager.check("alice", "0.5") == denied(manager, "alice", "0.5").decision
    manager.commit(hold.hold_id, "1.00")
    assert manager.check("alice")[4:] == ("spent", None, 0)
    assert manager.check("alice", "0")[4:] == (None, None, 0)


def test_of_several_limits_the_one_that_refuses_the_longest_is_told(family):
    family.create("carol", "10.00", parent="team")
    family.reserve("alice", "0.50", ttl="10m")
    late = family.reserve("carol", "1.40", ttl="1h")
    error = denied(family, "alice", "0.65")
    assert (error.decision.binding.user, why(error)) == ("team", ("held", late.expires_us, 2))


def test_a_limit_that_is_spent_is_told_before_one_of_which_less_is_left_by_holds(family):
    family.charge("alice", "0.50")
    family.create("carol", "10.00", parent="team")
    family.reserve("carol", "1.40", ttl="1h")
    error = denied(family, "alice", "0.60")
    assert (error.decision.binding.user, why(error)) == ("alice", ("spent", None, 0))


def test_a_minute_that_has_begun_is_told_as_the_next_one(manager, clock):
    clock.now_us += 1
    manager.reserve("alice", "1.00", ttl="10m")
    assert "for 1 call, until 2026-11-22 12:11 UTC at the latest" in denied(manager, "alice", "0.10").message


# As much as is there


def test_as_much_as_is_left_is_set_aside_up_to_what_is_asked_for(manager):
    manager.charge("alice", "0.25")
    assert manager.reserve("alice", at_most="0.50").amount == usd("0.50")
    hold = manager.reserve("alice", at_most="0.50", hold_id="rest", model="m", note="a job")
    assert (hold.amount, hold.state, hold.model, hold.note) == (usd("0.25"), "open", "m", "a job")
    assert hold in manager.holds("alice")
    assert manager.budget("alice").remaining == ZERO


def test_where_nothing_is_left_or_less_than_will_do_nothing_is_set_aside(manager):
    manager.charge("alice", "0.80")
    error = denied(manager, "alice", at_most="0.50", at_least="0.200000000001")
    assert (error.decision.cost, error.decision.reason) == (usd("0.200000000001"), "spent")
    assert manager.reserve("alice", at_most="0.50", at_least="0.20").amount == usd("0.20")
    error = denied(manager, "alice", at_most="0.50")
    assert (error.decision.cost, error.decision.reason, error.decision.holds) == (None, "held", 1)
    denied(manager, "alice", at_most="0.50", at_least="0")


def test_of_several_limits_the_one_with_the_least_left_decides_how_much_is_set_aside(family):
    family.add_limit("alice", "0.30", models="gpt-*", name="dear")
    family.charge("bob", "1.00")
    family.charge("team", "0.50")
    assert family.reserve("alice", at_most="5", model="gpt-4o").amount == usd("0.30")
    assert family.reserve("alice", at_most="5", model="other").amount == usd("0.20")
    assert counters(family, "alice", "team", "cap") == [(0, 0.5), (1.5, 0.5), (1.5, 0.5)]
    denied(family, "alice", at_most="5", model="other")


def test_money_of_expired_holds_is_there_to_be_set_aside(manager, clock):
    manager.reserve("alice", "0.30", ttl="1h")
    manager.reserve("alice", "0.60", ttl="10m")
    clock.advance(seconds=600)
    assert manager.reserve("alice", at_most="5").amount == usd("0.70")


def test_a_clock_ahead_of_the_window_has_nothing_set_aside(family, clock):
    clock.advance(days=2)
    family.charge("team", "0.10")
    clock.advance(days=-2)
    assert denied(family, "alice", at_most="0.50").decision.reason == "clock"


def test_the_same_request_again_is_the_same_hold_whatever_is_left_by_then(manager):
    manager.charge("alice", "0.60")
    hold = manager.reserve("alice", at_most="0.50", at_least="0.10", hold_id="job-1")
    assert hold.amount == usd("0.40")
    manager.refund("alice", amount="0.60")
    assert manager.reserve("alice", at_most="0.50", at_least="0.10", hold_id="job-1") == hold
    for other in [
        {"amount": "0.40"},
        {"amount": "0.50"},
        {"at_most": "0.50"},
        {"at_most": "0.40", "at_least": "0.10"},
        {"at_most": "0.50", "at_least": "0.11"},
    ]:
        with pytest.raises(KeyConflictError):
            manager.reserve("alice", **other, hold_id="job-1")
    assert counters(manager, "alice") == [(0, 0.4)]


def test_many_who_take_what_is_left_at_the_same_moment_get_all_of_it_and_no_more(make_manager, family):
    managers = [make_manager() for _ in range(4)]
    gate = threading.Barrier(len(managers))

    def take(each, user):
        gate.wait()
        held = ZERO
        while True:
            try:
                held += each.reserve(user, at_most="0.03").amount
            except OverBudgetError:
                return held

    family.charge("team", "1.30")  # of two dollars
    with ThreadPoolExecutor(len(managers)) as pool:
        taken = list(pool.map(take, managers, ["alice", "bob", "alice", "bob"]))
    assert sum(taken, ZERO) == usd("0.70") == family.budget("team").limit.held
    assert family.budget("team").remaining == ZERO


def test_an_id_of_a_plain_hold_is_not_for_as_much_as_is_there(manager):
    manager.reserve("alice", "0.40", hold_id="job-1")
    for at_least in (None, "0.40"):
        with pytest.raises(KeyConflictError):
            manager.reserve("alice", at_most="0.40", at_least=at_least, hold_id="job-1")


def test_what_was_set_aside_of_it_is_committed_and_let_go_as_any_hold(manager):
    manager.commit(manager.reserve("alice", at_most="0.70").hold_id, "0.20")
    manager.release(manager.reserve("alice", at_most="5").hold_id)
    assert counters(manager, "alice") == [(0.2, 0)]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"amount": "1", "at_most": "1"},
        {"amount": "1", "at_least": "1"},
        {"at_least": "1"},
        {"at_most": "1", "at_least": "1.01"},
        {"at_most": "-1"},
        {"at_most": "1", "at_least": "-1"},
    ],
)
def test_what_contradicts_itself_sets_nothing_aside(manager, asked):
    with pytest.raises(InvalidValueError):
        manager.reserve("alice", **asked)
    assert list(manager.holds(resolved=True)) == []
