"""`BudgetManager`'s own methods: exact amounts in, values out, every change in the ledger."""

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budgetctl import BudgetManager, Picodollars
from budgetctl.errors import (
    AlreadyExistsError,
    InvalidValueError,
    KeyConflictError,
    UnknownProjectError,
    UnknownUserError,
)
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore

USAGE = Usage(model="gpt-4o", request_id="chatcmpl-1", uncached_input=1_204, text_output=87)


@pytest.fixture
def manager(home, clock):
    """A manager whose time is the test's: it starts at noon of 22 November 2026."""
    with closing(BudgetManager("shop", store=SqliteStore(home / "shop.db", "shop", clock=clock))) as manager:
        yield manager


@pytest.fixture
def alice(manager):
    """A user with $10 a month."""
    return manager.create("alice", "10", duration="monthly")[0].user


def at(us):
    return f"{datetime.fromtimestamp(us / 1e6, UTC):%d %b %H:%M}"


def window(manager, user="alice"):
    limit = manager.budget(user).limit
    return at(limit.window_start_us), limit.window_end_us and at(limit.window_end_us)


def ledger(manager, user="alice"):
    """What was recorded, oldest first: kind, amount, model."""
    return [(entry.kind, str(entry.amount), entry.model) for entry in reversed(list(manager.history(user)))]


# Charging


@pytest.mark.parametrize("amount", ["0.000000000001", Decimal("1E-12"), Picodollars(1)], ids=repr)
def test_a_charge_is_exact(manager, alice, amount):
    for _ in range(3):
        manager.charge("alice", amount)
    assert manager.budget("alice").limit.spent == 3


@pytest.mark.parametrize("amount", [1, 0.5, True, None, b"1"], ids=repr)
def test_a_bare_number_is_no_exact_amount(manager, alice, amount):
    with pytest.raises(InvalidValueError, match="exact amount"):
        manager.charge("alice", amount)
    assert ledger(manager) == []


@pytest.mark.parametrize("amount", ["-1", Decimal(-1), Picodollars(-1), "NaN", "inf", "", "ten", "1,5"], ids=repr)
def test_what_is_no_cost_is_refused(manager, alice, amount):
    with pytest.raises(InvalidValueError):
        manager.charge("alice", amount)
    assert ledger(manager) == []


def test_a_charge_answers_the_entry_and_the_budget(manager, alice, clock):
    charge = manager.charge("alice", "2.5", model="gpt-4o", usage={"prompt_tokens": 7}, note="a test")
    entry = charge.entry
    assert (entry.number, entry.kind, str(entry.amount), entry.model) == (1, "spend", "2.5", "gpt-4o")
    assert (entry.usage, entry.note, entry.at_us) == ({"prompt_tokens": 7}, "a test", clock.now_us)
    assert str(charge.budget.limit.spent) == "2.5"
    assert str(charge.budget.remaining) == "7.5"
    assert not charge.replayed
    assert list(manager.history("alice")) == [entry]


def test_a_charge_is_recorded_also_over_the_budget(manager, alice):
    assert str(manager.charge("alice", "12").budget.remaining) == "-2"


def test_a_charge_of_nothing_is_recorded(manager, alice):
    manager.charge("alice", "0", model="free")
    assert ledger(manager) == [("spend", "0", "free")]


def test_nobody_is_charged(manager, alice):
    with pytest.raises(UnknownUserError) as caught:
        manager.charge("bob", "1")
    assert "budgetctl create bob" in caught.value.hint


def test_usage_is_kept_with_the_entry(manager, alice):
    manager.charge("alice", "1", usage=USAGE)
    (entry,) = manager.history("alice")
    assert entry.usage == {
        "model": "gpt-4o",
        "request_id": "chatcmpl-1",
        "uncached_input": 1_204,
        "text_output": 87,
    }


@pytest.mark.parametrize("usage", [5, ["gpt-4o"], {"at": datetime(2026, 11, 22, tzinfo=UTC)}, {"n": float("nan")}])
def test_usage_that_is_no_json_is_refused(manager, alice, usage):
    with pytest.raises(InvalidValueError):
        manager.charge("alice", "1", usage=usage, key="call-1")
    assert ledger(manager) == []


TERMINAL_CODES = ["gpt\x1b[2J", "a\nb", "a\rb", "a\x00b", "a\x7fb", "a\x9bb", "\ud800"]


