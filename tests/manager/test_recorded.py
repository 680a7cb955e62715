"""What `BudgetManager` keeps: history, resets, and what it takes over from litellm's file."""

import pytest

from budgetctl.errors import (
    InvalidValueError,
    UnknownUserError,
)
from support.recorded import at, ledger, users, window

# History


def test_history_is_newest_first_and_continues_below_a_number(manager, alice):
    for cents in range(1, 6):
        manager.charge("alice", f"0.0{cents}")
    assert [entry.number for entry in manager.history("alice")] == [5, 4, 3, 2, 1]
    assert [str(entry.amount) for entry in manager.history("alice", before=3)] == ["0.02", "0.01"]


def test_a_deleted_budget_keeps_its_history(manager, alice):
    manager.charge("alice", "1")
    manager.delete_budget("alice")
    assert manager.find_budget("alice") is None
    assert ledger(manager) == [("spend", "1", None)]


def test_a_budget_created_again_starts_anew(manager, alice, clock):
    manager.charge("alice", "1")
    manager.delete_budget("alice")
    clock.advance(seconds=1)
    manager.create("alice", "5")
    assert manager.get_current_cost("alice") == 0
    assert ledger(manager) == []


def test_nobody_has_no_history(manager, alice):
    with pytest.raises(UnknownUserError):
        list(manager.history("bob"))


def test_nobodys_budget_is_deleted(manager, alice):
    with pytest.raises(UnknownUserError):
        manager.delete_budget("bob")


# Resets


def test_a_reset_answers_what_it_closed_and_keeps_the_window(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    clock.advance(days=3)
    reset = manager.reset("alice")
    assert (reset.user, reset.at_us, str(reset.closed.spent)) == ("alice", clock.now_us, "2.5")
    assert window(manager) == ("22 Nov 12:00", "22 Dec 12:00")
    budget = manager.budget("alice")
    assert (budget.limit.spent, budget.models) == (0, {})


def test_everybody_is_reset(manager, four):
    assert users(manager.reset_all()) == ["anna", "bob", "carl", "dora"]
    assert manager.summary().spent == 0


def test_a_passed_window_counts_as_reset_before_anything_is_written(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    clock.advance(days=31)
    assert manager.get_current_cost("alice") == 0
    assert manager.get_model_cost("alice") == {}
    assert window(manager) == ("22 Dec 12:00", "22 Jan 12:00")
    assert ledger(manager) == [("spend", "2.5", "gpt-4o")]


def test_a_charge_after_a_passed_window_counts_in_the_new_one(manager, alice, clock):
    manager.charge("alice", "2.5")
    clock.advance(days=31)
    assert str(manager.charge("alice", "1").budget.limit.spent) == "1"
    assert ledger(manager) == [("spend", "2.5", None), ("reset", "0", None), ("spend", "1", None)]


def test_what_is_due_is_shown_and_not_done(manager, four, clock):
    clock.advance(days=1)
    assert users(manager.due()) == users(manager.due()) == ["bob"]


def test_due_resets_are_done_and_reported_once(manager, four, clock):
    clock.advance(days=1)
    count, resets = manager.reset_due()
    assert (count, users(resets)) == (1, ["bob"])
    count, resets = manager.reset_due()
    assert (count, users(resets)) == (0, [])


def test_resets_are_reported_however_they_came_about(manager, four, clock):
    manager.reset("anna")
    clock.advance(days=1)
    manager.charge("bob", "1")
    count, resets = manager.reset_due()
    assert (count, users(resets)) == (0, ["anna", "bob"])


def test_resets_whose_report_was_not_read_to_the_end_are_reported_again(manager, four):
    manager.reset("anna")
    manager.reset("bob")
    _, resets = manager.reset_due()
    assert next(resets).user == "anna"
    _, resets = manager.reset_due()
    assert users(resets) == ["anna", "bob"]


# Taking over litellm's file


RECORD = {"total_budget": 10, "current_cost": 0.5, "model_cost": {"gpt-4o": 0.3, "gpt-4o-mini": 0.2}}


def test_records_of_litellm_are_taken_over_with_what_was_spent(manager, clock):
    times = {"created_at": clock.now_us / 1e6 - 9 * 86_400, "last_updated_at": clock.now_us / 1e6 - 2 * 86_400}
    ((user, change, is_new),) = manager.migrate({"alice": {**RECORD, "duration": 7, **times, "team": "sales"}})
    assert (user, change.duration, str(change.spent), is_new) == ("alice", "weekly", "0.5", True)
    budget = manager.budget("alice")
    assert (str(budget.limit.amount), str(budget.limit.spent), budget.extra) == ("10", "0.5", {"team": "sales"})
    assert (at(budget.created_us), *window(manager)) == ("13 Nov 12:00", "20 Nov 12:00", "27 Nov 12:00")
    assert {model: str(spent) for model, spent in budget.models.items()} == {"gpt-4o": "0.3", "gpt-4o-mini": "0.2"}
    assert {entry.note for entry in manager.history("alice")} == {"taken over from litellm"}


def test_spend_of_a_window_that_has_passed_is_taken_over_as_closed(manager, clock):
    long_ago = clock.now_us / 1e6 - 40 * 86_400
    manager.migrate({"alice": {**RECORD, "duration": 28, "created_at": long_ago, "last_updated_at": long_ago}})
    assert manager.get_current_cost("alice") == 0
    count, resets = manager.reset_due()
    assert (count, [str(reset.closed.spent) for reset in resets]) == (1, ["0.5"])


def test_a_user_who_is_there_already_is_left_alone(manager, alice):
    assert [is_new for _, _, is_new in manager.migrate({"alice": RECORD, "bob": RECORD})] == [False, True]
    assert manager.get_total_budget("alice") == 10
    assert ledger(manager) == []


def test_records_are_taken_over_all_or_none(manager):
    with pytest.raises(InvalidValueError, match=r"'bob'.*nothing was taken over"):
        manager.migrate({"alice": RECORD, "bob": {"total_budget": -1}})
    assert manager.get_users() == []


def test_a_dry_run_takes_nothing_over(manager, alice):
    taken = manager.migrate({"alice": RECORD, "bob": RECORD}, dry_run=True)
    assert [(user, is_new) for user, _, is_new in taken] == [("alice", False), ("bob", True)]
    assert manager.get_users() == ["alice"]


@pytest.mark.parametrize("records", [None, [], [RECORD], "alice", 5], ids=repr)
def test_only_a_dictionary_is_taken_over(manager, records):
    with pytest.raises(InvalidValueError, match="dictionary"):
        manager.migrate(records)


@pytest.mark.parametrize("user", ["", "a\nb", "x" * 257])
def test_a_bad_name_is_not_taken_over(manager, user):
    with pytest.raises(InvalidValueError, match="nothing was taken over"):
        manager.migrate({"alice": RECORD, user: RECORD})
    assert manager.get_users() == []
