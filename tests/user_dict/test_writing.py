"""Writing to `user_dict`: a record's keys, and whole users."""

import json
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from support.records import ALICE


def adjustments(manager, user="alice"):
    """What was adjusted, oldest first: the amounts with their models."""
    entries = [entry for entry in manager.history(user) if entry.kind == "adjustment"]
    return [(str(entry.amount), entry.model) for entry in reversed(entries)]


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