@pytest.mark.parametrize("text", TERMINAL_CODES, ids=ascii)
@pytest.mark.parametrize("field", ["model", "note"])
def test_what_acts_on_a_terminal_is_refused(manager, alice, field, text):
    with pytest.raises(InvalidValueError, match="control character"):
        manager.charge("alice", "1", **{field: text})
    assert ledger(manager) == []


@pytest.mark.parametrize("field", ["model", "note"])
@pytest.mark.parametrize("text", ["x" * 1_001, 5, b"gpt-4o"], ids=["long", "int", "bytes"])
def test_what_is_no_text_or_too_long_is_refused(manager, alice, field, text):
    with pytest.raises(InvalidValueError):
        manager.charge("alice", "1", **{field: text})
    assert ledger(manager) == []


@pytest.mark.parametrize("model", ["模" * 334, "é" * 501, "😀" * 251], ids=len)
def test_the_name_of_a_model_is_bounded_by_its_bytes(manager, alice, model):
    with pytest.raises(InvalidValueError, match="bytes in UTF-8: at most 1000"):
        manager.charge("alice", "1", model=model)
    with pytest.raises(InvalidValueError, match="bytes in UTF-8"):
        manager.reserve("alice", "1", model=model)
    with pytest.raises(InvalidValueError, match="bytes in UTF-8"):
        manager.add_limit("alice", "1", models=model, name="some")
    assert ledger(manager) == []


def nested(depth, inner=1):
    """An object in so many others."""
    for _ in range(depth):
        inner = {"x": inner}
    return inner


@pytest.mark.parametrize(
    "usage", [nested(64), {"x": [[nested(61)]]}, {"x": "y" * 65_000}], ids=["deep", "mixed", "long"]
)
def test_a_usage_of_some_depth_and_length_is_kept_as_it_is(manager, alice, usage):
    manager.charge("alice", "1", usage=usage)
    assert [entry.usage for entry in manager.history("alice")] == [usage]


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        (nested(65), "nested too deeply: at most 64"),
        ({"x": [[nested(62)]]}, "nested too deeply: at most 64"),
        (nested(100_000), "nested too deeply: at most 64"),
        ({"x": "y" * 65_536}, "bytes as JSON: at most 65,536"),
    ],
    ids=["deep", "mixed", "abysmal", "long"],
)
def test_a_usage_that_is_nested_too_deeply_or_too_long_is_refused(manager, alice, usage, says):
    with pytest.raises(InvalidValueError, match=says):
        manager.charge("alice", "1", usage=usage)
    hold = manager.reserve("alice", "1")
    with pytest.raises(InvalidValueError, match=says):
        manager.commit(hold.hold_id, "1", usage=usage)
    assert ledger(manager) == []


def test_a_call_counts_for_the_holds_model_when_the_providers_name_of_it_cannot_be_kept(manager, alice):
    hold = manager.reserve("alice", "1", model="gpt-4o")
    price = Price(parse_amount("0.5"), Usage(), "模" * 334, {"source": "billed"})
    assert manager.commit_price(hold.hold_id, price).entry.model == "gpt-4o"


@pytest.mark.parametrize("model", ["", " "])
def test_a_model_has_a_name(manager, alice, model):
    with pytest.raises(InvalidValueError, match="empty"):
        manager.charge("alice", "1", model=model)


def test_a_note_may_be_in_any_script(manager, alice):
    assert manager.charge("alice", "1", note="für 你好 👋").entry.note == "für 你好 👋"


# Keys


def test_the_same_key_charges_once_and_answers_the_first_entry(manager, alice):
    first = manager.charge("alice", "2.5", key="call-1")
    second = manager.charge("alice", "2.50", key="call-1")
    assert (second.entry, second.replayed) == (first.entry, True)
    assert str(second.budget.limit.spent) == "2.5"
    assert len(ledger(manager)) == 1


def test_with_usage_the_key_answers_the_original_amount_whatever_the_price_is_now(manager, alice):
    manager.charge("alice", "2.5", usage=USAGE, key="call-1")
    again = manager.charge("alice", "3", usage=USAGE, key="call-1")
    assert (str(again.entry.amount), again.replayed) == ("2.5", True)
    assert ledger(manager) == [("spend", "2.5", None)]


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "3"},
        {"amount": "2.5", "model": "gpt-4o-mini"},
        {"amount": "2.5"},
        {"amount": "2.5", "model": "gpt-4o", "usage": USAGE},
    ],
    ids=["amount", "another model", "no model", "usage"],
)
def test_the_same_key_for_another_request_is_a_conflict(manager, alice, other):
    manager.charge("alice", "2.5", model="gpt-4o", key="call-1")
    with pytest.raises(KeyConflictError, match=r"entry 1 of \$2\.50"):
        manager.charge("alice", key="call-1", **other)
    assert ledger(manager) == [("spend", "2.5", "gpt-4o")]


