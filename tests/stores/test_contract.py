"""What every store does, whatever it is built on. A new store is added to the `make_store` fixture."""

from __future__ import annotations

from contextlib import closing

import pytest

from budgetctl.errors import (
    AlreadyExistsError,
    HoldResolvedError,
    InvalidValueError,
    KeyConflictError,
    OverBudgetError,
    UnknownUserError,
)
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.ledger.values import Charge, IdempotencyKey
from budgetctl.money import ZERO, Picodollars, parse_amount

DAY_US = 86_400_000_000


@pytest.fixture
def store(make_store):
    return make_store()


def usd(text):
    return parse_amount(text)


def create(store, user="alice", amount="10", **terms):
    return store.create_budget(user, BudgetChange(amount=usd(amount), **terms), if_exists="error")[0]


def charge(store, amount, user="alice", **more):
    return store.charge(ChargeRequest(user, usd(amount), **more))


def key(text, request="same", kind="caller"):
    return IdempotencyKey(kind, text.ljust(16).encode(), request.ljust(16).encode())


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
    assert list(store.history("alice")) == []


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
    assert sorted(kinds[:4]) == ["carry", "carry", "carry", "reset"]


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


# Windows


def test_a_read_shows_the_window_of_now_and_writes_nothing(store, clock):
    create(store, duration="daily")
    charge(store, "1", model="m")
    token = store.change_token()
    clock.advance(days=3)
    budget = store.budget("alice")
    assert (budget.limit.spent, budget.limit.generation, budget.models) == (ZERO, 2, {})
    assert len(list(store.history("alice"))) == 1
    assert store.change_token() == token


def test_a_charge_first_rolls_a_window_that_has_passed(store, clock):
    start_us = create(store, duration="daily").limit.window_start_us
    charge(store, "1")
    clock.advance(days=1)
    assert charge(store, "2").budget.limit.spent == usd("2")
    spend, reset, _ = store.history("alice")
    assert (spend.kind, reset.kind) == ("spend", "reset")
    assert (reset.closed.start_us, reset.closed.end_us) == (start_us, start_us + DAY_US)
    assert reset.closed.spent == usd("1")


def test_while_the_clock_stands_before_the_window_charges_count_in_it(store, clock):
    create(store, duration="daily")
    clock.advance(days=1)
    charge(store, "1")
    clock.advance(days=-5)
    assert charge(store, "1").budget.limit.spent == usd("2")


def test_a_reset_starts_again_from_nothing_in_the_same_window(store, clock):
    window = create(store, duration="weekly").limit
    charge(store, "1", model="m")
    clock.advance(days=1)
    assert store.reset("alice").closed.spent == usd("1")
    assert store.budget("alice").limit == window._replace(generation=2)


def test_all_users_are_reset(store):
    for user in ("alice", "bob"):
        create(store, user)
        charge(store, "1", user)
    assert [reset.user for reset in store.reset_all()] == ["alice", "bob"]
    assert [budget.limit.spent for budget in store.budgets()] == [ZERO, ZERO]


TERMS = [
    {"duration": "hourly"},
    {"duration": "daily"},
    {"duration": "daily", "zone": "Asia/Kathmandu"},
    {"duration": "2w"},
    {"duration": "monthly"},
    {"duration": "monthly", "align": "calendar", "zone": "America/New_York"},
    {"duration": "weekly", "align": "calendar"},
]


@pytest.mark.parametrize("terms", TERMS, ids=str)
def test_rolling_everybody_gives_what_a_read_shows(store, clock, terms):
    for number in range(3):
        create(store, f"user-{number}", **terms)
        charge(store, "1", f"user-{number}")
        clock.advance(days=number, seconds=17)
    clock.advance(days=70)
    shown = [budget.limit for budget in store.budgets()]
    assert store.reset_due() == 3
    assert [budget.limit for budget in store.budgets()] == shown
    assert [entry.kind for entry in store.history("user-0")] == ["reset", "spend"]


def test_rolling_everybody_again_changes_nothing(store, clock):
    create(store, duration="daily")
    charge(store, "1")
    clock.advance(days=4)
    assert (store.reset_due(), store.reset_due()) == (1, 0)
    assert len(list(store.history("alice"))) == 2


def test_a_window_with_nothing_spent_leaves_no_entry(store, clock):
    create(store, duration="daily")
    clock.advance(days=4)
    assert store.reset_due() == 1
    assert list(store.history("alice")) == []


def test_what_is_due_is_told_without_writing(store, clock):
    create(store, duration="daily")
    create(store, "bob")
    charge(store, "1")
    clock.advance(days=1)
    assert [(reset.user, reset.closed.spent) for reset in store.due()] == [("alice", usd("1"))]
    assert len(list(store.history("alice"))) == 1


