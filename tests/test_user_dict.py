"""`user_dict`: litellm's dictionary of records, which shows what is stored and stores what is written to it."""

import copy
import json
import math
import pickle
import threading
import uuid
from contextlib import closing
from datetime import datetime

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import InvalidValueError, UnknownUserError
from budgetctl.stores import SqliteStore

DAY = 86_400


@pytest.fixture
def manager():
    with closing(BudgetManager("shop")) as manager:
        yield manager


@pytest.fixture
def other():
    """What another program does with the same project."""
    with closing(BudgetManager("shop")) as manager:
        yield manager


@pytest.fixture
def timed(home, clock):
    """A manager whose time is the test's."""
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        yield manager


@pytest.fixture
def alice(manager):
    """The record of a user who has spent $2.50 of $10."""
    manager.create_budget(10, "alice")
    manager.charge("alice", "2.5", model="gpt-4o")
    return manager.user_dict["alice"]


ALICE = {"total_budget": 10, "current_cost": 2.5, "model_cost": {"gpt-4o": 2.5}}


def adjustments(manager, user="alice"):
    """What was adjusted, oldest first: the amounts with their models."""
    entries = [entry for entry in manager.history(user) if entry.kind == "adjustment"]
    return [(str(entry.amount), entry.model) for entry in reversed(entries)]


# Reading


def test_a_fresh_record_says_nothing_of_costs(manager):
    manager.create_budget(10, "alice")
    assert manager.user_dict == {"alice": {"total_budget": 10}}


def test_a_record_with_a_duration_says_its_days_and_times(manager):
    manager.create_budget(10, "alice", "monthly", created_at=1_700_000_000.5)
    record = manager.user_dict["alice"]
    assert list(record) == ["total_budget", "duration", "created_at", "last_updated_at"]
    assert record["duration"] == 28
    assert record["created_at"] == 1_700_000_000.5


@pytest.mark.parametrize(("duration", "days"), [("daily", 1), ("weekly", 7), ("monthly", 28), ("yearly", 365)])
def test_durations_read_as_litellms_days(manager, duration, days):
    manager.create_budget(10, "alice", duration)
    assert manager.user_dict["alice"]["duration"] == days


def test_a_record_that_was_reset_shows_that_nothing_is_spent(manager, alice):
    manager.reset_cost("alice")
    assert alice == {"total_budget": 10, "current_cost": 0, "model_cost": {}}


@pytest.mark.parametrize("indent", [None, 4])
def test_json_writes_it(manager, alice, indent):
    assert json.loads(json.dumps(manager.user_dict, indent=indent)) == {"alice": ALICE}
    assert json.loads(json.dumps(alice, indent=indent)) == ALICE
    assert json.loads(json.dumps(alice["model_cost"], indent=indent)) == ALICE["model_cost"]


def test_json_writes_it_also_when_it_was_not_read_before(manager, other):
    other.create_budget(10, "alice")
    assert json.dumps(manager.user_dict) == '{"alice": {"total_budget": 10.0}}'


def test_it_equals_a_dictionary_of_the_same_content(manager, alice):
    assert manager.user_dict == {"alice": ALICE}
    assert {"alice": ALICE} == manager.user_dict  # noqa: SIM300 - both sides are asked
    assert alice == ALICE
    assert alice["model_cost"] == {"gpt-4o": 2.5}
    assert not manager.user_dict != {"alice": ALICE}  # noqa: SIM202 - the operator is what is tested
    assert not alice != ALICE  # noqa: SIM202


def test_it_differs_from_a_dictionary_of_another_content(manager, alice):
    assert manager.user_dict != {}
    assert {} != manager.user_dict  # noqa: SIM300
    assert alice != {**ALICE, "current_cost": 0}
    assert not manager.user_dict == {}  # noqa: SIM201
    assert not alice == {**ALICE, "current_cost": 0}  # noqa: SIM201
    assert manager.user_dict != None  # noqa: E711


def test_a_comparison_looks_at_what_is_stored_now(manager, other, alice):
    held = manager.user_dict
    other.charge("alice", "1")
    assert alice != ALICE
    assert held != {"alice": ALICE}


COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "method": lambda d: d.copy(),
    "pickle": lambda d: pickle.loads(pickle.dumps(d)),
    "or": lambda d: d | {},
    "ror": lambda d: {} | d,
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES.keys())
def test_a_copy_is_plain_and_its_edits_change_nothing(manager, alice, make):
    copied = make(manager.user_dict)
    assert copied == {"alice": ALICE}
    assert type(copied) is type(copied["alice"]) is type(copied["alice"]["model_cost"]) is dict
    copied["alice"]["model_cost"]["gpt-4o"] = 0
    copied["alice"]["current_cost"] = 0
    copied["bob"] = {"total_budget": 1}
    assert manager.user_dict == {"alice": ALICE}


@pytest.mark.parametrize("make", [dict, lambda d: {**d}], ids=["dict", "unpacked"])
def test_a_shallow_copy_holds_the_live_records(manager, alice, make):
    copied = make(manager.user_dict)
    assert type(copied) is dict
    del copied["alice"]
    assert manager.user_dict == {"alice": ALICE}
    make(manager.user_dict)["alice"]["total_budget"] = 20
    assert manager.get_total_budget("alice") == 20


def test_a_copy_of_a_record_is_plain(alice):
    for copied in (copy.deepcopy(alice), copy.copy(alice), {**alice}, dict(alice)):
        assert type(copied) is dict
        assert copied == ALICE


def test_it_reads_as_a_dictionary_does(manager):
    for user in ("alice", "bob", "carol"):
        manager.create_budget(10, user)
    users = manager.user_dict
    assert len(users) == 3
    assert "alice" in users
    assert "nobody" not in users
    assert list(users) == list(users.keys()) == [user for user, _ in users.items()] == ["alice", "bob", "carol"]
    assert list(reversed(users)) == ["carol", "bob", "alice"]
    assert list(users.values()) == [{"total_budget": 10}] * 3
    assert users.get("alice") == {"total_budget": 10}
    assert users.get("nobody") is None
    assert users.get("nobody", 7) == 7
    assert repr(users["alice"]) == "{'total_budget': 10.0}"


def test_an_unknown_user_is_a_key_error(manager):
    for change in (lambda d: d["nobody"], lambda d: d.pop("nobody"), lambda d: d.__delitem__("nobody")):
        with pytest.raises(KeyError):
            change(manager.user_dict)


def test_keys_may_be_what_users_may_be(manager):
    key = uuid.UUID(int=7)
    manager.user_dict[1234] = {"total_budget": 10}
    manager.user_dict[key] = {"total_budget": 20}
    assert 1234 in manager.user_dict
    assert manager.user_dict.get(key) == manager.user_dict[str(key)] == {"total_budget": 20}
    manager.user_dict.update({1234: {"total_budget": 30}})
    assert list(manager.user_dict) == [str(key), "1234"] or list(manager.user_dict) == ["1234", str(key)]
    del manager.user_dict[1234]
    assert manager.get_users() == [str(key)]


def test_what_names_no_user_is_in_no_dictionary(manager):
    assert None not in manager.user_dict
    assert ("alice",) not in manager.user_dict
    with pytest.raises(TypeError):
        [] in manager.user_dict  # noqa: B015


def test_it_stays_the_same_object(manager, alice):
    assert manager.user_dict is manager.user_dict
    assert manager.user_dict["alice"] is alice
    assert isinstance(manager.user_dict, dict)
    assert isinstance(alice, dict)


# Writing a record


def test_total_budget_is_written(manager, alice):
    alice["total_budget"] = 20
    assert manager.get_total_budget("alice") == 20
    assert manager.get_current_cost("alice") == 2.5


def test_a_duration_is_written_in_days_or_by_name(manager, alice):
    for written, days, stored in ((7, 7, "weekly"), (30, 30, "30d"), ("monthly", 28, "monthly"), ("36h", 1.5, "36h")):
        alice["duration"] = written
        assert alice["duration"] == days
        assert manager.budget("alice").limit.duration == stored


def test_a_changed_duration_carries_the_spend(alice):
    alice["duration"] = 7
    assert alice["current_cost"] == 2.5
    assert alice["model_cost"] == {"gpt-4o": 2.5}


def test_without_its_duration_a_budget_never_resets(manager, alice):
    alice["duration"] = 7
    del alice["duration"]
    assert "duration" not in alice
    assert manager.budget("alice").limit.duration is None


def test_a_cost_that_is_written_is_recorded_as_an_adjustment(manager, alice):
    alice["current_cost"] = 4.0
    alice["current_cost"] -= 1.25
    assert manager.get_current_cost("alice") == 2.75
    assert adjustments(manager) == [("1.5", None), ("-1.25", None)]


