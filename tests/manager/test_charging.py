"""Charging by `BudgetManager`'s own methods: exact amounts in, values out."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budgetctl import Picodollars
from budgetctl.errors import (
    InvalidValueError,
    KeyConflictError,
    UnknownUserError,
)
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import parse_amount
from support.recorded import ledger

USAGE = Usage(model="gpt-4o", request_id="chatcmpl-1", uncached_input=1_204, text_output=87)
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
