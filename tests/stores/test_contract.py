"""What every store does with budgets, charges and lists, whatever it is built on.

A new store is added to the `make_store` fixture.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from budgetctl.errors import (
    AlreadyExistsError,
    InvalidValueError,
    KeyConflictError,
    UnknownUserError,
)
from budgetctl.ledger.store import BudgetChange
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import ZERO, Picodollars
from support.operations import charge, create, key, usd

# Budgets


def test_a_project_exists_from_its_first_budget_on(store):
    assert not store.exists()
    create(store)
    assert store.exists()


def test_a_new_budget_is_there_for_other_connections(store, make_store):
    created = create(store, duration="monthly")
    assert make_store().budget("alice") == created


def test_creating_a_budget_again_is_refused(store):
    create(store)
    with pytest.raises(AlreadyExistsError):
        create(store)


def test_an_existing_budget_can_be_kept(store):
    create(store)
    budget, is_new = store.create_budget("alice", BudgetChange(amount=usd("99")), if_exists="keep")
    assert (budget.limit.amount, is_new) == (usd("10"), False)


def test_an_existing_budget_can_be_changed_and_keeps_its_spend(store):
    create(store)
    charge(store, "1")
    budget, is_new = store.create_budget("alice", BudgetChange(amount=usd("99")), if_exists="change")
    assert (budget.limit.amount, budget.limit.spent, is_new) == (usd("99"), usd("1"), False)


def test_an_unknown_user_has_no_budget(store):
    with pytest.raises(UnknownUserError):
        store.budget("nobody")


def test_a_new_amount_closes_nothing_and_does_not_move_the_window(store, clock):
    before = create(store, duration="weekly").limit
    clock.advance(days=2)
    after = store.change_budget("alice", BudgetChange(amount=usd("20"))).limit
    assert after == before._replace(amount=usd("20"))
    assert [entry.kind for entry in store.history("alice")] == ["terms"]


def test_changed_terms_leave_an_entry_that_says_what_they_were(store):
    create(store, duration="weekly")
    change = BudgetChange(amount=usd("20"), duration="daily", parent="", by="ann")
    store.change_budget("alice", change)
    store.change_budget("alice", change)  # changes nothing
    (entry,) = [entry for entry in store.history("alice") if entry.kind == "terms"]
    assert entry.amount == 0
    assert entry.changed == {
        "amount": [usd("10"), usd("20")],
        "duration": ["weekly", "daily"],
        "by": "ann",
    }


def test_a_limit_that_comes_or_goes_leaves_an_entry(store):
    create(store)
    store.add_limit("alice", "few", BudgetChange(amount=usd("1"), by="ann"), "gpt-*")
    store.remove_limit("alice", "few", by="bob")
    gone, come = (entry.changed for entry in store.history("alice"))
    assert (come["limit"][0], come["limit"][1]["name"], come["limit"][1]["models"], come["by"]) == (
        None, "few", "gpt-*", "ann",
    )  # fmt: skip
    assert (gone["limit"], gone["by"]) == (come["limit"][::-1], "bob")


def test_all_users_entries_come_as_they_were_recorded(store):
    for user in ("alice", "bob"):
        create(store, user)
    for number in range(5):
        charge(store, f"{number}", ("alice", "bob")[number % 2])
    placed = list(store.entries())
    assert [(user, entry.amount) for _, user, entry in placed] == [
        (("alice", "bob")[number % 2], usd(f"{number}")) for number in (4, 3, 2, 1, 0)
    ]
    assert list(store.entries(before=placed[1][0])) == placed[2:]


@pytest.mark.parametrize("terms", [{"duration": "daily"}, {"align": "calendar"}, {"zone": "Asia/Kolkata"}])
def test_new_terms_close_a_generation_and_carry_the_spend_by_model(store, terms):
    create(store, duration="weekly")
    charge(store, "1", model="a")
    charge(store, "2", model="b")
    charge(store, "3")
    budget = store.change_budget("alice", BudgetChange(**terms))
    assert (budget.limit.generation, budget.limit.spent) == (2, usd("6"))
    assert budget.models == {"b": usd("2"), "a": usd("1")}
    kinds = [entry.kind for entry in store.history("alice")]
    assert sorted(kinds[:5]) == ["carry", "carry", "carry", "reset", "terms"]


def test_terms_that_fit_no_calendar_change_nothing(store):
    before = create(store, duration="2w")
    with pytest.raises(InvalidValueError):
        store.change_budget("alice", BudgetChange(align="calendar", amount=usd("1")))
    assert store.budget("alice") == before


def test_what_was_spent_can_be_set_by_adjustments(store):
    create(store)
    charge(store, "1", model="a")
    budget = store.change_budget("alice", BudgetChange(spent=usd("5"), models={"b": usd("2")}))
    assert (budget.limit.spent, budget.models) == (usd("5"), {"b": usd("2")})
    assert {entry.kind for entry in store.history("alice")} == {"spend", "adjustment"}


def test_a_deleted_budget_is_gone_but_its_history_stays(store):
    create(store)
    charge(store, "1")
    store.delete_budget("alice")
    with pytest.raises(UnknownUserError):
        store.budget("alice")
    assert [entry.amount for entry in store.history("alice")] == [usd("1")]


def test_a_name_that_was_deleted_starts_anew_with_keys_of_its_own(store):
    create(store)
    charge(store, "1", key=key("k"))
    store.delete_budget("alice")
    create(store)
    again = charge(store, "1", key=key("k"))
    assert (again.replayed, again.entry.number, again.budget.limit.spent) == (False, 1, usd("1"))


def test_deleting_and_creating_at_one_instant_works(store):
    for _ in range(3):
        create(store)
        store.delete_budget("alice")
    create(store)


def test_many_budgets_are_created_at_once_and_existing_ones_left_alone(store):
    create(store)
    change = BudgetChange(amount=usd("5"), spent=usd("1"), models={"m": usd("1")})
    assert store.create_budgets([("alice", change), ("bob", change)]) == [False, True]
    assert (store.budget("alice").limit.amount, store.budget("bob").limit.spent) == (usd("10"), usd("1"))


# Charges


def test_entries_are_numbered_per_user_without_gaps(store):
    create(store)
    create(store, "bob")
    numbers = [charge(store, "0.1", user).entry.number for user in ("alice", "bob", "alice", "alice")]
    assert numbers == [1, 1, 2, 3]


def test_a_charge_counts_in_all_and_by_model(store):
    create(store)
    charge(store, "0.000000000001", model="a")
    charge(store, "2", model="b")
    budget = charge(store, "1").budget
    assert budget.limit.spent == usd("3.000000000001")
    assert budget.models == {"b": usd("2"), "a": Picodollars(1)}


def test_a_charge_is_never_refused_because_the_budget_is_exceeded(store):
    create(store)
    assert charge(store, "11").budget.remaining == -usd("1")


def test_an_entry_keeps_usage_price_and_note(store):
    create(store)
    charge(store, "1", model="m", usage={"text_output": 3}, pricing={"source": "stated"}, note="why")
    (entry,) = store.history("alice")
    assert (entry.usage, entry.pricing, entry.note) == ({"text_output": 3}, {"source": "stated"}, "why")


def test_the_same_key_charges_once_and_answers_the_first_entry(store):
    create(store)
    first = charge(store, "1", key=key("k"))
    again = charge(store, "2", key=key("k"))
    assert (again.replayed, again.entry, again.budget.limit.spent) == (True, first.entry, usd("1"))


def test_the_same_key_for_another_request_is_refused(store):
    create(store)
    charge(store, "1", key=key("k"))
    with pytest.raises(KeyConflictError):
        charge(store, "1", key=key("k", "other"))
    assert store.budget("alice").limit.spent == usd("1")


def test_keys_are_each_users_own_and_of_each_kind(store):
    create(store)
    create(store, "bob")
    charge(store, "1", key=key("k"))
    assert not charge(store, "1", "bob", key=key("k")).replayed
    assert not charge(store, "1", key=key("k", kind="response")).replayed


# Lists


def test_history_is_newest_first_and_continues_below_a_number(store):
    create(store)
    for _ in range(5):
        charge(store, "1")
    assert [entry.number for entry in store.history("alice")] == [5, 4, 3, 2, 1]
    assert [entry.number for entry in store.history("alice", before=3)] == [2, 1]


def test_the_history_of_somebody_unknown_is_an_error(store):
    with pytest.raises(UnknownUserError):
        next(store.history("nobody"))


def test_budgets_come_in_pages_without_loss(store):
    names = [f"user-{number:04}" for number in range(2_345)]
    store.create_budgets([(name, BudgetChange(amount=usd("1"))) for name in names])
    assert [budget.user for budget in store.budgets()] == names
    assert [budget.user for budget in store.budgets(after="user-2342")] == ["user-2343", "user-2344"]


def spenders(store):
    for user, amount, spent in (("a", "10", "9"), ("b", "20", "20"), ("c", "5", "1"), ("d", "20", "1")):
        create(store, user, amount)
        charge(store, spent, user, model=f"model-{user}")


@pytest.mark.parametrize(
    ("sort", "users"), [("user", "abcd"), ("spent", "bacd"), ("budget", "bdac"), ("remaining", "bacd")]
)
def test_budgets_are_sorted(store, sort, users):
    spenders(store)
    assert "".join(budget.user for budget in store.budgets(sort=sort)) == users
    assert "".join(budget.user for budget in store.budgets(sort=sort, after=users[1])) == users[2:]


def test_budgets_are_filtered_by_what_is_left(store):
    spenders(store)
    assert [(budget.user, budget.models) for budget in store.budgets(over=True)] == [("b", {"model-b": usd("20")})]


def test_budgets_are_filtered_by_whether_their_window_has_passed(store, clock):
    create(store, "daily", duration="daily")
    create(store, "weekly", duration="weekly")
    clock.advance(days=1)
    assert [budget.user for budget in store.budgets(due=True)] == ["daily"]


def test_a_summary_adds_up_more_than_64_bits_hold(store):
    change = BudgetChange(amount=usd("1000"), spent=usd("1000000.5"))
    store.create_budgets([(f"user-{number}", change) for number in range(10)])
    summary = store.summary()
    assert (summary.users, summary.spent) == (10, usd("10000005"))


def test_others_commits_change_the_token_and_own_ones_do_not(store, make_store):
    create(store)
    token = store.change_token()
    charge(store, "1")
    assert store.change_token() == token
    with closing(make_store()) as other:
        charge(other, "1")
    assert store.change_token() != token


# Replays


def test_a_key_is_remembered_when_the_window_has_passed(store, clock):
    create(store, duration="daily")
    key = IdempotencyKey("caller", b"k" * 16, b"r" * 16)
    charge(store, "1", key=key)
    clock.advance(days=2)
    again = charge(store, "7", key=key)
    assert (again.replayed, again.entry.amount, again.budget.limit.spent) == (True, usd("1"), ZERO)
