"""reset and reset-due."""

from __future__ import annotations

from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore
from support.commands import PAST_YEAR, Cli, dump


@pytest.fixture
def past(past_store: SqliteStore) -> BudgetManager:
    """In March of `PAST_YEAR` alice spent $3 of a month, bob nothing of his, and carol $5 of what never resets."""
    budgets = BudgetManager("default", store=past_store)
    for user, duration, spent in [("alice", "monthly", "3"), ("bob", "monthly", "0"), ("carol", None, "5")]:
        budgets.create(user, "10", duration=duration)
        budgets.charge(user, spent)
    return budgets


@pytest.mark.usefixtures("past")
class TestResetDue:
    """For cron."""

    def test_lists_who_was_reset_with_the_window_that_has_passed(self, cli: Cli) -> None:
        assert cli("reset-due") == (
            0,
            "USER   SPENT  FROM                  TO\n"
            f"alice  $3.00  {PAST_YEAR}-03-09 16:00 UTC  {PAST_YEAR}-04-09 16:00 UTC\n",
            "",
        )

    def test_is_silent_when_nothing_is_due(self, cli: Cli) -> None:
        cli("reset-due")
        assert cli("reset-due") == (0, "", "")
        assert cli("reset-due", "--json") == (0, "[]\n", "")

    def test_says_so_in_the_ledger(self, cli: Cli) -> None:
        cli("reset-due")
        (reset, _) = cli("history", "alice", "--json").document
        assert reset["kind"] == "reset"
        assert reset["closed"] == {
            "limit": "total",
            "spent": "3",
            "window_start": f"{PAST_YEAR}-03-09T16:00:00Z",
            "window_end": f"{PAST_YEAR}-04-09T16:00:00Z",
        }

    def test_lists_a_window_that_a_charge_has_rolled(self, cli: Cli) -> None:
        cli("update-cost", "alice", "--cost", "1")
        assert [reset["user"] for reset in cli("reset-due", "--json").document] == ["alice"]
        assert cli("reset-due", "--json").document == []

    def test_lists_a_reset_by_hand(self, cli: Cli) -> None:
        cli("reset-due")
        cli("reset", "carol")
        assert [reset["user"] for reset in cli("reset-due", "--json").document] == ["carol"]

    def test_dry_run_lists_them_and_writes_nothing(self, cli: Cli, store_path: Path) -> None:
        before = dump(store_path)
        first = cli("reset-due", "--dry-run")
        assert [line.split()[0] for line in first.stdout.splitlines()] == ["USER", "alice"]
        assert cli("reset-due", "--dry-run") == first
        assert dump(store_path) == before

    def test_tells_a_person_how_many_windows_have_passed(self, terminal: Cli) -> None:
        assert "note: 2 windows have passed\n" in terminal("reset-due").stdout

    def test_tells_cron_nothing_of_windows_without_spend(self, cli: Cli) -> None:
        cli("delete", "alice", "--yes")
        assert cli("reset-due") == (0, "", "")


@pytest.mark.usefixtures("past")
class TestReset:
    """By hand."""

    def test_starts_again_in_the_same_window(self, cli: Cli) -> None:
        before = cli("update-cost", "alice", "--cost", "2", "--json").document
        assert before["spent"] == "2"
        window = cli("show", "alice", "--json").document["resets_at"]
        assert cli("reset", "alice").stdout == "alice: reset; $2.00 was spent\n"
        after = cli("show", "alice", "--json").document
        assert (after["spent"], after["models"], after["resets_at"]) == ("0", {}, window)

    def test_keeps_the_history(self, cli: Cli) -> None:
        cli("reset", "carol")
        assert [entry["kind"] for entry in cli("history", "carol", "--json").document] == ["reset", "spend"]

    def test_all_lists_everybody(self, cli: Cli) -> None:
        lines = cli("reset", "--all", "--yes").stdout.splitlines()[1:]
        assert [line.split()[:2] for line in lines] == [["alice", "$0.00"], ["bob", "$0.00"], ["carol", "$5.00"]]

    @pytest.mark.parametrize(("answer", "spent"), [("y", "0"), ("n", "5"), ("", "5")])
    def test_all_asks_on_a_terminal(self, terminal: Cli, cli: Cli, answer: str, spent: str) -> None:
        result = terminal("reset", "--all", keys=f"{answer}\n")
        assert "Reset every user of the project default? [y/N] " in result.stdout
        assert result.returncode == (0 if answer == "y" else 1)
        assert cli("show", "carol", "--json").document["spent"] == spent

    def test_all_of_an_empty_project_is_an_empty_list(self, past: BudgetManager, cli: Cli) -> None:
        for user in ("alice", "bob", "carol"):
            past.delete_budget(user)
        assert cli("reset", "--all", "--yes", "--json") == (0, "[]\n", "")
