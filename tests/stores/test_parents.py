"""Budgets above others: what counts there, who may stand where, and what happens when somebody moves or goes."""

from __future__ import annotations

import pytest

from budgetctl.errors import HoldResolvedError, InvalidValueError, KeyConflictError, UnknownUserError
from budgetctl.money import parse_amount
from support.enforcing import counters, denied

usd = parse_amount


def spends(manager):
    """What alice was charged, newest first."""
    return [entry.amount for entry in manager.history("alice") if entry.kind == "spend"]


def test_a_hold_and_a_charge_count_against_everybody_above(family):
    family.charge("alice", "0.50")
    family.reserve("alice", "0.25")
    assert counters(family, "alice", "team", "cap", "bob") == [(0.5, 0.25)] * 3 + [(0, 0)]


@pytest.mark.parametrize("whose", ["alice", "team", ""])
def test_whoever_above_has_the_least_left_denies(family, whose):
    amounts = dict.fromkeys(("alice", "team", ""), "3") | {whose: "0.10"}
    family.set("alice", amount=amounts["alice"])
    family.set("team", amount=amounts["team"])
    family.cap(amounts[""])
    before = counters(family, "alice", "team", "cap")
    assert denied(family, "alice", "0.11").decision.binding.user == whose
    assert family.check("alice", "0.11").binding.user == whose
    assert counters(family, "alice", "team", "cap") == before
    family.reserve("alice", "0.10")


def test_a_limit_of_a_parent_counts_the_models_of_its_pattern(family):
    family.add_limit("team", "0.20", models="big-*", name="big")
    family.reserve("alice", "0.15", model="big-1")
    family.reserve("bob", "0.15", model="small")
    assert denied(family, "bob", "0.06", model="big-2").decision.binding.limit.name == "big"


def test_a_commit_and_a_release_let_go_of_what_is_set_aside_above(family):
    held = [family.reserve("alice", "0.25").hold_id for _ in range(2)]
    family.commit(held[0], "0.40")
    family.release(held[1])
    assert counters(family, "alice", "team", "cap") == [(0.4, 0)] * 3


def test_an_expired_hold_counts_nowhere(family, clock):
    family.reserve("alice", "0.25", ttl=60)
    clock.advance(seconds=61)
    assert counters(family, "alice", "team", "cap") == [(0, 0)] * 3
    family.reserve("bob", "1.00")
    assert counters(family, "alice", "bob", "team", "cap") == [(0, 0), (0, 1), (0, 1), (0, 1)]


@pytest.mark.parametrize(
    ("who", "left"), [("alice", [(0, 0.2), (0.5, 0.2), (0.5, 0.2)]), ("team", [(0.5, 0.2), (0, 0.2), (0.5, 0.2)])]
)
def test_a_reset_touches_the_limits_of_nobody_else(family, who, left):
    family.charge("alice", "0.50")
    family.reserve("alice", "0.20")
    family.reset(who)
    assert counters(family, "alice", "team", "cap") == left


def test_a_window_of_a_parent_that_passes_touches_the_limits_of_nobody_else(family, clock):
    family.charge("alice", "0.50")
    clock.advance(days=1)
    assert counters(family, "alice", "team", "cap") == [(0.5, 0), (0, 0), (0.5, 0)]
    family.charge("bob", "0.10")
    assert counters(family, "alice", "team", "cap") == [(0.5, 0), (0.1, 0), (0.6, 0)]


def test_stating_what_a_user_has_spent_touches_no_other_limit(family, clock):
    family.add_limit("alice", "5.00", duration="daily", name="day")
    family.charge("alice", "0.50")
    clock.advance(days=1)
    family.user_dict["alice"]["current_cost"] = 0
    assert counters(family, "alice", "team", "cap") == [(0, 0), (0, 0), (0.5, 0)]
    assert [limit.spent for _, limit in family.budget("alice").standings[:2]] == [0, 0]


# Places


def test_nobody_stands_under_itself_or_under_who_stands_under_it(family):
    for parent in ("team", "alice"):
        with pytest.raises(InvalidValueError):
            family.set("team", parent=parent)
    with pytest.raises(UnknownUserError, match="no budget for the parent 'nobody'"):
        family.set("team", parent="nobody")
    assert family.budget("team").parent is None


def test_at_most_eight_stand_above_a_user_also_when_a_whole_branch_moves(manager):
    manager.cap("100")
    for number in range(9):
        manager.create(f"u{number}", "1", parent=f"u{number - 1}" if number else None)
    with pytest.raises(InvalidValueError):
        manager.create("u9", "1", parent="u8")
    with pytest.raises(InvalidValueError):
        manager.set("u0", parent="alice")
    manager.charge("u8", "0.10")
    assert counters(manager, *(f"u{number}" for number in range(9)), "cap") == [(0.1, 0)] * 10


def test_what_was_counted_before_a_move_stays_and_what_follows_counts_in_the_new_place(family):
    family.create("other", "1.00")
    family.charge("alice", "0.10")
    hold = family.reserve("alice", "0.20")
    assert family.set("alice", parent="other").parent == "other"
    assert counters(family, "team", "other", "cap") == [(0.1, 0.2), (0, 0), (0.1, 0.2)]
    family.commit(hold.hold_id, "0.30")
    assert counters(family, "team", "other", "cap") == [(0.1, 0), (0.3, 0), (0.4, 0)]


