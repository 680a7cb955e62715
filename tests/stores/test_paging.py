"""Lists come page by page, and the seams cannot be seen."""

from __future__ import annotations

import pytest

from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.top_ups import TopUpRequest
from budgetctl.money import Picodollars, parse_amount
from budgetctl.stores.sql import listing, paging, rollover

CENT = parse_amount("0.01")
TEN = parse_amount("10")
USERS = [f"user-{number:02}" for number in range(20)]


@pytest.fixture(params=[1, 3, 20])
def store(request, make_database, monkeypatch):
    """A store with pages of few rows, on which many budgets have the same place in the order."""
    for module, name in ((paging, "PAGE"), (listing, "_SORTED_PAGE"), (rollover, "_FIRST_BATCH")):
        monkeypatch.setattr(module, name, request.param)
    store = make_database()
    for number, user in enumerate(USERS):
        amount, spent = (Picodollars(TEN * (1 + number % 3)), Picodollars(CENT * (number % 4)))
        change = BudgetChange(amount=amount, duration="daily", models={"m": spent}, spent=spent)
        store.create_budget(user, change, if_exists="error")
    return store


ORDERS = {
    "user": lambda budget: (budget.user,),
    "spent": lambda budget: (-budget.limit.spent, budget.user),
    "budget": lambda budget: (-budget.limit.amount, budget.user),
    "remaining": lambda budget: (budget.remaining, budget.user),
}


@pytest.mark.parametrize("sort", ORDERS)
def test_every_budget_is_listed_once_in_every_order(store, sort):
    listed = list(store.budgets(sort=sort))
    assert [budget.user for budget in listed] == [budget.user for budget in sorted(listed, key=ORDERS[sort])]
    assert {budget.user for budget in listed} == set(USERS)
    assert all(budget.models == {"m": budget.limit.spent} for budget in listed)


@pytest.mark.parametrize("sort", ORDERS)
def test_every_order_continues_behind_any_user(store, sort):
    users = [budget.user for budget in store.budgets(sort=sort)]
    for place, user in enumerate(users):
        assert [budget.user for budget in store.budgets(sort=sort, after=user)] == users[place + 1 :]


@pytest.mark.parametrize("sort", ORDERS)
def test_what_is_sorted_is_the_window_of_now(store, clock, sort):
    clock.advance(days=2)
    store.charge(ChargeRequest("user-07", TEN))
    listed = list(store.budgets(sort=sort))
    assert [budget.user for budget in listed] == [budget.user for budget in sorted(listed, key=ORDERS[sort])]
    assert sum(budget.limit.spent for budget in listed) == TEN


def test_budgets_that_are_deleted_between_two_pages_do_not_disturb_the_others(store):
    listed = store.budgets()
    assert next(listed).user == "user-00"
    for user in USERS[:5]:
        store.delete_budget(user)
    assert {budget.user for budget in listed} >= set(USERS[5:])


def test_history_goes_back_to_the_first_entry(store):
    for _ in range(9):
        store.charge(ChargeRequest("user-00", CENT))
    assert [entry.number for entry in store.history("user-00")] == list(range(9, 0, -1))


def test_every_reset_is_due_and_then_reported_once(store, clock):
    spenders = [user for number, user in enumerate(USERS) if number % 4]
    clock.advance(days=1)
    assert [reset.user for reset in store.due()] == USERS
    assert store.reset_due() == len(USERS)
    places, resets = zip(*store.unreported_resets(), strict=True)
    assert [reset.user for reset in resets] == spenders
    assert list(places) == sorted(set(places))


def test_every_hold_is_listed_once_and_the_list_continues_behind_any(store):
    made = [f"hold-{number}" for number in range(7)]
    for number, hold_id in enumerate(made):
        store.reserve(HoldRequest(hold_id, USERS[number % 2], CENT, 60_000_000))
    assert [hold.hold_id for hold in store.holds()] == made
    assert [hold.hold_id for hold in store.holds(USERS[1])] == made[1::2]
    for place, hold_id in enumerate(made):
        assert [hold.hold_id for hold in store.holds(after=hold_id)] == made[place + 1 :]


def test_every_charge_of_a_model_is_listed_once(store):
    for number in range(9):
        store.charge(ChargeRequest(USERS[number], CENT, model=f"m{number % 2}", usage={"text_output": 1}))
    assert [user for user, _, _ in store.charges("m1")] == USERS[1:9:2]
    assert [user for user, _, _ in store.charges("m1", after=(USERS[3], 2))] == USERS[5:9:2]


def test_everybody_who_is_past_a_threshold_is_listed_once(store):
    for user in USERS[::3]:
        store.charge(ChargeRequest(user, Picodollars(40 * TEN)))
    told = [(crossing.standing.user, crossing.percent) for crossing in store.crossings()]
    assert told == [(user, percent) for user in USERS[::3] for percent in (80, 100)]


def test_resetting_everybody_resets_each_once(store):
    assert [reset.user for reset in store.reset_all()] == USERS
    assert {budget.limit.generation for budget in store.budgets()} == {2}


def test_who_was_topped_up_has_its_place_in_every_page_also_when_that_has_expired(store, clock):
    for user, expires_us in (("user-03", None), ("user-07", clock.now_us + 60_000_000)):
        store.top_up(TopUpRequest(user, "total", Picodollars(25 * CENT * 100), expires_us))
    clock.advance(seconds=120)
    listed = list(store.budgets(sort="remaining"))
    assert [each.user for each in listed] == [each.user for each in sorted(listed, key=ORDERS["remaining"])]
    for place, budget in enumerate(listed):
        assert [each.user for each in store.budgets(sort="remaining", after=budget.user)] == [
            each.user for each in listed[place + 1 :]
        ]
