"""Charges for what happened before they are recorded: in which limits they count, whatever became of these since.

The clock stands at noon of Sunday, 22 November 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from budgetctl.ledger.corrections import HistoryFilter
from budgetctl.ledger.store import ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.periods import rfc3339
from support.enforcing import counters

usd = parse_amount

MORNING = "2026-11-22T09:00Z"
YESTERDAY = "2026-11-21T09:00Z"


@pytest.fixture
def manager(make_manager, clock):
    """A project with alice, who has $10.00 a day, since a month."""
    manager = make_manager()
    clock.advance(days=-30)
    manager.create("alice", "10", duration="daily", align="calendar")
    clock.advance(days=30)
    return manager


def spent(manager, user="alice"):
    """What a user has spent in each limit, by the limit's name, in US dollars."""
    standings = manager.budget(user).standings
    return {limit.name: float(limit.spent) for owner, limit in standings if owner == user}


def newest(manager, user="alice"):
    return next(manager.history(user))


def test_an_entry_keeps_when_it_happened_and_when_it_was_recorded(manager, clock):
    entry = manager.charge("alice", "1", at=MORNING).entry
    assert entry == newest(manager)
    assert (rfc3339(entry.at_us), entry.recorded_us) == ("2026-11-22T09:00:00Z", clock())


@pytest.mark.parametrize("at", [None, "2026-11-23", datetime(2027, 1, 1, tzinfo=UTC), 4_000_000_000])
def test_the_future_is_now(manager, clock, at):
    manager.charge("alice", "1", at=at)
    assert (newest(manager).at_us, newest(manager).recorded_us) == (clock(), None)


@pytest.mark.parametrize(
    "at",
    [MORNING, "1795338000", 1_795_338_000, 1_795_338_000.0, datetime(2026, 11, 22, 9)],  # noqa: DTZ001
)
def test_a_time_may_be_given_in_many_ways(manager, at):
    manager.charge("alice", "1", at=at)
    assert rfc3339(newest(manager).at_us) == "2026-11-22T09:00:00Z"


def test_entries_are_numbered_as_they_are_recorded(manager):
    for at in (MORNING, YESTERDAY, None):
        manager.charge("alice", "1", at=at)
    assert [entry.number for entry in manager.history("alice")] == [3, 2, 1]


def test_history_is_filtered_by_when_things_happened(manager):
    for at in (MORNING, YESTERDAY):
        manager.charge("alice", "1", at=at)
    since_us = manager.charge("alice", "1", at="2026-11-22T08:00Z").entry.at_us
    found = manager.history("alice", wanted=HistoryFilter(since_us=since_us))
    assert [entry.number for entry in found] == [3, 1]


def test_it_counts_in_the_window_of_then_while_that_is_open(manager):
    manager.charge("alice", "1", at=MORNING)
    assert spent(manager) == {"total": 1}
    assert manager.budget("alice").models == {}


def test_what_happened_in_a_window_that_has_passed_counts_nowhere(manager):
    manager.charge("alice", "1", model="gpt-4o", at=YESTERDAY)
    assert spent(manager) == {"total": 0}
    assert manager.budget("alice").models == {}
    assert newest(manager).amount == usd("1")


def test_the_record_of_a_closed_window_leaves_out_what_came_later(manager, clock):
    manager.charge("alice", "2")
    clock.advance(days=1)
    manager.charge("alice", "1", at=MORNING)
    manager.charge("alice", "4", at="2026-11-23T09:00Z")
    closed = next(entry.closed for entry in manager.history("alice") if entry.closed)
    assert (closed.spent, spent(manager)) == (usd("2"), {"total": 4})


def test_after_a_manual_reset_what_happened_before_counts_no_more(manager, clock):
    manager.reset("alice")
    manager.charge("alice", "1", at=MORNING)
    assert spent(manager) == {"total": 0}
    clock.advance(hours=2)
    manager.charge("alice", "2", at="2026-11-22T13:00Z")
    assert spent(manager) == {"total": 2}


def test_a_new_limit_leaves_out_what_happened_before_it(manager, clock):
    manager.add_limit("alice", "50", duration="monthly", align="calendar", name="month")
    manager.charge("alice", "1", at=MORNING)
    assert spent(manager) == {"total": 1, "month": 0}
    clock.advance(hours=2)
    manager.charge("alice", "2", at=clock.ago(hours=1))
    assert spent(manager) == {"total": 3, "month": 2}


def test_a_new_budget_leaves_out_what_happened_before_it(manager):
    manager.create("bob", "10", duration="monthly", align="calendar")
    manager.charge("bob", "1", at=MORNING)
    assert spent(manager, "bob") == {"total": 0}


@pytest.mark.parametrize(
    ("duration", "at", "counted"),
    [
        ("monthly", MORNING, 3),  # it was in the window whose spend is carried
        ("monthly", YESTERDAY, 2),  # that was closed already
        ("hourly", MORNING, 2),  # the new window begins at noon
        ("none", MORNING, 3),
    ],
)
def test_a_change_of_duration_goes_on_with_the_generation(manager, duration, at, counted):
    manager.charge("alice", "2")
    manager.set("alice", duration=duration, align="calendar" if duration != "none" else None)
    manager.charge("alice", "1", at=at)
    assert spent(manager) == {"total": counted}


def test_a_parent_counts_what_happened_since_the_user_stands_under_it(manager, clock):
    manager.create("team", "100")
    clock.advance(hours=2)
    manager.set("alice", parent="team")
    clock.advance(hours=2)
    manager.charge("alice", "1", at=clock.ago(hours=3))
    assert counters(manager, "alice", "team") == [(1, 0), (0, 0)]
    manager.charge("alice", "2", at=clock.ago(hours=1))
    assert counters(manager, "alice", "team") == [(3, 0), (2, 0)]