@pytest.mark.parametrize("parent", ["", "other", "team"])
def test_a_user_can_be_moved_when_the_window_of_the_old_parent_has_passed(family, clock, parent):
    family.create("other", "1.00")
    family.cap("3.00", duration="daily")
    family.charge("alice", "0.10")
    family.reserve("alice", "0.20", ttl=60)
    clock.advance(days=2)
    family.set("alice", parent=parent)
    family.charge("bob", "0.01")
    assert counters(family, "team", "cap") == [(0.01, 0)] * 2
    assert [entry.kind for entry in family.history("team")] == ["reset"]


# Going


def test_who_has_others_under_it_cannot_be_deleted(family):
    with pytest.raises(InvalidValueError):
        family.delete_budget("team")
    for user in ("alice", "bob"):
        family.set(user, parent="")
    family.delete_budget("team")


def test_a_deleted_budget_lets_go_of_what_is_set_aside_and_keeps_its_entries(family):
    family.charge("alice", "0.10")
    family.reserve("alice", "0.20")
    family.delete_budget("alice")
    assert counters(family, "team", "cap") == [(0.1, 0)] * 2
    assert spends(family) == [usd("0.10")]
    assert [each.state for each in family.holds(resolved=True)] == ["expired"]


def test_what_a_call_has_cost_counts_in_the_budget_that_was_deleted_meanwhile_and_above(family):
    hold = family.reserve("alice", "0.20").hold_id
    family.delete_budget("alice")
    charge = family.commit(hold, "0.30", model="m")
    assert (charge.entry, charge.budget.user) == (next(family.history("alice")), "alice")
    assert charge.budget.limit.spent == usd("0.30")
    assert family.commit(hold, "0.30", model="m").replayed
    with pytest.raises(HoldResolvedError):
        family.commit(hold, "0.31", model="m")
    assert counters(family, "team", "cap") == [(0.3, 0)] * 2
    assert spends(family) == [usd("0.30")]
    assert list(family.verify()) == []


def test_what_a_call_has_cost_counts_above_parents_that_were_deleted_too(family):
    hold = family.reserve("alice", "0.20").hold_id
    family.set("bob", parent="")
    for user in ("alice", "team"):
        family.delete_budget(user)
    family.create("team", "1.00")
    family.commit(hold, "0.30")
    assert counters(family, "team", "cap") == [(0, 0), (0.3, 0)]
    assert list(family.verify()) == []


def test_a_cost_in_a_deleted_budget_rolls_no_window(family, clock):
    family.set("alice", duration="daily")
    family.charge("alice", "0.10")
    hold = family.reserve("alice", "0.20").hold_id
    family.delete_budget("alice")
    clock.advance(days=2)
    family.commit(hold, "0.30")
    assert spends(family) == [usd("0.30"), usd("0.10")]
    assert "reset" not in [entry.kind for entry in family.history("alice")]


def test_a_hold_of_a_deleted_budget_can_be_released_and_then_not_committed(family):
    hold = family.reserve("alice", "0.20").hold_id
    family.delete_budget("alice")
    assert [family.release(hold).state, family.release(hold).state] == ["released"] * 2
    with pytest.raises(HoldResolvedError):
        family.commit(hold, "0.20")
    assert counters(family, "team", "cap") == [(0, 0)] * 2


def test_a_parent_that_is_deleted_after_a_move_leaves_holds_that_can_be_resolved(family):
    hold = family.reserve("alice", "0.20")
    for user in ("alice", "bob"):
        family.set(user, parent="")
    family.delete_budget("team")
    family.commit(hold.hold_id, "0.10")
    assert counters(family, "alice", "cap") == [(0.1, 0)] * 2


def test_a_new_budget_of_a_deleted_ones_name_has_nothing_to_do_with_its_holds(manager, clock):
    for hold_id in ("committed", "late"):
        manager.reserve("alice", "0.20", hold_id=hold_id, ttl=60)
    manager.commit("committed", "0.20")
    clock.advance(seconds=61)
    manager.delete_budget("alice")
    manager.create("alice", "1.00")
    for hold_id in ("committed", "late"):
        assert manager.commit(hold_id, "0.20").budget.limit.amount == usd("1.00")
        with pytest.raises(KeyConflictError):
            manager.reserve("alice", "0.20", hold_id=hold_id)
    assert counters(manager, "alice") == [(0, 0)]
    assert list(manager.history("alice")) == []


# The cap


def test_the_cap_counts_every_user_from_when_it_is_made_until_it_is_removed(manager):
    manager.create("bob", "1.00")
    manager.charge("alice", "0.10")
    manager.cap("0.50")
    hold = manager.reserve("alice", "0.30")
    assert denied(manager, "bob", "0.21").decision.binding.user == ""
    manager.remove_cap()
    manager.reserve("bob", "0.50")
    manager.cap("0.50")
    manager.commit(hold.hold_id, "0.20")
    assert counters(manager, "alice", "cap") == [(0.3, 0), (0.2, 0)]


def test_the_cap_is_no_user(family):
    assert family.get_users() == ["alice", "bob", "team"]
    assert family.summary().users == 3
    with pytest.raises(InvalidValueError):
        family.charge("", "1")
