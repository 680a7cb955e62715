"""What `user_dict` refuses, and what it does as time passes."""

import math
from contextlib import closing
from datetime import datetime

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import InvalidValueError
from budgetctl.stores import SqliteStore
from support.records import ALICE

DAY = 86_400


@pytest.fixture
def timed(home, clock):
    """A manager whose time is the test's."""
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        yield manager


# What is refused


LOOP = {}
LOOP["loop"] = LOOP

BAD_RECORDS = {
    "no dictionary": 5,
    "None": None,
    "without total_budget": {},
    "negative": {"total_budget": -1},
    "text": {"total_budget": "10"},
    "bool": {"total_budget": True},
    "NaN": {"total_budget": math.nan},
    "total_budget of None": {"total_budget": None},
    "too much": {"total_budget": 20_000_000},
    "duration of 0": {"total_budget": 10, "duration": 0},
    "duration of half a day": {"total_budget": 10, "duration": 0.5},
    "unknown duration": {"total_budget": 10, "duration": "never"},
    "duration list": {"total_budget": 10, "duration": [7]},
    "created_at": {"total_budget": 10, "duration": 1, "created_at": "today"},
    "last_updated_at": {"total_budget": 10, "duration": 1, "last_updated_at": -1},
    "negative cost": {"total_budget": 10, "current_cost": -0.01},
    "cost of None": {"total_budget": 10, "current_cost": None},
    "model_cost": {"total_budget": 10, "model_cost": 5},
    "model_cost of None": {"total_budget": 10, "model_cost": None},
    "negative model_cost": {"total_budget": 10, "model_cost": {"gpt-4o": -1}},
    "model with a control character": {"total_budget": 10, "model_cost": {"gpt\x1b[2J": 1}},
    "model without a name": {"total_budget": 10, "model_cost": {"": 1}},
    "model of None": {"total_budget": 10, "model_cost": {None: 1}},
    "a time": {"total_budget": 10, "seen": datetime(2026, 11, 22)},  # noqa: DTZ001
    "a set": {"total_budget": 10, "tags": {"a"}},
    "NaN of the caller's": {"total_budget": 10, "score": math.nan},
    "a loop": {"total_budget": 10, "loop": LOOP},
}


@pytest.mark.parametrize("record", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_a_bad_record_creates_nobody(manager, record):
    with pytest.raises(InvalidValueError):
        manager.user_dict["alice"] = record
    assert manager.user_dict == {}


@pytest.mark.parametrize("record", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_a_bad_record_changes_nothing(manager, alice, record):
    with pytest.raises(InvalidValueError):
        manager.user_dict["alice"] = record
    assert manager.user_dict == {"alice": ALICE}
    assert len(list(manager.history("alice"))) == 1


@pytest.mark.parametrize("user", ["", " ", "a\nb", "\ud800", "x" * 257, None, True, ("a",), 1.5])
def test_what_names_no_user_is_refused(manager, user):
    with pytest.raises(InvalidValueError):
        manager.user_dict[user] = {"total_budget": 10}
    assert manager.user_dict == {}


@pytest.mark.parametrize(
    ("key", "value"), [("total_budget", -1), ("current_cost", "3"), ("duration", 0), ("model_cost", []), ("x", {1, 2})]
)
def test_a_bad_value_changes_nothing(manager, alice, key, value):
    with pytest.raises(InvalidValueError):
        alice[key] = value
    assert alice == ALICE


def test_a_bad_value_of_a_model_changes_nothing(manager, alice):
    with pytest.raises(InvalidValueError):
        alice["model_cost"]["gpt-4o"] = -1
    assert alice == ALICE


@pytest.mark.parametrize("strip", [lambda record: record.pop("total_budget"), lambda record: record.clear()])
def test_a_record_cannot_lose_its_total_budget(alice, strip):
    with pytest.raises(InvalidValueError):
        strip(alice)
    assert alice == ALICE


@pytest.mark.parametrize("write", [lambda m, new: m.user_dict.update(new), lambda m, new: setattr(m, "user_dict", new)])
def test_with_one_bad_record_none_is_written(manager, alice, write):
    with pytest.raises(InvalidValueError):
        write(manager, {"aaron": {"total_budget": 1}, "alice": {"total_budget": 20}, "bob": {"total_budget": "1"}})
    assert manager.user_dict == {"alice": ALICE}


@pytest.mark.parametrize("value", [None, 5, [("alice", {"total_budget": 1})]])
def test_only_a_dictionary_can_be_assigned(manager, alice, value):
    with pytest.raises(InvalidValueError):
        manager.user_dict = value
    assert manager.user_dict == {"alice": ALICE}


# Time


def test_last_updated_at_is_the_start_of_the_window(timed, clock):
    timed.create_budget(10, "alice", "daily")
    start = clock.now_us / 1e6
    clock.advance(days=2.5)
    assert timed.user_dict["alice"]["last_updated_at"] == start + 2 * DAY
    assert timed.user_dict["alice"]["created_at"] == start


def test_last_updated_at_that_is_written_starts_the_window_there(timed, clock):
    timed.create_budget(10, "alice", "weekly")
    timed.charge("alice", "1")
    timed.user_dict["alice"]["last_updated_at"] -= 2 * DAY
    record = timed.user_dict["alice"]
    assert record["last_updated_at"] == clock.now_us / 1e6 - 2 * DAY
    assert record["current_cost"] == 1
    clock.advance(days=5)
    assert record["current_cost"] == 0


def test_a_window_that_has_passed_by_writing_counts_as_reset(timed, clock):
    timed.create_budget(10, "alice", "daily")
    timed.charge("alice", "1")
    timed.user_dict["alice"]["last_updated_at"] -= DAY
    assert timed.user_dict["alice"]["current_cost"] == 0
    timed.update_budget_all_users()
    (reset, *_) = timed.history("alice")
    assert (reset.kind, str(reset.closed.spent)) == ("reset", "1")


def test_a_time_in_the_future_is_taken_as_now(timed, clock):
    timed.create_budget(10, "alice", "daily")
    clock.advance(seconds=60)
    timed.user_dict["alice"]["last_updated_at"] += DAY
    assert timed.user_dict["alice"]["last_updated_at"] == clock.now_us / 1e6


def test_a_held_record_shows_that_its_window_has_passed(timed, clock):
    timed.create_budget(10, "alice", "daily")
    timed.charge("alice", "1", model="gpt-4o")
    record, costs = timed.user_dict["alice"], timed.user_dict["alice"]["model_cost"]
    clock.advance(days=1)
    assert record["current_cost"] == 0
    assert costs == {}


def test_writing_after_a_window_has_passed_counts_in_the_new_one(timed, clock):
    timed.create_budget(10, "alice", "daily")
    timed.charge("alice", "1")
    record = timed.user_dict["alice"]
    clock.advance(days=1)
    record["current_cost"] += 0.25
    assert timed.get_current_cost("alice") == 0.25