def test_a_cost_of_zero_is_recorded_as_an_adjustment(manager, alice):
    alice["current_cost"] = 0
    assert alice["current_cost"] == 0
    assert adjustments(manager) == [("-2.5", None)]


def test_a_models_cost_that_is_written_is_recorded_as_an_adjustment(manager, alice):
    alice["model_cost"]["gpt-4o"] = 2
    alice["model_cost"]["claude-sonnet-4-5"] = 0.25
    assert manager.get_model_cost("alice") == {"gpt-4o": 2, "claude-sonnet-4-5": 0.25}
    assert [posting for posting in adjustments(manager) if posting[1]] == [
        ("-0.5", "gpt-4o"),
        ("0.25", "claude-sonnet-4-5"),
    ]


def test_a_models_cost_leaves_the_current_cost_alone(manager, alice):
    alice["model_cost"]["gpt-4o"] = 1
    assert alice["current_cost"] == 2.5


def test_a_model_is_removed(manager, alice):
    manager.charge("alice", "1", model="gpt-4o-mini")
    del alice["model_cost"]["gpt-4o"]
    assert manager.get_model_cost("alice") == {"gpt-4o-mini": 1}


def test_costs_are_written_as_litellms_update_cost_does(manager):
    manager.create_budget(10, "alice")
    record = manager.user_dict["alice"]
    record["current_cost"] = 0.5 + record.get("current_cost", 0)
    if "model_cost" in record:
        record["model_cost"]["gpt-4o"] = 0.5 + record["model_cost"].get("gpt-4o", 0)
    else:
        record["model_cost"] = {"gpt-4o": 0.5}
    assert manager.user_dict["alice"] == {"total_budget": 10, "current_cost": 0.5, "model_cost": {"gpt-4o": 0.5}}


def test_several_keys_are_written_at_once(manager, alice):
    alice.update({"current_cost": 3, "model_cost": {"gpt-4o": 3}}, total_budget=20)
    assert alice == {"total_budget": 20, "current_cost": 3, "model_cost": {"gpt-4o": 3}}
    assert adjustments(manager) == [("0.5", "gpt-4o")]


def test_created_at_is_written(manager):
    manager.create_budget(10, "alice", "daily")
    manager.user_dict["alice"]["created_at"] = 1_700_000_000.25
    assert manager.user_dict["alice"]["created_at"] == 1_700_000_000.25
    assert manager.budget("alice").created_us == 1_700_000_000_250_000


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("team", "sales"),
        ("tags", ["a", "b"]),
        ("nested", {"a": {"b": None}}),
        ("current_cost", 0),
        ("model_cost", {}),
        ("duration", None),
        ("created_at", 1_700_000_000),
        ("last_updated_at", 1_700_000_000),
    ],
)
def test_what_is_written_to_a_fresh_record_is_there_when_it_is_read(manager, other, key, value):
    manager.create_budget(10, "alice")
    manager.user_dict["alice"][key] = value
    assert manager.user_dict == {"alice": {"total_budget": 10, key: value}}
    assert other.user_dict == manager.user_dict
    assert list(manager.history("alice")) == []


def test_a_default_of_a_record_is_set(manager):
    manager.create_budget(10, "alice")
    record = manager.user_dict["alice"]
    assert record.setdefault("total_budget", 99) == 10
    assert record.setdefault("current_cost", 0) == 0
    record.setdefault("model_cost", {})["gpt-4o"] = 0.5
    assert manager.get_model_cost("alice") == {"gpt-4o": 0.5}


def test_keys_of_the_callers_own_survive_what_budgetctl_writes(manager, alice):
    alice["team"] = "sales"
    manager.charge("alice", "1")
    manager.create_budget(20, "alice", "daily")
    manager.reset_cost("alice")
    assert alice["team"] == "sales"
    assert manager.budget("alice").extra["team"] == "sales"


def test_keys_of_the_callers_own_are_removed(alice):
    alice["team"] = "sales"
    assert alice.pop("team") == "sales"
    assert alice.pop("team", None) is None
    assert alice == ALICE


def test_nested_keys_of_the_callers_own_are_written(manager, other, alice):
    alice["limits"] = {"gpt-4o": {"daily": 1}}
    alice["limits"]["gpt-4o"]["daily"] = 2
    alice["limits"]["gpt-4o"] |= {"hourly": 1}
    assert other.user_dict["alice"]["limits"] == {"gpt-4o": {"daily": 2, "hourly": 1}}


