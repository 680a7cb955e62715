"""No operation on one user may read all of them: what a charge takes must not grow with their number."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.stores.sql.verifying import differences

CENT = parse_amount("0.01")
KEY = IdempotencyKey("caller", b"k" * 16, b"r" * 16)
MINUTE_US, DAY_US = 60_000_000, 86_400_000_000
DAILY = BudgetChange(amount=parse_amount("10"), duration="daily")

# The second is what only looks like a search: every row has the same project. Of a subquery, the steps are told too.
READS_EVERYTHING = re.compile(r"SCAN (?!CONSTANT|\d+ CONSTANT|\(subquery|\w+_ones)|\(project=\?\)")


@pytest.fixture
def store(home, clock):
    with closing(SqliteStore(home / "p.db", "p", clock=clock)) as store:
        store.create_budgets([(user, DAILY) for user in ("alice", "bob", "carol")])
        store.charge(ChargeRequest("bob", CENT, model="m"))
        store.create_budget(PROJECT, DAILY, if_exists="error")
        store.change_budget("bob", BudgetChange(parent="alice"))
        store.add_limit("bob", "each m", DAILY, "m*")
        for hold_id in ("old", "open", "another"):
            store.reserve(HoldRequest(hold_id, "bob", CENT, MINUTE_US if hold_id == "old" else DAY_US, "m"))
        clock.advance(seconds=61)
        yield store


def plans(store, operation):
    """How SQLite goes about each statement of an operation."""
    statements = []
    store._connection.set_trace_callback(statements.append)
    operation()
    store._connection.set_trace_callback(None)
    found = []
    for statement in statements:
        # The plan of a plain INSERT lists checks of foreign keys that are skipped, as none are deferred.
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) or " SELECT " in statement:
            steps = store._connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            found += [(statement, step[3]) for step in steps]
    assert found
    return found


def held_against(store):
    """Have a cost denied that is more than holds leave."""
    assert store.check("bob", parse_amount("9.99"), "m").reason == "held"


OPERATIONS = {
    "create": lambda store: store.create_budget("dave", DAILY, if_exists="error"),
    "budget": lambda store: store.budget("bob"),
    "charge": lambda store: store.charge(ChargeRequest("bob", CENT, model="m", usage={"text_output": 1})),
    "charge with a key": lambda store: [store.charge(ChargeRequest("bob", CENT, key=KEY)) for _ in range(2)],
    "change": lambda store: store.change_budget("bob", BudgetChange(duration="weekly", spent=CENT, models={"a": CENT})),
    "reset": lambda store: store.reset("bob"),
    "check": lambda store: store.check("bob", CENT, "m"),
    "check that holds deny": held_against,
    "reserve": lambda store: [store.reserve(HoldRequest("new", "bob", CENT, DAY_US, "m")) for _ in range(2)],
    "commit": lambda store: [store.commit("open", ChargeRequest("", CENT, key=KEY)) for _ in range(2)],
    "commit late": lambda store: store.commit("old", ChargeRequest("", CENT, key=KEY)),
    "release": lambda store: [store.release("open") for _ in range(2)],
    "holds": lambda store: list(store.holds()),
    "holds of a user": lambda store: list(store.holds("bob", resolved=True)),
    "add limit": lambda store: store.add_limit("bob", "hourly", DAILY._replace(duration="hourly"), "m"),
    "remove limit": lambda store: store.remove_limit("bob", "each m"),
    "move": lambda store: store.change_budget("bob", BudgetChange(parent="carol")),
    "cap": lambda store: store.create_budget(PROJECT, BudgetChange(amount=CENT), if_exists="change"),
    "delete": lambda store: store.delete_budget("bob"),
    "history": lambda store: list(store.history("bob", before=100)),
    "budgets": lambda store: list(store.budgets(after="alice")),
    "unreported resets": lambda store: list(store.unreported_resets()),
    "report resets": lambda store: store.report_resets(1),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_no_operation_on_one_user_reads_all_of_them(store, operation):
    for statement, step in plans(store, lambda: operation(store)):
        assert not READS_EVERYTHING.search(step), statement


@pytest.mark.parametrize("roll", [lambda store: list(store.due()), lambda store: store.reset_due()])
def test_rolling_goes_through_the_limits_once_in_key_order(store, clock, roll):
    store.create_budget("dave", DAILY._replace(duration="monthly", zone="Asia/Tokyo"), if_exists="error")
    clock.advance(days=70)
    for statement, step in plans(store, lambda: roll(store)):
        assert not READS_EVERYTHING.search(step), statement
        assert "ORDER BY" not in step, statement


def test_verifying_reads_no_table_once_for_each_row_of_another(store, clock):
    clock.advance(days=2)
    store.reset_due()

    def verify():
        with store.read() as tx:
            assert list(differences(tx)) == []

    verified = plans(store, verify)
    assert not [step for _, step in verified if re.match(r"SCAN .* LEFT-JOIN$", step)]


def test_a_page_of_charges_reads_the_entries_from_its_place_on(store):
    store.charge(ChargeRequest("bob", CENT, model="m", usage={"text_output": 1}))
    for statement, step in plans(store, lambda: list(store.charges("m"))):
        assert "ORDER BY" not in step, statement


def test_a_call_that_is_known_is_found_without_the_user_s_other_entries(store):
    asked = ChargeRequest("bob", CENT, model="m", usage={"text_output": 1}, identities=(b"i" * 16,))
    store.charge(asked)
    again = plans(store, lambda: store.charge(asked))
    assert not [statement for statement, step in again if re.search(r"entries_1 \(account=\?\)", step)]
