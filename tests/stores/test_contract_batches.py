"""What every store does with many requests at once, whatever it is built on."""

from __future__ import annotations

from budgetctl.errors import (
    HoldResolvedError,
    KeyConflictError,
    OverBudgetError,
    UnknownUserError,
)
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.ledger.values import Charge
from budgetctl.money import ZERO
from support.operations import DAY_US, charge, create, key, usd


def test_many_requests_are_done_in_their_order_and_each_is_answered(store):
    create(store)
    charged, held, committed, released = store.apply(
        [
            ChargeRequest("alice", usd("1")),
            HoldRequest("job", "alice", usd("2"), DAY_US),
            CommitRequest("job", ChargeRequest("", usd("3"), key=key("job", kind="commit"))),
            ReleaseRequest("job"),
        ]
    )
    assert (charged.entry.amount, held.amount, committed.entry.amount) == (usd("1"), usd("2"), usd("3"))
    assert isinstance(released, HoldResolvedError)
    assert (store.budget("alice").limit.spent, store.budget("alice").limit.held) == (usd("4"), ZERO)


def test_one_of_many_that_is_refused_takes_nothing_else_with_it(store):
    create(store, amount="5")
    answers = store.apply(
        [
            ChargeRequest("alice", usd("1")),
            ChargeRequest("nobody", usd("1")),
            HoldRequest("much", "alice", usd("5"), DAY_US),
            ChargeRequest("alice", usd("1")),
        ]
    )
    assert [type(answer) for answer in answers] == [Charge, UnknownUserError, OverBudgetError, Charge]
    assert store.budget("alice").limit.spent == usd("2")


def test_charges_at_once_are_numbered_and_keyed_as_one_by_one(store):
    create(store)
    again = ChargeRequest("alice", usd("1"), model="m", key=key("same"))
    answers = store.apply([again, ChargeRequest("alice", usd("2"), model="m"), again])
    assert [(answer.entry.number, answer.replayed) for answer in answers] == [(1, False), (2, False), (1, True)]
    assert store.budget("alice").models == {"m": usd("3")}


def test_charges_at_once_count_above_whoever_of_them_is_charged_first(store):
    create(store, "team", "100")
    create(store, "alice", parent="team")
    create(store, "bob", parent="team")
    store.apply([ChargeRequest(user, usd("1")) for user in ("team", "alice", "bob", "alice")])
    assert [store.budget(user).limit.spent for user in ("team", "alice", "bob")] == [usd("4"), usd("2"), usd("1")]


def test_charges_at_once_are_answered_with_where_all_of_them_leave_the_budget(store):
    create(store, "team", "100")
    create(store, parent="team")
    answers = store.apply([ChargeRequest(user, usd("1"), model="m") for user in ("alice", "team", "alice")])
    for answer in answers:
        found = store.budget(answer.budget.user)
        assert (answer.budget.standings, answer.budget.models) == (found.standings, found.models)


def test_holds_at_once_are_made_as_long_as_there_is_money_for_them(store):
    create(store, "team", "5")
    create(store, parent="team")
    answers = store.apply([HoldRequest(name, "alice", usd("2"), DAY_US) for name in ("a", "b", "c")])
    assert [type(answer) for answer in answers] == [Hold, Hold, OverBudgetError]
    assert [limit.held for _, limit in store.budget("alice").standings] == [usd("4"), usd("4")]


def test_holds_at_once_are_committed_and_let_go_of_everywhere(store):
    create(store, "team", "5")
    create(store, parent="team")
    holds = [HoldRequest(name, user, usd("1"), DAY_US, "m") for name, user in (("a", "alice"), ("b", "team"))]
    commits = [CommitRequest(hold.hold_id, ChargeRequest("", usd("2"))) for hold in holds]
    answers = store.apply([*holds, *commits])
    assert [(answer.entry.number, answer.entry.model) for answer in answers[2:]] == [(1, "m"), (1, "m")]
    limits = [limit for _, limit in store.budget("alice").standings]
    assert [(limit.spent, limit.held) for limit in limits] == [(usd("2"), ZERO), (usd("4"), ZERO)]
    assert [hold.state for hold in store.holds(resolved=True)] == ["committed", "committed"]


def test_a_key_of_another_request_among_charges_is_refused_alone(store):
    create(store)
    charge(store, "1", key=key("used", "this"))
    answers = store.apply(
        [
            ChargeRequest("alice", usd("2"), model="new"),
            ChargeRequest("alice", usd("4"), key=key("used", "that")),
            ChargeRequest("alice", usd("8"), model="new"),
        ]
    )
    assert [type(answer) for answer in answers] == [Charge, KeyConflictError, Charge]
    assert (store.budget("alice").limit.spent, store.budget("alice").models) == (usd("11"), {"new": usd("10")})


def test_many_requests_may_be_of_any_size(store):
    create(store)
    pricing = {"rates": {"input": "x" * 5_000}}
    answers = store.apply([ChargeRequest("alice", usd("0.01"), pricing=pricing) for _ in range(300)])
    assert [answer.entry.number for answer in answers] == list(range(1, 301))