def test_every_reset_is_reported_once_however_it_came_about(store, clock):
    for user in ("by-charge", "by-hand", "by-job"):
        create(store, user, duration="daily")
        charge(store, "1", user)
    store.reset("by-hand")
    clock.advance(days=1)
    charge(store, "1", "by-charge")
    store.reset_due()
    reported = list(store.unreported_resets())
    assert [reset.user for _, reset in reported] == ["by-hand", "by-charge", "by-job"]
    store.report_resets(reported[-1][0])
    assert list(store.unreported_resets()) == []


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


# Changes when the clock has moved


@pytest.mark.parametrize("terms", [{"duration": "weekly"}, {"align": "calendar"}, {"zone": "Asia/Kolkata"}])
def test_new_terms_after_the_window_has_passed_carry_nothing(store, clock, terms):
    create(store, duration="daily")
    charge(store, "1", model="m")
    clock.advance(days=3)
    budget = store.change_budget("alice", BudgetChange(**terms))
    assert (budget.limit.spent, budget.models) == (ZERO, {})
    assert [entry.kind for entry in store.history("alice")] == ["reset", "spend"]


def test_what_was_spent_can_be_set_after_the_window_has_passed(store, clock):
    create(store, duration="daily")
    charge(store, "5", model="m")
    clock.advance(days=3)
    budget = store.change_budget("alice", BudgetChange(spent=usd("2"), models={"m": usd("2")}))
    assert (budget.limit.spent, budget.models) == (usd("2"), {"m": usd("2")})
    newest = next(store.history("alice"))
    assert (newest.kind, newest.amount, newest.model) == ("adjustment", usd("2"), "m")


def test_what_was_spent_can_be_set_together_with_new_terms(store):
    create(store, duration="daily")
    charge(store, "5", model="m")
    change = BudgetChange(duration="weekly", spent=usd("3"), models={"m": usd("1"), "n": usd("2")})
    budget = store.change_budget("alice", change)
    assert (budget.limit.spent, budget.models) == (usd("3"), {"n": usd("2"), "m": usd("1")})


def test_a_model_without_spend_is_kept_when_it_is_set(store):
    create(store)
    assert store.change_budget("alice", BudgetChange(spent=ZERO, models={"m": ZERO})).models == {"m": ZERO}
    assert store.change_budget("alice", BudgetChange(duration="daily")).models == {"m": ZERO}
    assert store.change_budget("alice", BudgetChange(models={})).models == {}


def test_what_was_spent_can_move_between_models_near_the_most_that_is_counted(store):
    most = usd("9000000")
    create(store, amount="9000000", spent=most, models={"m": most})
    assert store.change_budget("alice", BudgetChange(models={"n": most})).models == {"n": most}


@pytest.mark.parametrize("when", ["created_us", "window_start_us"])
def test_a_time_in_the_future_is_taken_as_now(store, clock, when):
    budget = create(store, duration="daily", **{when: clock.now_us + 5 * DAY_US})
    assert (budget.created_us, budget.limit.window_start_us) == (clock.now_us, clock.now_us)


def test_a_budget_created_in_the_past_starts_in_the_window_of_now(store, clock):
    limit = create(store, duration="weekly", created_us=clock.now_us - 10 * DAY_US).limit
    assert (limit.generation, limit.window_start_us) == (1, clock.now_us - 3 * DAY_US)


def test_a_window_that_is_moved_to_the_past_is_due_at_the_next_touch(store, clock):
    create(store, duration="daily")
    charge(store, "1")
    moved = store.change_budget("alice", BudgetChange(window_start_us=clock.now_us - 3 * DAY_US)).limit
    assert (moved.generation, moved.spent) == (1, usd("1"))
    assert store.budget("alice").limit.spent == ZERO
    assert store.reset_due() == 1


def test_a_reset_while_the_clock_stands_before_the_window_ends_it_where_it_starts(store, clock):
    create(store, duration="daily")
    clock.advance(days=1)
    start_us = charge(store, "1").budget.limit.window_start_us
    clock.advance(days=-5)
    closed = store.reset("alice").closed
    assert (closed.start_us, closed.end_us) == (start_us, start_us)


def test_windows_that_passed_while_the_clock_was_wrong_are_rolled_once_it_is_right(store, clock):
    create(store, duration="daily")
    clock.advance(days=1_000)
    charge(store, "1")
    clock.advance(days=-1_000)
    assert charge(store, "1").budget.limit.generation == 2
    clock.advance(days=1_001)
    assert charge(store, "1").budget.limit.spent == usd("1")


# Replays


def test_a_key_is_remembered_when_the_window_has_passed(store, clock):
    create(store, duration="daily")
    key = IdempotencyKey("caller", b"k" * 16, b"r" * 16)
    charge(store, "1", key=key)
    clock.advance(days=2)
    again = charge(store, "7", key=key)
    assert (again.replayed, again.entry.amount, again.budget.limit.spent) == (True, usd("1"), ZERO)


# Many at once


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