def test_a_key_of_the_callers_own_cannot_hide_what_is_spent(manager, alice):
    manager.create_budget(10, "bob")
    manager.user_dict["bob"]["current_cost"] = 0
    manager.charge("bob", "1")
    assert manager.user_dict["bob"]["current_cost"] == 1


# Writing users


def test_a_new_record_creates_the_user(manager):
    manager.user_dict["alice"] = {"total_budget": 10, "duration": 7, "team": "sales"}
    budget = manager.budget("alice")
    assert (str(budget.limit.amount), budget.limit.duration, budget.extra) == ("10", "weekly", {"team": "sales"})


def test_a_new_record_brings_its_costs(manager):
    manager.user_dict["alice"] = ALICE
    assert manager.user_dict["alice"] == ALICE
    assert adjustments(manager) == [("2.5", "gpt-4o")]


def test_a_record_that_is_replaced_keeps_only_what_the_new_one_says(manager, alice):
    alice["team"] = "sales"
    manager.user_dict["alice"] = {"total_budget": 20}
    assert manager.get_total_budget("alice") == 20
    assert manager.get_current_cost("alice") == 0
    assert "team" not in alice


def test_a_record_may_be_given_to_another_user(manager, alice):
    manager.user_dict["bob"] = manager.user_dict["alice"]
    alice["total_budget"] = 99
    assert manager.user_dict["bob"] == ALICE


def test_deleting_a_user_deletes_the_budget(manager, alice):
    del manager.user_dict["alice"]
    assert not manager.is_valid_user("alice")
    assert len(list(manager.history("alice"))) == 1


def test_popping_a_user_returns_the_plain_record(manager, alice):
    record = manager.user_dict.pop("alice")
    assert type(record) is dict
    assert record == ALICE
    assert manager.get_users() == []
    assert manager.user_dict.pop("alice", None) is None


def test_popitem_removes_one_user(manager, alice):
    assert manager.user_dict.popitem() == ("alice", ALICE)
    with pytest.raises(KeyError):
        manager.user_dict.popitem()


def test_a_missing_user_is_set_by_default(manager, alice):
    assert manager.user_dict.setdefault("alice", {"total_budget": 1}) == ALICE
    manager.user_dict.setdefault("bob", {"total_budget": 1})["total_budget"] = 2
    assert manager.get_total_budget("bob") == 2


@pytest.mark.parametrize(
    "write",
    [
        lambda d, new: d.update(new),
        lambda d, new: d.update(new.items()),
        lambda d, new: d.update(**new),
        lambda d, new: d.__ior__(new),
    ],
    ids=["mapping", "pairs", "keywords", "or"],
)
def test_users_are_updated_and_added(manager, alice, write):
    write(manager.user_dict, {"alice": {**ALICE, "total_budget": 20}, "bob": {"total_budget": 1}})
    assert manager.user_dict == {"alice": {**ALICE, "total_budget": 20}, "bob": {"total_budget": 1}}


def test_users_are_added_in_place(manager, alice):
    manager.user_dict |= {"bob": {"total_budget": 1}}
    assert manager.user_dict == {"alice": ALICE, "bob": {"total_budget": 1}}


def test_clear_deletes_everybody(manager, alice):
    manager.user_dict.clear()
    assert manager.get_users() == []


def test_assigning_a_dictionary_replaces_everybody(manager, other, alice):
    manager.create_budget(5, "bob")
    held = manager.user_dict
    manager.user_dict = {"alice": {**ALICE, "total_budget": 20}, "carol": {"total_budget": 1}}
    assert held == {"alice": {**ALICE, "total_budget": 20}, "carol": {"total_budget": 1}}
    assert other.user_dict == held
    assert manager.user_dict is held


def test_assigning_what_was_loaded_changes_nothing(manager, alice):
    manager.create_budget(5, "bob", "quarterly")
    alice["team"] = "sales"
    entries = list(manager.history("alice"))
    manager.user_dict = json.loads(json.dumps(manager.user_dict))
    assert manager.budget("bob").limit.duration == "quarterly"
    assert list(manager.history("alice")) == entries


def test_assigning_it_to_itself_changes_nothing(manager, alice):
    manager.user_dict = manager.user_dict
    assert manager.user_dict == {"alice": ALICE}


def test_assigning_the_users_of_another_project_copies_them(manager, alice):
    with closing(BudgetManager("another")) as another:
        another.user_dict = manager.user_dict
        assert another.user_dict == {"alice": ALICE}


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


# What others write meanwhile


