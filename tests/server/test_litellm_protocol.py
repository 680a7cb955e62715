"""What a save of litellm's hosted client means, record by record."""

from __future__ import annotations

import copy
import json
import time

import pytest

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest
from budgetctl.money import from_number, parse_amount
from budgetctl.server.hosted.rules import get_budget, set_budget

CENT = 10**10
CREATED = {"total_budget": 10, "duration": 28, "created_at": 1_795_348_000.5, "last_updated_at": 1_795_348_000.5}


@pytest.fixture
def alice(store):
    """A budget of $10 a month, of which $0.05 is spent."""
    store.create_budget("alice", BudgetChange(parse_amount("10"), "monthly"), if_exists="error")
    store.charge(ChargeRequest("alice", parse_amount("0.05"), model="m"))


def load(store):
    return json.loads(json.dumps(get_budget(store)["data"]))


def save(store, records, token="t"):
    assert set_budget(store, token, {"user_dict": json.loads(json.dumps(records))}) == {"status": "success"}


def spend(record, cost, model="m"):
    record["current_cost"] = record.get("current_cost", 0) + cost
    costs = record.setdefault("model_cost", {})
    costs[model] = costs.get(model, 0) + cost


def reset(record):
    record |= {"current_cost": 0, "model_cost": {}}


def spent(store, user="alice"):
    return store.budget(user).limit.spent


def kinds(store):
    return [entry.kind for entry in store.history("alice")]


# What a client loads


def test_an_unknown_project_is_answered_by_an_error(store):
    assert get_budget(store) == {"status": "error"}


def test_a_window_is_served_with_the_days_that_it_has(store, alice, clock):
    assert load(store)["alice"]["duration"] == 30
    clock.advance(days=31)
    record = load(store)["alice"]
    assert (record["duration"], record["last_updated_at"]) == (31, clock.now_us / 10**6 - 86_400)


# Spending


def test_only_what_is_new_in_a_record_is_charged(store, alice):
    mine, yours = load(store), load(store)
    spend(mine["alice"], 0.01)
    spend(yours["alice"], 0.02, "n")
    save(store, mine)
    save(store, yours)
    save(store, mine)
    assert (spent(store), store.budget("alice").models) == (8 * CENT, {"m": 6 * CENT, "n": 2 * CENT})


def test_what_the_sums_of_floats_differ_by_is_no_entry(store, alice):
    records = load(store)
    for _ in range(300):
        spend(records["alice"], 0.1, "m")
        spend(records["alice"], 0.2, "n")
        save(store, records)
    assert spent(store) == 9005 * CENT
    assert {entry.model for entry in store.history("alice")} == {"m", "n"}


def test_what_was_counted_in_all_but_not_yet_by_model_is_made_up_for(store, alice):
    records = load(store)
    records["alice"]["current_cost"] += 0.01
    save(store, records)
    assert spent(store) == 6 * CENT
    records["alice"]["model_cost"]["m"] += 0.01
    save(store, records)
    assert (spent(store), store.budget("alice").models) == (6 * CENT, {"m": 6 * CENT})


def test_absence_deletes_nothing(store, alice):
    save(store, {})
    assert spent(store) == 5 * CENT


# Late saves and resets


@pytest.fixture
def records(store, alice):
    """What a client has that has just spent $0.02."""
    records = load(store)
    spend(records["alice"], 0.02)
    save(store, records)
    return records


def test_less_spent_soon_after_more_is_late(store, records, clock):
    late = load(store)
    late["alice"] = copy.deepcopy(records["alice"])
    spend(late["alice"], -0.01)
    save(store, late)
    clock.advance(seconds=3)
    store.conclude_saves()
    save(store, records)
    assert (spent(store), kinds(store)) == (7 * CENT, ["spend", "spend"])


def test_less_spent_later_is_a_reset(store, records, clock):
    clock.advance(seconds=3)
    reset(records["alice"])
    spend(records["alice"], 0.01)
    save(store, records)
    assert (spent(store), kinds(store)) == (CENT, ["spend", "reset", "spend", "spend"])


def test_a_reset_that_may_be_late_counts_once_nothing_has_followed_also_after_a_restart(store, records, clock):
    reset(records["alice"])
    save(store, records)
    assert spent(store) == 7 * CENT
    store.close()
    clock.advance(seconds=2)
    assert (store.conclude_saves(), store.conclude_saves()) == (1, 0)
    assert (spent(store), kinds(store)[0]) == (0, "reset")


def test_what_may_have_been_a_reset_was_late_when_more_follows(store, records, clock):
    late = copy.deepcopy(records)
    reset(late["alice"])
    save(store, late)
    save(store, records)
    clock.advance(seconds=3)
    assert (store.conclude_saves(), spent(store)) == (0, 7 * CENT)


