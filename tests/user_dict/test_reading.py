"""Reading `user_dict`: it is a dictionary like any other, and its copies are plain."""

import copy
import json
import pickle
import uuid

import pytest

from support.records import ALICE

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