def test_held_references_show_what_another_manager_writes(manager, other, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    other.charge("alice", "1", model="gpt-4o")
    other.create_budget(5, "bob")
    assert users["bob"] == {"total_budget": 5}
    assert alice["current_cost"] == 3.5
    assert costs["gpt-4o"] == 3.5


def test_held_references_show_what_another_process_writes(manager, alice, run):
    users, costs = manager.user_dict, alice["model_cost"]
    assert run("update-cost", "alice", "--cost", "1", "--model", "gpt-4o", "--project", "shop").returncode == 0
    assert costs == {"gpt-4o": 3.5}
    assert users == {"alice": {**ALICE, "current_cost": 3.5, "model_cost": {"gpt-4o": 3.5}}}


def test_held_references_show_what_the_manager_itself_writes(manager, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    manager.charge("alice", "1", model="gpt-4o")
    assert (alice["current_cost"], costs["gpt-4o"]) == (3.5, 3.5)
    manager.set("alice", amount="20")
    assert alice["total_budget"] == 20
    manager.reset("alice")
    assert (alice["current_cost"], costs) == (0, {})
    manager.migrate({"bob": {"total_budget": 5}})
    assert users["bob"] == {"total_budget": 5}
    manager.delete_budget("bob")
    assert "bob" not in users


def test_held_references_stay_live_after_an_assignment(manager, alice):
    users, costs = manager.user_dict, alice["model_cost"]
    manager.user_dict = {"alice": {"total_budget": 1, "current_cost": 0.5, "model_cost": {"gpt-4o": 0.5}}}
    assert users["alice"] is alice
    assert alice["total_budget"] == 1
    assert costs == {"gpt-4o": 0.5}


def test_a_write_to_one_key_leaves_what_others_wrote_to_another(manager, other, alice):
    other.charge("alice", "1", model="gpt-4o-mini")
    alice["total_budget"] = 20
    alice["model_cost"]["gpt-4o"] = 2
    assert manager.get_current_cost("alice") == 3.5
    assert manager.get_model_cost("alice") == {"gpt-4o": 2, "gpt-4o-mini": 1}


def test_a_write_to_one_user_leaves_those_whom_others_create_and_delete(manager, other, alice):
    manager.create_budget(1, "bob")
    users = manager.user_dict
    assert len(users) == 2
    other.delete_budget("bob")
    other.create_budget(2, "carol")
    users["dave"] = {"total_budget": 3}
    users.update(erin={"total_budget": 4})
    users |= {"frank": {"total_budget": 5}}
    assert manager.get_users() == ["alice", "carol", "dave", "erin", "frank"]


class InterruptedStore(SqliteStore):
    """A store where somebody else gets in before each change."""

    def interrupt(self):
        pass

    def change_budget(self, user, change):
        self.interrupt()
        return super().change_budget(user, change)

    def create_budgets(self, changes):
        self.interrupt()
        return super().create_budgets(changes)


@pytest.fixture
def interrupted(home, other):
    store = InterruptedStore(home / "data" / "budgetctl" / "shop.db", "shop")
    other.create_budget(10, "alice")
    with closing(BudgetManager("shop", store=store)) as manager:
        yield manager, store


@pytest.mark.parametrize(("key", "value"), [("total_budget", 20), ("duration", 7), ("team", "sales")])
def test_a_charge_in_the_midst_of_a_write_is_kept(interrupted, other, key, value):
    manager, store = interrupted
    store.interrupt = lambda: other.charge("alice", "1", model="gpt-4o")
    manager.user_dict["alice"][key] = value
    assert other.user_dict["alice"][key] == value
    assert other.get_model_cost("alice") == {"gpt-4o": 1}


def test_a_user_who_is_created_in_the_midst_of_a_write_is_changed(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.is_valid_user("bob") or (other.create_budget(5, "bob"), other.charge("bob", "1"))
    manager.user_dict["bob"] = {"total_budget": 20, "team": "sales"}
    assert other.user_dict["bob"] == {"total_budget": 20, "team": "sales", "current_cost": 1, "model_cost": {}}


def test_a_user_who_is_created_in_the_midst_of_an_assignment_stays(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.create_budget(5, "carol")
    manager.user_dict = {"bob": {"total_budget": 20}}
    assert other.get_users() == ["bob", "carol"]


def test_a_user_who_is_deleted_in_the_midst_of_an_assignment_is_gone(interrupted, other):
    manager, store = interrupted
    store.interrupt = lambda: other.is_valid_user("alice") and other.delete_budget("alice")
    manager.user_dict = {"bob": {"total_budget": 20}}
    assert other.get_users() == ["bob"]


def test_the_record_of_a_deleted_user_keeps_what_it_said(manager, other, alice):
    other.delete_budget("alice")
    assert "alice" not in manager.user_dict
    assert alice == ALICE


def test_the_record_of_a_deleted_user_cannot_be_written(manager, other, alice):
    other.delete_budget("alice")
    with pytest.raises(UnknownUserError):
        alice["total_budget"] = 20
    assert manager.get_users() == []


def test_the_record_of_a_deleted_user_lives_again_with_him(manager, other, alice):
    del manager.user_dict["alice"]
    assert "alice" not in manager.user_dict
    other.create_budget(30, "alice")
    assert alice == {"total_budget": 30}
    assert manager.user_dict["alice"] is alice


def test_a_loop_is_not_disturbed_by_what_it_or_others_change(manager, other):
    manager.user_dict = {f"user-{number}": {"total_budget": 1} for number in range(10)}
    seen = []
    for user, record in manager.user_dict.items():
        other.create_budget(2, f"{user}-of-another")
        if record["total_budget"] == 1:
            del manager.user_dict[user]
        seen.append(user)
    assert seen == [f"user-{number}" for number in range(10)]
    assert len(manager.user_dict) == 10


def test_threads_read_and_write_it_at_once(manager):
    manager.user_dict = {f"user-{number}": {"total_budget": 1} for number in range(8)}
    problems = []

    def work(number):
        try:
            record = manager.user_dict[f"user-{number}"]
            for total in range(2, 12):
                record["total_budget"] = total
                manager.charge(f"user-{number}", "0.1")
                assert [each["total_budget"] for each in manager.user_dict.values()][number] == total
                assert len(json.loads(json.dumps(manager.user_dict))) == 8
        except BaseException as problem:  # noqa: BLE001 - a thread's failure would go unseen
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert list(manager.user_dict.values()) == [{"total_budget": 11, "current_cost": 1, "model_cost": {}}] * 8


# How much work it is


class CountingStore(SqliteStore):
    """A store that counts what is read of it."""

    single = everybody = 0

    def budget(self, user):
        self.single += 1
        return super().budget(user)

    def budgets(self, **options):
        self.everybody += 1
        return super().budgets(**options)


LOOPS = {
    "replace": lambda users, user: users.__setitem__(user, {"total_budget": 2}),
    "write": lambda users, user: users[user].__setitem__("total_budget", 2),
    "write a model's cost": lambda users, user: users[user]["model_cost"].__setitem__("gpt-4o", 2),
    "delete": lambda users, user: users.__delitem__(user),
}


@pytest.mark.parametrize("write", LOOPS.values(), ids=LOOPS.keys())
def test_a_loop_over_users_reads_each_record_a_few_times(home, write):
    store = CountingStore(home / "shop.db", "shop")
    with closing(BudgetManager("shop", store=store)) as manager:
        record = {"total_budget": 1, "current_cost": 1, "model_cost": {"gpt-4o": 1}}
        manager.user_dict = {f"user-{number}": record for number in range(2_000)}
        users = list(manager.user_dict)[:200]
        store.single = store.everybody = 0
        for user in users:
            write(manager.user_dict, user)
        assert len(manager.user_dict) in (1_800, 2_000)
        assert store.everybody == 0
        assert store.single <= 2 * len(users)


def test_many_new_users_are_one_transaction(home):
    store = CountingStore(home / "shop.db", "shop")
    with closing(BudgetManager("shop", store=store)) as manager:
        manager.user_dict = {f"user-{number}": {"total_budget": number} for number in range(2_000)}
        assert len(manager.user_dict) == 2_000
        assert (store.single, store.everybody) == (0, 2)


# Returned records


@pytest.mark.parametrize(
    "answer",
    [
        lambda m: m.create_budget(10, "alice"),
        lambda m: m.reset_cost("alice")["user"],
        lambda m: m.update_cost("alice", RESPONSE)["user"],
    ],
    ids=["create_budget", "reset_cost", "update_cost"],
)
def test_returned_records_are_plain_and_their_edits_change_nothing(manager, alice, answer):
    returned = answer(manager)
    before = manager.user_dict.copy()
    assert type(returned) is dict
    assert type(returned["model_cost"]) is dict
    returned["model_cost"]["gpt-4o"] = 77
    returned["current_cost"] = returned["total_budget"] = 77
    assert manager.user_dict == before


RESPONSE = {"model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 20}}