def test_a_window_that_passes_for_each_of_two_clients_is_reset_once(store, alice, clock):
    clients = [load(store), load(store)]
    clock.advance(days=31)
    for records in clients:
        reset(records["alice"])
        records["alice"]["last_updated_at"] = clock.now_us / 10**6
        spend(records["alice"], 0.01)
        save(store, records)
    assert (spent(store), kinds(store)) == (2 * CENT, ["spend", "spend", "reset", "spend"])


def test_a_late_save_from_before_a_client_s_window_passed_is_charged_for_what_it_adds(store, records, clock):
    late = copy.deepcopy(records)
    spend(late["alice"], 0.01)
    reset(records["alice"])
    records["alice"]["last_updated_at"] += 86_400
    save(store, records)
    save(store, late)
    save(store, late)
    assert spent(store) == 8 * CENT


def test_what_is_spent_after_a_reset_counts_also_when_the_window_that_passes_next_overtakes_it(store, records, clock):
    clock.advance(seconds=3)
    late = copy.deepcopy(records)
    reset(late["alice"])
    spend(late["alice"], 0.01)
    reset(records["alice"])
    records["alice"]["last_updated_at"] += 86_400
    save(store, records)
    save(store, late)
    save(store, late)
    assert spent(store) == 8 * CENT


def test_what_is_late_from_a_window_that_ended_soon_after_its_last_spend_is_no_reset_in_it(store, records, clock):
    late = copy.deepcopy(records)
    spend(late["alice"], -0.01)
    clock.advance(seconds=1)
    reset(records["alice"])
    records["alice"]["last_updated_at"] += 86_400
    save(store, records)
    save(store, late)
    assert spent(store) == 7 * CENT


def test_a_late_record_that_was_never_charged_says_nothing_of_the_window_after_it(store, clock):
    store.create_budget("alice", BudgetChange(parse_amount("10"), "monthly"), if_exists="error")
    records = load(store)
    late = copy.deepcopy(records)
    clock.advance(days=31)
    reset(records["alice"])
    records["alice"]["last_updated_at"] = clock.now_us / 10**6
    save(store, records)
    spend(records["alice"], 0.01)
    save(store, records)
    save(store, late)
    assert spent(store) == CENT


def test_resets_of_more_users_than_a_page_count_before_what_follows_them(store, clock):
    users = [f"user-{number}" for number in range(1_001)]
    records = {user: dict(CREATED) for user in users}
    for change in (lambda record: spend(record, 0.01), reset):
        for record in records.values():
            change(record)
        save(store, records)
    clock.advance(seconds=3)
    for record in records.values():
        spend(record, 0.01)
    save(store, records)
    assert {sum(entry.amount for entry in store.history(user)) for user in users} == {2 * CENT}


# Resets of which nobody can know


@pytest.fixture
def renewed(store, records, clock):
    """What a client has whose window has passed, and that has spent $0.02 at once in the next one."""
    clock.advance(days=31)
    reset(records["alice"])
    records["alice"]["last_updated_at"] = clock.now_us / 10**6
    save(store, records)
    spend(records["alice"], 0.02)
    save(store, records)
    return records


def save_reset(store, records):
    """Save what may be a reset, or a save from before the spend that it lacks."""
    zero = copy.deepcopy(records)
    reset(zero["alice"])
    save(store, zero)
    return zero


def test_nothing_spent_in_a_window_that_has_just_begun_is_late(store, renewed, clock):
    save_reset(store, renewed)
    clock.advance(seconds=3)
    assert (store.conclude_saves(), spent(store)) == (0, 2 * CENT)
    spend(renewed["alice"], 0.01)
    save(store, renewed)
    assert spent(store) == 3 * CENT


@pytest.mark.parametrize("cost", [0, 0.01])
def test_it_was_a_reset_when_the_next_save_shows_less_than_before(store, renewed, clock, cost):
    after = save_reset(store, renewed)
    clock.advance(seconds=3)
    if cost:
        spend(after["alice"], cost)
    save(store, after)
    assert (spent(store), kinds(store).count("reset")) == (from_number(cost), 2)


def test_what_is_spent_after_a_save_that_shows_such_a_reset_counts_whole(store, renewed, clock):
    after = save_reset(store, renewed)
    clock.advance(seconds=3)
    save(store, after)
    clock.advance(days=1)
    spend(after["alice"], 0.02)
    save(store, after)
    assert spent(store) == 2 * CENT
    assert sum(entry.amount for entry in store.history("alice")) == 11 * CENT


@pytest.mark.parametrize("cost", [0.02, 0.03])
def test_after_a_reset_that_looks_late_as_much_as_before_counts_once_and_the_budget_has_what_the_client_says(
    store, renewed, clock, cost
):
    after = save_reset(store, renewed)
    clock.advance(days=1)
    spend(after["alice"], cost)
    save(store, after)
    assert spent(store) == from_number(cost)