def test_the_same_key_for_other_usage_is_a_conflict(manager, alice):
    manager.charge("alice", "2.5", usage=USAGE, key="call-1")
    with pytest.raises(KeyConflictError):
        manager.charge("alice", "2.5", usage=USAGE._replace(text_output=88), key="call-1")


def test_keys_are_the_users_own(manager, alice):
    manager.create("bob", "10")
    manager.charge("alice", "1", key="call-1")
    assert not manager.charge("bob", "2", key="call-1").replayed


def test_a_user_created_again_has_new_keys(manager, alice, clock):
    manager.charge("alice", "1", key="call-1")
    manager.delete_budget("alice")
    clock.advance(seconds=1)
    manager.create("alice", "10")
    assert not manager.charge("alice", "2", key="call-1").replayed


@pytest.mark.parametrize("key", ["", " ", 5, b"call-1", "x" * 1_025])
def test_what_is_no_key_is_refused(manager, alice, key):
    with pytest.raises(InvalidValueError, match="key"):
        manager.charge("alice", "1", key=key)
    assert ledger(manager) == []


def stated(amount):
    return Price(amount, Usage(model="gpt-4o"), "gpt-4o", {"source": "stated"})


def measured(amount, usage=USAGE):
    return Price(amount, usage, usage.model, {"source": "litellm"})


def test_a_key_of_a_stated_cost_stands_for_its_amount(manager, alice):
    manager.charge_price("alice", stated(Picodollars(10**12)), key="job-17")
    assert manager.charge_price("alice", stated(Picodollars(10**12)), key="job-17").replayed
    with pytest.raises(KeyConflictError):
        manager.charge_price("alice", stated(Picodollars(2 * 10**12)), key="job-17")


def test_a_key_of_a_response_stands_for_its_usage(manager, alice):
    manager.charge_price("alice", measured(Picodollars(10**12)), key="job-17")
    again = manager.charge_price("alice", measured(Picodollars(2 * 10**12)), key="job-17")
    assert (str(again.entry.amount), again.replayed) == ("1", True)


def test_a_response_that_has_an_id_is_charged_once_if_asked(manager, alice):
    for _ in range(2):
        manager.charge_price("alice", measured(Picodollars(10**12)), once=True)
    manager.charge_price("alice", measured(Picodollars(10**12), USAGE._replace(text_output=5)), once=True)
    assert ledger(manager) == [("spend", "1", "gpt-4o")] * 2


def test_a_response_without_an_id_is_charged_each_time(manager, alice):
    for _ in range(2):
        manager.charge_price("alice", measured(Picodollars(10**12), USAGE._replace(request_id=None)), once=True)
    assert len(ledger(manager)) == 2


def test_a_callers_key_and_a_responses_own_key_are_apart(manager, alice):
    manager.charge_price("alice", measured(Picodollars(10**12)), once=True)
    assert not manager.charge_price("alice", measured(Picodollars(10**12)), key="chatcmpl-1", once=True).replayed


# What a SQLite store can hold


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.charge("alice", "1000000.01"),
        lambda m: m.create("bob", "9000000.01"),
        lambda m: m.create_budget(9_000_001, "bob"),
        lambda m: m.set("alice", amount="9000000.01"),
        lambda m: m.migrate({"bob": {"total_budget": 9_000_001}}),
        lambda m: m.user_dict["alice"].__setitem__("current_cost", 9_000_001),
    ],
    ids=["charge", "create", "create_budget", "set", "migrate", "user_dict"],
)
def test_an_amount_that_sqlite_cannot_hold_is_refused_and_postgresql_named(manager, alice, ask):
    with pytest.raises(InvalidValueError) as caught:
        ask(manager)
    assert "SQLite" in str(caught.value)
    assert "PostgreSQL" in caught.value.hint
    assert manager.get_users() == ["alice"]
    assert (manager.get_total_budget("alice"), ledger(manager)) == (10, [])


def test_what_was_spent_cannot_outgrow_its_counter(manager, alice):
    for _ in range(9):
        manager.charge("alice", "1000000")
    with pytest.raises(InvalidValueError) as caught:
        manager.charge("alice", "0.01")
    assert "PostgreSQL" in caught.value.hint
    assert manager.get_current_cost("alice") == 9_000_000


# Creating and changing


