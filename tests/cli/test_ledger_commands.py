"""history's filters, refund and verify."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore
from support.commands import Cli


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10 a day, and was charged $1 and $2."""
    budgets.create("alice", "10", duration="daily")
    budgets.charge("alice", "1", model="gpt-4o")
    budgets.charge("alice", "2", model="gpt-4o-mini")


def spent(cli: Cli) -> str:
    """What alice has spent."""
    return str(cli("show", "alice", "--json").document["spent"])


class TestHistoryFilters:
    """Only some entries."""

    @pytest.mark.parametrize(
        ("options", "entries"),
        [
            (("--kind", "spend"), ["2", "1"]),
            (("--kind", "reset"), ["3"]),
            (("--model", "gpt-4o"), ["1"]),
            (("--model", "gpt-4o*"), ["2", "1"]),
            (("--model", "claude*"), []),
            (("--since", "1h"), ["3", "2", "1"]),
            (("--since", "2999-01-01"), []),
            (("--until", "2020-01-01"), []),
            (("--since", "2020-01-01", "--until", "2999-01-01", "--kind", "spend", "--max", "1"), ["2"]),
        ],
    )
    def test_leave_the_rest_out(self, cli: Cli, options: tuple[str, ...], entries: list[str]) -> None:
        cli("reset", "alice")
        assert [entry["entry_id"] for entry in cli("history", "alice", *options, "--json").document] == entries

    def test_say_when_nothing_is_left(self, cli: Cli) -> None:
        assert cli("history", "alice", "--model", "claude*").stderr == "note: no entry is like that\n"

    @pytest.mark.parametrize("options", [("--since", "soon"), ("--kind", "gift"), ("--until", "")])
    def test_bad_input(self, cli: Cli, options: tuple[str, ...]) -> None:
        assert cli("history", "alice", *options).returncode == 2

    def test_a_pattern_finds_entries_on_every_page(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("bob", "100")
        for number in range(1_100):
            budgets.charge("bob", "0.01", model="a" if number in (0, 1_099) else "b")
        assert [entry["entry_id"] for entry in cli("history", "bob", "--model", "a", "--json").document] == [
            "1100",
            "1",
        ]


class TestRefund:
    """Taking a cost back."""

    def test_of_an_entry_takes_all_of_it(self, cli: Cli) -> None:
        assert cli("refund", "alice", "1").stdout.startswith("alice -$1.00 of entry 1 · $2.00 of $10.00")
        assert cli("show", "alice", "--json").document["models"] == {"gpt-4o-mini": "2", "gpt-4o": "0"}

    def test_of_an_entry_may_be_less(self, cli: Cli) -> None:
        document = cli("refund", "alice", "2", "--cost", "0.5", "--json").document
        assert (document["refunded"], document["refers_to"], document["spent"]) == ("0.5", "2", "2.5")

    def test_never_exceeds_the_entry(self, cli: Cli) -> None:
        cli("refund", "alice", "2", "--cost", "1.5")
        result = cli("refund", "alice", "2", "--cost", "0.6")
        assert (result.returncode, result.stdout) == (2, "")
        assert "of which $1.50 was refunded: $0.50 is left" in result.stderr
        cli("refund", "alice", "2")
        assert cli("refund", "alice", "2").returncode == 2
        assert spent(cli) == "1"

    def test_without_an_entry_is_of_this_window(self, cli: Cli) -> None:
        cli("refund", "alice", "--cost", "0.5", "--note", "sorry")
        entry = cli("history", "alice", "--max", "1", "--json").document[0]
        assert (entry["kind"], entry["cost"], entry["note"], spent(cli)) == ("refund", "-0.5", "sorry", "2.5")

    def test_without_an_entry_counts_in_no_other_limit(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("team", "10")
        budgets.set("alice", parent="team")
        cli("refund", "alice", "--cost", "3")
        assert budgets.get_current_cost("team") == 0.0

    def test_without_an_entry_is_no_more_than_was_spent(self, cli: Cli) -> None:
        result = cli("refund", "alice", "--cost", "3.01")
        assert result.returncode == 2
        assert "has spent $3.00 in this window" in result.stderr

    def test_of_a_window_that_has_closed_frees_nothing(self, cli: Cli) -> None:
        cli("reset", "alice")
        cli("refund", "alice", "1")
        assert spent(cli) == "0"

    def test_counts_where_the_entry_does(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("team", "10")
        budgets.set("alice", parent="team")
        cli("update-cost", "alice", "--cost", "4")
        cli("refund", "alice", "1")
        assert budgets.get_current_cost("team") == 4.0
        cli("refund", "alice", "4")
        assert budgets.get_current_cost("team") == 0.0

    def test_reaches_a_parent_that_is_none_any_more(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("team", "10")
        budgets.set("alice", parent="team")
        cli("update-cost", "alice", "--cost", "4")
        budgets.set("alice", parent="")
        cli("refund", "alice", "4")
        assert budgets.get_current_cost("team") == 0.0
        assert cli("verify").returncode == 0

    @pytest.mark.parametrize(
        ("line", "code", "said"),
        [
            ("refund alice", 2, "nothing to refund was given"),
            ("refund alice 99", 4, "alice has no entry 99"),
            ("refund alice 0", 2, "'0' is not a whole number"),
            ("refund alice first", 2, "'first' is not a whole number"),
            ("refund alice 1 --cost -1", 2, "negative"),
            ("refund nobody 1", 4, "no budget for 'nobody'"),
        ],
    )
    def test_bad_input(self, cli: Cli, line: str, code: int, said: str) -> None:
        result = cli(*line.split())
        assert (result.returncode, result.stdout) == (code, "")
        assert said in result.stderr

    def test_what_is_no_charge_is_not_refunded(self, cli: Cli) -> None:
        cli("reset", "alice")
        result = cli("refund", "alice", "3")
        assert result.returncode == 2
        assert "entry 3 is no charge, but of the kind 'reset'" in result.stderr


class TestVerify:
    """Counters against entries."""

    @pytest.fixture
    def damaged(self, cli: Cli, home: Path) -> Any:
        """Change the store's tables behind its back."""
        cli("reserve", "alice", "1")

        def run(*statements: str) -> None:
            with closing(sqlite3.connect(home / "data" / "budgetctl" / "default.db")) as connection, connection:
                for statement in statements:
                    connection.execute(statement)

        return run

    def test_a_sound_store_is_said_to_be(self, cli: Cli) -> None:
        cli("reset", "alice")
        cli("refund", "alice", "1")
        cli("set", "alice", "--duration", "weekly")
        assert cli("verify") == (0, "", "note: all counters are the sums of their entries\n")

    @pytest.mark.parametrize(
        ("statement", "what", "stored", "posted"),
        [
            ("UPDATE limits SET spent = 0", "spent", "0", "3"),
            ("UPDATE limits SET held = 0", "held", "0", "1"),
            ("UPDATE limits SET topped_up = 7000000000000", "topped up", "7", "0"),
            ("UPDATE model_totals SET spent = 0 WHERE spent = 1000000000000", "spent by model", "0", "1"),
            ("DELETE FROM model_totals WHERE spent = 1000000000000", "spent by model", "0", "1"),
        ],
    )
    def test_each_difference_is_named_and_can_be_repaired(
        self, cli: Cli, damaged: Any, statement: str, what: str, stored: str, posted: str
    ) -> None:
        damaged(statement)
        result = cli("verify", "--json")
        (document,) = result.document
        assert (result.returncode, document["user"], document["what"]) == (1, "alice", what)
        assert (document["stored"], document["posted"]) == (stored, posted)
        assert cli("verify", "--repair").returncode == 0
        assert cli("verify").returncode == 0

    def test_a_repair_never_touches_entries(self, cli: Cli, damaged: Any) -> None:
        cli("reset", "alice")
        before = cli("history", "alice", "--json").document
        damaged("UPDATE limits SET spent = 7", "UPDATE entries SET closed_spent = 5 WHERE closed_spent IS NOT NULL")
        cli("verify", "--repair")
        (left,) = cli("verify", "--json").document
        assert left["what"] == "closed"
        assert [entry["cost"] for entry in cli("history", "alice", "--json").document] == [
            entry["cost"] for entry in before
        ]

    def test_reads_without_waiting_for_a_writer(self, cli: Cli, home: Path) -> None:
        with closing(SqliteStore(home / "data" / "budgetctl" / "default.db", "default")) as store, store.write():
            assert cli("verify").returncode == 0

    def test_of_no_project_is_an_error(self, cli: Cli) -> None:
        assert cli("verify", "--project", "other").returncode == 4