# Terms


def test_a_change_of_the_budget_is_taken_over_and_one_by_others_left_alone(store, alice):
    mine, yours = load(store), load(store)
    mine["alice"]["total_budget"] = 20
    save(store, mine)
    spend(yours["alice"], 0.01)
    save(store, yours)
    limit = store.budget("alice").limit
    assert (limit.amount, limit.duration) == (parse_amount("20"), "monthly")


def test_creating_a_budget_that_exists_changes_it_and_keeps_the_spend(store, alice):
    record = {"total_budget": 20}
    save(store, {"alice": record})
    spend(record, 0.01)
    save(store, {"alice": record})
    limit = store.budget("alice").limit
    assert (limit.amount, limit.duration, limit.spent) == (parse_amount("20"), None, 6 * CENT)


def test_what_a_caller_keeps_in_a_record_is_there_for_others(store):
    save(store, {"alice": CREATED | {"team": "red"}})
    records = load(store)
    assert records["alice"]["team"] == "red"
    records["alice"]["team"] = "blue"
    save(store, records)
    assert load(store)["alice"]["team"] == "blue"


# Deleted budgets


def test_what_is_spent_on_a_record_whose_budget_is_gone_counts_there_and_above(store, records, clock):
    save(store, records | {"bob": CREATED})
    store.create_budget(PROJECT, BudgetChange(parse_amount("100")), if_exists="error")
    store.delete_budget("alice")
    store.delete_budget("bob")
    store.create_budget("alice", BudgetChange(parse_amount("1")), if_exists="error")
    clock.advance(seconds=3)
    spend(records["alice"], 0.01)
    created = copy.deepcopy(CREATED)
    spend(created, 0.01)
    save(store, records | {"bob": created})
    save(store, records | {"bob": created})
    assert (spent(store), [budget.user for budget in store.budgets()]) == (0, ["alice"])
    assert [entry.amount for entry in store.history("bob")] == [CENT]
    assert spent(store, PROJECT) == 2 * CENT
    assert list(store.verify()) == []


def test_new_terms_on_a_record_whose_budget_is_gone_change_nothing(store, records, clock):
    store.delete_budget("alice")
    clock.advance(seconds=3)
    records["alice"] |= {"total_budget": 99, "team": "red"}
    reset(records["alice"])
    save(store, records)
    assert list(store.budgets()) == []
    assert [entry.kind for entry in store.history("alice")] == ["spend", "spend"]


def test_a_budget_that_was_deleted_can_be_created_again(store, clock):
    save(store, {"alice": CREATED})
    store.delete_budget("alice")
    clock.advance(seconds=3)
    save(store, {"alice": CREATED | {"total_budget": 5}})
    assert store.budget("alice").limit.amount == parse_amount("5")


# Hostile saves


@pytest.mark.parametrize(
    "change",
    [
        {"current_cost": float("nan")},
        {"current_cost": float("inf")},
        {"current_cost": -1},
        {"current_cost": True},
        {"current_cost": "1"},
        {"current_cost": 10**400},
        {"current_cost": 10**8},
        {"model_cost": [1]},
        {"model_cost": {"": 1}},
        {"model_cost": {"m": None}},
        {"total_budget": "10"},
        {"total_budget": -1},
        {"duration": 0},
        {"duration": "daily"},
        {"duration": 1.5},
        {"duration": True},
        {"last_updated_at": 10**20},
        {"created_at": "now", "budgetctl": None},
        {"budgetctl": {"session": "x", "incarnation": 1, "baseline": {}}},
        {"budgetctl": {"session": "0" * 32, "incarnation": 2**80, "baseline": {"total": 1}}},
        {"budgetctl": {"session": "0" * 32, "incarnation": 1, "baseline": {}}},
    ],
)
def test_a_save_with_a_record_that_none_can_be_changes_nothing(store, alice, change):
    records = load(store)
    records["bob"] = dict(CREATED)
    records["alice"] |= change
    with pytest.raises(InvalidValueError):
        set_budget(store, "t", {"user_dict": records})
    assert ([budget.user for budget in store.budgets()], spent(store)) == (["alice"], 5 * CENT)


@pytest.mark.parametrize(
    "document", [None, [], {}, {"user_dict": []}, {"user_dict": {"alice": 1}}, {"user_dict": {"": {}}}]
)
def test_a_save_that_is_none_is_refused(store, document):
    with pytest.raises(InvalidValueError):
        set_budget(store, "t", document)
    assert not store.exists()


def test_ten_thousand_users_in_a_save_take_seconds_at_most(store):
    records = {f"user-{number}": dict(CREATED) for number in range(10_000)}
    began = time.perf_counter()
    save(store, records)
    spend(records["user-7"], 0.01)
    save(store, records)
    assert spent(store, "user-7") == CENT
    assert time.perf_counter() - began < 30