def test_create_answers_the_budget_and_that_it_is_new(manager, clock):
    budget, is_new = manager.create("alice", "10.000000000001", duration="Weekly", timezone="Europe/Berlin")
    limit = budget.limit
    assert is_new
    assert (budget.project, budget.user, budget.created_us) == ("shop", "alice", clock.now_us)
    assert (str(limit.amount), limit.duration, limit.align, limit.zone) == (
        "10.000000000001",
        "weekly",
        "rolling",
        "Europe/Berlin",
    )
    assert manager.budget("alice") == budget


def test_create_refuses_a_user_who_has_a_budget(manager, alice):
    with pytest.raises(AlreadyExistsError):
        manager.create("alice", "20")
    assert manager.get_total_budget("alice") == 10


def test_create_keeps_an_existing_budget_if_asked(manager, alice):
    budget, is_new = manager.create("alice", "20", if_exists="keep")
    assert (str(budget.limit.amount), budget.limit.duration, is_new) == ("10", "monthly", False)


def test_create_changes_an_existing_budget_if_asked(manager, alice):
    manager.charge("alice", "1")
    budget, is_new = manager.create("alice", "20", if_exists="change")
    assert (str(budget.limit.amount), str(budget.limit.spent), is_new) == ("20", "1", False)


@pytest.mark.parametrize("amount", [10, 10.0, True, None], ids=repr)
def test_create_takes_exact_amounts_only(manager, amount):
    with pytest.raises(InvalidValueError):
        manager.create("alice", amount)
    assert manager.get_users() == []


def test_a_calendar_budget_starts_with_its_month(manager):
    manager.create("alice", "10", duration="monthly", align="calendar")
    assert window(manager) == ("01 Nov 00:00", "01 Dec 00:00")


def test_a_rolling_budget_starts_with_its_creation(manager, alice):
    assert window(manager) == ("22 Nov 12:00", "22 Dec 12:00")


def test_a_change_of_amount_keeps_the_window_and_the_spend(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    clock.advance(days=3)
    before = manager.budget("alice").limit
    changed = manager.set("alice", amount="20").limit
    assert changed == before._replace(amount=20 * 10**12)
    assert ledger(manager) == [("spend", "2.5", "gpt-4o")]


def test_a_change_of_duration_closes_the_generation_and_carries_the_spend_by_model(manager, alice, clock):
    manager.charge("alice", "2.5", model="gpt-4o")
    manager.charge("alice", "0.5")
    clock.advance(days=3)
    before = manager.budget("alice").limit
    budget = manager.set("alice", duration="weekly")
    assert (str(budget.limit.spent), budget.models) == ("3", {"gpt-4o": 25 * 10**11})
    assert budget.limit.generation == before.generation + 1
    assert window(manager) == ("22 Nov 12:00", "29 Nov 12:00")
    assert ledger(manager)[2:] == [("reset", "0", None), ("carry", "2.5", "gpt-4o"), ("carry", "0.5", None)]


def test_the_closed_generation_keeps_what_it_spent(manager, alice, clock):
    manager.charge("alice", "2.5")
    clock.advance(days=3)
    manager.set("alice", duration="weekly")
    closed = next(entry.closed for entry in manager.history("alice") if entry.kind == "reset")
    assert (closed.limit, closed.generation, str(closed.spent)) == ("total", 1, "2.5")
    assert (at(closed.start_us), at(closed.end_us)) == ("22 Nov 12:00", "25 Nov 12:00")


def test_the_same_duration_again_closes_nothing(manager, alice):
    manager.charge("alice", "2.5")
    assert manager.set("alice", duration="1mo", align="rolling", timezone="UTC").limit.generation == 1
    assert len(ledger(manager)) == 1


def test_a_budget_stops_to_reset(manager, alice):
    manager.set("alice", duration="none")
    assert window(manager) == ("22 Nov 12:00", None)


def test_a_budget_moves_to_the_calendar_of_its_zone(manager, alice):
    manager.set("alice", align="calendar", timezone="Europe/Berlin")
    assert window(manager) == ("31 Oct 23:00", "30 Nov 23:00")


def test_set_without_a_change_changes_nothing(manager, alice):
    before = manager.budget("alice")
    assert manager.set("alice") == before


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 20},
        {"amount": "-1"},
        {"duration": "never"},
        {"duration": 7},
        {"duration": "2w", "align": "calendar"},
        {"align": "sometimes"},
        {"timezone": "Europe/Atlantis"},
        {"timezone": ["UTC"]},
    ],
    ids=str,
)
def test_set_refuses_what_no_budget_can_be(manager, alice, change):
    before = manager.budget("alice")
    with pytest.raises(InvalidValueError):
        manager.set("alice", **{"amount": "20", **change})
    assert manager.budget("alice") == before