def test_it_may_count_against_a_parent_alone(manager, clock):
    manager.create("team", "100")
    manager.set("alice", parent="team")
    clock.advance(hours=2)
    manager.reset("alice")
    manager.charge("alice", "1", at=clock.ago(hours=1))
    assert counters(manager, "alice", "team") == [(0, 0), (1, 0)]


def test_a_grandparent_counts_since_all_below_it_stand_there(manager, clock):
    for user in ("team", "company"):
        manager.create(user, "100")
    clock.advance(hours=1)
    manager.set("alice", parent="team")
    clock.advance(hours=2)
    manager.set("team", parent="company")
    clock.advance(hours=1)
    manager.charge("alice", "1", at=clock.ago(hours=2))
    manager.charge("alice", "2")
    assert counters(manager, "alice", "team", "company") == [(3, 0), (3, 0), (2, 0)]


def test_the_cap_counts_whatever_stood_where(manager, clock):
    manager.cap("100")
    manager.create("team", "100")
    clock.advance(hours=2)
    manager.set("alice", parent="team")
    manager.charge("alice", "1", at=clock.ago(hours=1))
    assert counters(manager, "alice", "team", "cap") == [(1, 0), (0, 0), (1, 0)]


def test_who_is_created_under_a_parent_has_never_stood_elsewhere(manager, clock):
    manager.create("team", "100")
    clock.advance(hours=2)
    manager.create("bob", "10", parent="team")
    manager.charge("bob", "1", at=clock.ago(hours=1))
    assert counters(manager, "bob", "team") == [(0, 0), (1, 0)]


def test_the_same_parent_again_changes_nothing(manager, clock):
    manager.create("team", "100")
    manager.set("alice", parent="team")
    clock.advance(hours=2)
    manager.set("alice", parent="team")
    manager.charge("alice", "1", at=clock.ago(hours=1))
    assert counters(manager, "team") == [(1, 0)]


def test_a_limit_for_some_models_counts_them_alone(manager, clock):
    manager.add_limit("alice", "5", models="gpt-*", name="gpt")
    clock.advance(hours=2)
    manager.charge("alice", "1", model="gpt-4o", at=clock.ago(hours=1))
    manager.charge("alice", "2", model="claude-sonnet-4-5", at=clock.ago(hours=1))
    manager.charge("alice", "4", model="gpt-4o", at=clock.ago(hours=3))
    assert spent(manager) == {"total": 7, "gpt": 1}


def test_a_top_up_burns_in_the_order_of_recording(manager, clock):
    manager.charge("alice", "9")
    manager.top_up("alice", "5", expires="2026-11-24")
    manager.charge("alice", "4", at=MORNING)
    clock.advance(days=1)
    assert [left.left for left in manager.top_ups("alice")] == [usd("2")]


def test_a_refund_counts_where_the_entry_does(manager):
    closed = manager.charge("alice", "1", at=YESTERDAY).entry
    current = manager.charge("alice", "2", at=MORNING).entry
    manager.refund("alice", closed.number)
    assert spent(manager) == {"total": 2}
    manager.refund("alice", current.number)
    assert spent(manager) == {"total": 0}


def test_a_charge_for_a_deleted_budget_goes_where_its_hold_says(manager, clock):
    hold = manager.reserve("alice", "1").hold_id
    manager.delete_budget("alice")
    clock.advance(days=2)
    manager.create("alice", "10")
    manager.commit(hold, "2")
    assert counters(manager, "alice") == [(0, 0)]


def test_a_new_budget_of_a_deleted_name_leaves_out_what_happened_before(manager):
    manager.delete_budget("alice")
    manager.create("alice", "10", duration="monthly", align="calendar")
    manager.charge("alice", "1", at=MORNING)
    assert spent(manager) == {"total": 0}


def test_all_counts_while_the_clock_stands_before_the_window(manager, clock):
    clock.advance(days=2)
    manager.charge("alice", "1")  # opens the window of the day after tomorrow
    clock.advance(days=-2)
    manager.charge("alice", "2", at=MORNING)
    assert spent(manager) == {"total": 3}


def test_a_reset_that_moves_the_window_to_now_begins_a_generation_now(manager, clock):
    clock.advance(days=2)
    manager.charge("alice", "1")
    clock.advance(days=-2)
    manager.reset("alice")
    manager.charge("alice", "2", at=MORNING)
    assert spent(manager) == {"total": 0}
    manager.charge("alice", "4")
    assert spent(manager) == {"total": 4}


def test_many_at_once_count_as_they_would_one_by_one(make_manager, manager, clock):
    manager.create("team", "100")
    clock.advance(hours=2)
    manager.set("alice", parent="team")
    clock.advance(hours=2)
    store = make_manager()._store
    hours_us = 3_600_000_000
    times = [None, clock() - hours_us, clock() - 3 * hours_us, clock() - 30 * hours_us, clock() + hours_us]
    answers = store.apply([ChargeRequest("alice", usd("1"), model="gpt-4o", at_us=at_us) for at_us in times])
    assert counters(manager, "alice", "team") == [(4, 0), (3, 0)]
    recorded = [entry for entry in manager.history("alice") if entry.kind == "spend"]
    assert [answer.entry for answer in answers] == recorded[::-1]
    assert [entry.at_us for entry in recorded[::-1]] == [
        clock() if at_us is None else min(at_us, clock()) for at_us in times
    ]
