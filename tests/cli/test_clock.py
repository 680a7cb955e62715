"""What commands say of a clock that is wrong, or was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore
from budgetctl.stores.sqlite.store import system_clock
from support.commands import Cli

CONFIRM = "budgetctl reset-due --clock-is-right"


@pytest.fixture
def store(store_path: Path, clock: Any) -> SqliteStore:
    """The project `default`, in which alice has spent $3 of $10 a month by a clock that the test moves."""
    clock.now_us = system_clock()
    store_path.parent.mkdir(parents=True)
    return SqliteStore(store_path, "default", clock=clock)


def spend(store: SqliteStore) -> None:
    budgets = BudgetManager("default", store=store)
    budgets.create("alice", "10", duration="monthly", if_exists="change")
    budgets.charge("alice", "3")
    budgets.close()


class TestAWindowAhead:
    """The clock was ahead by a year for one charge, and is right."""

    @pytest.fixture(autouse=True)
    def ahead(self, store: SqliteStore, clock: Any) -> None:
        """Spend before and by the wrong clock."""
        spend(store)
        clock.advance(days=400)
        spend(store)

    def test_show_says_so_and_how_it_is_mended(self, cli: Cli) -> None:
        result = cli("show", "alice")
        assert result.returncode == 0
        assert "warning: the clock stands before the window of the budget of $10.00 monthly" in result.stderr
        assert "budgetctl reset alice moves the window to now" in result.stderr
        assert "budgetctl reset alice" in cli("show", "alice", "--json").document["clock_fault"]

    def test_check_denies_and_says_so(self, cli: Cli) -> None:
        result = cli("check", "alice")
        assert result.returncode == 3
        assert "budgetctl reset alice" in result.stderr
        assert "budgetctl reset alice" in cli("check", "alice", "--json").document["clock_fault"]

    def test_a_charge_warns_of_it(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--cost", "1")
        assert result.returncode == 0
        assert "warning: the clock stands before" in result.stderr

    def test_a_reset_mends_it(self, cli: Cli) -> None:
        assert cli("reset", "alice").returncode == 0
        assert cli("check", "alice", "--cost", "10") == (0, "", "")
        assert cli("show", "alice").stderr == ""
        assert cli("show", "alice", "--json").document["clock_fault"] is None


class TestALedgerLeftAlone:
    """Nobody has used the project for four years, or so the clock says."""

    @pytest.fixture(autouse=True)
    def behind(self, store: SqliteStore, clock: Any) -> None:
        """Spend four years ago."""
        clock.advance(days=-4 * 366)
        spend(store)

    @pytest.mark.parametrize(
        "command",
        [
            ["check", "alice"],
            ["reserve", "alice", "1"],
            ["reset", "alice"],
            ["reset-due"],
            ["create", "bob", "1"],
            ["top-up", "alice", "1"],
            ["run", "alice", "--", "true"],
        ],
        ids=lambda command: command[0],
    )
    def test_is_asked_about(self, cli: Cli, command: list[str]) -> None:
        result = cli(*command)
        assert result.returncode == (125 if command[0] == "run" else 1)
        assert "4 years after all that the ledger knows" in result.stderr
        assert f"try: {CONFIRM}" in result.stderr

    def test_has_an_error_with_a_code_in_json(self, cli: Cli) -> None:
        error = json.loads(cli("check", "alice", "--json").stderr)["error"]
        assert (error["code"], error["hint"]) == ("clock", CONFIRM)

    def test_is_shown_as_it_was_left(self, cli: Cli) -> None:
        result = cli("show", "alice", "--json")
        assert result.document["spent"] == "3"
        assert CONFIRM in result.document["clock_fault"]
        assert CONFIRM in cli("show", "alice").stderr

    def test_takes_what_was_spent_with_a_warning(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--cost", "1")
        assert result.stdout.startswith("alice +$1.00 · $4.00 of $10.00")
        assert CONFIRM in result.stderr

    def test_goes_on_when_the_clock_is_said_to_be_right(self, cli: Cli) -> None:
        assert cli("reset-due", "--clock-is-right").returncode == 0
        assert cli("check", "alice", "--cost", "10").returncode == 0
        assert cli("create", "bob", "1").returncode == 0
        assert cli("reset-due") == (0, "", "")


class TestCap:
    """The budget of the whole project."""

    def test_can_be_reset(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        budgets.cap("5")
        budgets.charge("alice", "3")
        assert cli("cap", "--reset").stdout == "the project default: $0.00 of $5.00, never resets\n"

    @pytest.mark.parametrize("other", ["--remove", "7"])
    def test_is_not_reset_and_changed_at_once(self, cli: Cli, other: str) -> None:
        assert cli("cap", "--reset", other).returncode == 2

    def test_that_is_not_there_cannot_be_reset(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        assert cli("cap", "--reset").returncode == 4
