"""Extra money, whatever store it is: what it allows, what goes first, and when."""

from __future__ import annotations

import pytest

from budgetctl.errors import InvalidValueError, KeyConflictError, NotFoundError
from budgetctl.money import ZERO, parse_amount
from support.enforcing import denied

usd = parse_amount
HOUR_S = 3600


def left(manager, user="alice"):
    return [(each.left, each.note) for each in manager.top_ups(user)]


def test_a_top_up_allows_more_in_this_window_and_counts_as_nothing_spent(manager):
    charge = manager.top_up("alice", "0.50", note="for the demo")
    assert (charge.entry.kind, charge.entry.amount, charge.entry.note) == ("top-up", usd("0.50"), "for the demo")
    assert (charge.budget.limit.spent, charge.budget.remaining) == (ZERO, usd("1.50"))
    manager.reserve("alice", "1.50")
    denied(manager, "alice", "0.01")


def test_the_denial_says_what_is_on_top(manager):
    manager.top_up("alice", "0.50")
    assert "the budget of $1.00 and $0.50 on top" in denied(manager, "alice", "2").message


def test_a_top_up_goes_with_its_window(manager, clock):
    manager.set("alice", duration="daily")
    manager.top_up("alice", "0.50")
    clock.advance(days=1)
    assert manager.budget("alice").remaining == usd("1.00")
    manager.reset_due()
    assert (manager.budget("alice").remaining, left(manager)) == (usd("1.00"), [])


def test_what_expires_later_is_there_in_the_next_window_without_what_was_burned(manager, clock):
    manager.set("alice", duration="daily")
    manager.top_up("alice", "0.50", expires="30h")
    manager.charge("alice", "1.20")
    clock.advance(days=1)
    assert manager.budget("alice").remaining == usd("1.30")
    manager.reset_due()
    assert manager.budget("alice").remaining == usd("1.30")
    clock.advance(seconds=6 * HOUR_S + 1)
    assert manager.budget("alice").remaining == usd("1.00")


def test_the_money_that_expires_first_is_burned_first(manager):
    manager.top_up("alice", "0.50", expires="2d", note="later")
    manager.top_up("alice", "0.50", expires="1d", note="sooner")
    manager.charge("alice", "0.60")
    assert left(manager) == [(usd("0.40"), "later"), (ZERO, "sooner")]


def test_at_its_expiry_only_what_is_not_burned_goes(manager, clock):
    manager.top_up("alice", "0.50", expires="1h")
    manager.charge("alice", "0.20")
    clock.advance(seconds=HOUR_S + 1)
    assert manager.budget("alice").remaining == usd("1.00")
    manager.charge("alice", "0.10")
    assert manager.budget("alice").remaining == usd("0.90")


def test_what_was_spent_before_is_not_burned_of_a_top_up(manager, clock):
    manager.charge("alice", "0.20")
    manager.top_up("alice", "0.50", expires="1h")
    clock.advance(seconds=HOUR_S + 1)
    assert manager.budget("alice").remaining == usd("0.80")


def test_a_manual_reset_keeps_what_is_left(manager):
    manager.top_up("alice", "0.50")
    manager.charge("alice", "1.20")
    manager.reset("alice")
    assert (manager.budget("alice").remaining, left(manager)) == (usd("1.30"), [(usd("0.30"), None)])


def test_a_change_of_duration_keeps_it_with_what_is_spent(manager, clock):
    manager.top_up("alice", "0.50", expires="1h")
    manager.charge("alice", "0.20")
    clock.advance(seconds=HOUR_S + 1)
    manager.set("alice", duration="daily")
    assert (manager.budget("alice").limit.spent, manager.budget("alice").remaining) == (usd("0.20"), usd("1.00"))


def test_another_limit_is_topped_up_by_its_name(manager):
    manager.add_limit("alice", "0.10", duration="daily", name="day")
    manager.top_up("alice", "0.20", limit="day")
    manager.reserve("alice", "0.30")
    assert [each.limit for each in manager.top_ups("alice")] == ["day"]
    with pytest.raises(NotFoundError):
        manager.top_up("alice", "1", limit="week")


def test_a_parent_that_is_topped_up_allows_more_to_those_below(family):
    family.charge("bob", "2.00")
    denied(family, "alice", "0.10")
    family.top_up("team", "0.50")
    family.reserve("alice", "0.50")


def test_the_same_key_adds_nothing_again_and_another_top_up_under_it_is_refused(manager):
    first = manager.top_up("alice", "0.50", expires="1h", key="demo")
    again = manager.top_up("alice", "0.50", expires="1h", key="demo")
    assert (again.replayed, again.entry, again.budget.remaining) == (True, first.entry, usd("1.50"))
    with pytest.raises(KeyConflictError):
        manager.top_up("alice", "0.60", expires="1h", key="demo")


@pytest.mark.parametrize(
    ("amount", "terms"), [("0", {}), ("-1", {}), ("1", {"expires": "2020-01-01"}), ("1", {"expires": "soon"})]
)
def test_a_top_up_of_nothing_or_until_the_past_is_refused(manager, amount, terms):
    with pytest.raises(InvalidValueError):
        manager.top_up("alice", amount, **terms)
    assert list(manager.history("alice")) == []


def test_a_crossing_that_is_claimed_is_nobody_elses_for_a_while(manager, clock):
    manager.charge("alice", "0.85")
    (crossing,) = manager.crossings()
    assert (manager.claim(crossing), manager.claim(crossing)) == (True, False)
    clock.advance(seconds=44)
    assert not manager.claim(crossing)
    clock.advance(seconds=1)
    assert manager.claim(crossing)
    assert list(manager.crossings()) == [crossing]


def test_a_crossing_that_is_told_cannot_be_claimed_and_one_that_is_forgotten_can(manager):
    manager.charge("alice", "0.85")
    (crossing,) = manager.crossings()
    assert (manager.claim(crossing), manager.tell(crossing), manager.claim(crossing)) == (True, True, False)
    manager.forget(crossing)
    assert manager.claim(crossing)
    manager.forget(crossing)
    assert manager.claim(crossing)


def test_a_threshold_is_a_share_of_all_that_is_allowed(manager):
    manager.charge("alice", "0.85")
    assert [crossing.percent for crossing in manager.crossings()] == [80]
    manager.top_up("alice", "1")
    assert list(manager.crossings()) == []


def test_who_is_over_is_who_has_nothing_left_on_top_either(manager):
    manager.create("bob", "1.00")
    for user in ("alice", "bob"):
        manager.charge(user, "1.20")
    manager.top_up("alice", "0.50")
    assert [budget.user for budget in manager.budgets(over=True)] == ["bob"]
    assert [budget.user for budget in manager.budgets(sort="remaining")] == ["bob", "alice"]


def test_a_sorted_list_goes_on_behind_a_user_who_was_topped_up(manager):
    for user in ("bob", "carol"):
        manager.create(user, "1.00")
    manager.top_up("bob", "1")
    assert [budget.user for budget in manager.budgets(sort="remaining", after="carol")] == ["bob"]