def test_nobodys_budget_is_set(manager, alice):
    with pytest.raises(UnknownUserError):
        manager.set("bob", amount="20")


# Listing


@pytest.fixture
def four(manager):
    """Users with budgets and spend that sort differently."""
    for user, amount, spent in (("anna", "5", "1"), ("bob", "20", "21"), ("carl", "10", "0"), ("dora", "1", "1")):
        manager.create(user, amount, duration="daily" if user == "bob" else None)
        manager.charge(user, spent)


def users(budgets):
    return [budget.user for budget in budgets]


def test_budgets_are_listed_by_user(manager, four):
    assert users(manager.budgets()) == ["anna", "bob", "carl", "dora"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("spent", ["bob", "anna", "dora", "carl"]),
        ("budget", ["bob", "carl", "anna", "dora"]),
        ("remaining", ["bob", "dora", "anna", "carl"]),
    ],
)
def test_budgets_are_sorted(manager, four, sort, expected):
    assert users(manager.budgets(sort=sort)) == expected
    assert users(manager.budgets(sort=sort, after=expected[1])) == expected[2:]


def test_budgets_continue_behind_a_user(manager, four):
    assert users(manager.budgets(after="bob")) == ["carl", "dora"]


def test_budgets_that_are_spent_are_found(manager, four):
    assert users(manager.budgets(over=True)) == ["bob", "dora"]


def test_budgets_whose_window_has_passed_are_found(manager, four, clock):
    assert users(manager.budgets(due=True)) == []
    clock.advance(days=1)
    assert users(manager.budgets(due=True)) == ["bob"]
    assert users(manager.budgets(over=True)) == ["dora"]


def test_find_budget_says_none_of_nobody(manager, alice):
    assert manager.find_budget("alice") == manager.budget("alice")
    assert manager.find_budget("bob") is None


def test_a_project_that_nobody_used_is_unknown(manager):
    with pytest.raises(UnknownProjectError) as caught:
        manager.require_project()
    assert "budgetctl create" in caught.value.hint
    manager.create("alice", "10")
    manager.require_project()


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


# The project as a whole


def test_the_summary_counts_users_and_what_they_spent(manager, four):
    summary = manager.summary()
    assert (summary.project, summary.users, str(summary.spent)) == ("shop", 4, "23")
    assert summary.size_bytes > 0


def test_the_summary_of_an_empty_project(manager):
    summary = manager.summary()
    assert (summary.users, summary.spent, summary.size_bytes) == (0, 0, 0)


def test_the_summary_adds_up_beyond_what_one_counter_holds(manager):
    record = {"total_budget": 9_000_000, "current_cost": 8_999_999.999999}
    manager.user_dict = {f"user-{number}": record for number in range(5)}
    assert str(manager.summary().spent) == "44999999.999995"


def test_an_estimate_records_nothing(manager, alice):
    price = manager.estimate("gpt-4o", "hello world", max_output_tokens=100)
    assert (price.usage.total_input, price.usage.total_output) == (2, 100)
    assert price.amount > 0
    assert ledger(manager) == []


def test_a_store_is_named_by_its_path(home):
    with closing(BudgetManager("shop", store=home / "mine.db")) as manager:
        manager.create("alice", "10")
    assert (home / "mine.db").is_file()


def test_a_store_is_named_by_the_environment(home, monkeypatch):
    monkeypatch.setenv("BUDGETCTL_STORE", str(home / "mine.db"))
    with closing(BudgetManager("shop")) as manager:
        manager.create("alice", "10")
    assert (home / "mine.db").is_file()


def test_a_store_of_another_project_is_refused(home):
    with pytest.raises(InvalidValueError, match="'kitchen', not 'shop'"):
        BudgetManager("shop", store=SqliteStore(home / "shop.db", "kitchen"))


@pytest.mark.parametrize("project", ["", " ", "a\nb", None, 5, "x" * 257])
def test_what_names_no_project_is_refused(project):
    with pytest.raises(InvalidValueError):
        BudgetManager(project)


@pytest.mark.parametrize("project", ["Team A/B", "..", "日本", "a%2Fb", "COM1"])
def test_any_other_name_is_a_project(project):
    with closing(BudgetManager(project)) as manager:
        manager.create("alice", "10")
    with closing(BudgetManager(project)) as manager:
        assert manager.get_users() == ["alice"]
