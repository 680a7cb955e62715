"""What a person sees on a terminal of 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.commands import Cli

ESCAPE = "\x1b"


@pytest.fixture
def alice(budgets: BudgetManager) -> None:
    """Alice has spent $4 of $10 this month, three quarters of it on one model."""
    budgets.create("alice", "10", duration="monthly", align="calendar")
    budgets.charge("alice", "3", model="gpt-4o")
    budgets.charge("alice", "1", model="claude-sonnet-4-5")


@pytest.mark.usefixtures("alice")
class TestShow:
    """A picture of one budget."""

    def test_draws_a_bar_of_what_is_spent(self, terminal: Cli) -> None:
        lines = terminal("show", "alice", "--no-color").stdout.splitlines()
        assert lines[0] == "alice  project default"
        assert lines[1] == "█" * 16 + "░" * 24 + "  40 %"
        assert lines[2] == "$4.00 of $10.00 spent · $6.00 left"

    def test_says_when_it_resets(self, terminal: Cli) -> None:
        lines = terminal("show", "alice", "--no-color").stdout.splitlines()
        assert lines[3].startswith("monthly · resets 1 ")
        assert lines[4].endswith(" UTC, calendar")

    def test_shows_the_models_shares(self, terminal: Cli) -> None:
        lines = terminal("show", "alice", "--no-color").stdout.splitlines()
        assert lines[6:] == [
            "gpt-4o             $3.00  75 %  " + "█" * 15 + "░" * 5,
            "claude-sonnet-4-5  $1.00  25 %  " + "█" * 5 + "░" * 15,
        ]

    def test_a_budget_that_never_resets_says_so_once(self, terminal: Cli, cli: Cli) -> None:
        cli("create", "bob", "5")
        assert terminal("show", "bob", "--no-color").stdout.splitlines() == [
            "bob  project default",
            "░" * 40 + "  0 %",
            "$0.00 of $5.00 spent · $5.00 left",
            "never resets",
        ]

    def test_what_is_overspent_is_over(self, terminal: Cli, cli: Cli) -> None:
        cli("update-cost", "alice", "--cost", "7")
        lines = terminal("show", "alice", "--no-color").stdout.splitlines()
        assert lines[1] == "█" * 40 + "  110 %"
        assert lines[2] == "$11.00 of $10.00 spent · $1.00 over"

    def test_a_budget_of_nothing_is_used_up(self, terminal: Cli, cli: Cli) -> None:
        cli("create", "bob", "0")
        assert terminal("show", "bob", "--no-color").stdout.splitlines()[1] == "█" * 40 + "  100 %"

    def test_says_what_is_set_aside(self, terminal: Cli, budgets: BudgetManager) -> None:
        budgets.reserve("alice", "0.50")
        assert terminal("show", "alice", "--no-color").stdout.splitlines()[2] == (
            "$4.00 of $10.00 spent · $0.50 set aside · $5.50 left"
        )

    def test_shows_all_limits_and_marks_the_one_that_binds(self, terminal: Cli, budgets: BudgetManager) -> None:
        budgets.create("team", "2")
        budgets.set("alice", parent="team")
        budgets.cap("500")
        budgets.charge("alice", "0.50", model="gpt-4o")
        lines = terminal("show", "alice", "--no-color").stdout.splitlines()
        assert lines[2] == "$4.50 of $10.00 spent · $1.50 left, bound by team's total"
        assert [line.split() for line in lines[6:10]] == [
            "USER LIMIT MODELS SPENT HELD OF LEFT RESETS".split(),
            ["alice", "total", "-", "$4.50", "$0.00", "$10.00", "$5.50", *lines[7].split()[-2:]],
            "> team total - $0.50 $0.00 $2.00 $1.50 -".split(),
            "(the project) total - $0.50 $0.00 $500.00 $499.50 -".split(),
        ]

    def test_a_used_up_model_is_no_green_light(self, terminal: Cli, budgets: BudgetManager) -> None:
        budgets.create("bob", "10")
        budgets.add_limit("bob", "0.50", duration="daily", models="gpt-4o*")
        budgets.charge("bob", "0.50", model="gpt-4o")
        shown = terminal("show", "bob").stdout
        assert "\x1b[33mdaily gpt-4o* is used up\x1b[0m\n" in shown
        assert "\x1b[33m$9.50 left\x1b[0m" in shown

    def test_is_drawn_in_ascii_where_nothing_else_can_be_written(self, terminal: Cli) -> None:
        shown = terminal("show", "alice", "--no-color", PYTHONIOENCODING="latin-1:replace", PYTHONUTF8="0")
        assert "#" * 16 + "." * 24 in shown.stdout

    def test_json_is_not_drawn(self, terminal: Cli) -> None:
        assert json.loads(terminal("show", "alice", "--json").stdout)["spent"] == 4


@pytest.mark.usefixtures("alice")
class TestColour:
    """Only where it is wanted."""

    @pytest.mark.parametrize("command", ["show alice", "list"])
    def test_a_terminal_has_it(self, terminal: Cli, command: str) -> None:
        assert ESCAPE in terminal(*command.split()).stdout

    @pytest.mark.parametrize("command", ["show alice", "list", "history alice", "projects", "show nobody", "--help"])
    @pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
    def test_the_environment_turns_it_off(self, terminal: Cli, command: str, env: dict[str, str]) -> None:
        assert ESCAPE not in terminal(*command.split(), **env).stdout

    @pytest.mark.parametrize("command", ["show alice --no-color", "--no-color list"])
    def test_an_option_turns_it_off(self, terminal: Cli, command: str) -> None:
        assert ESCAPE not in terminal(*command.split()).stdout

    def test_a_pipe_has_none(self, run: Any) -> None:
        assert ESCAPE not in run("show", "alice").stdout + run("list").stdout


class TestTables:
    """Tables fit, and go through the pager."""

    @pytest.fixture(autouse=True)
    def long_names(self, budgets: BudgetManager) -> None:
        budgets.create("team-payments-production-europe-west-1", "250000", duration="monthly")
        budgets.charge(
            "team-payments-production-europe-west-1", "123456.78", model="anthropic/claude-opus-4-5-20251101"
        )
        budgets.create("日本のチームの予算、長い名前", "1")

    @pytest.mark.parametrize(
        "command", ["list", "history team-payments-production-europe-west-1", "reset --all --yes", "projects"]
    )
    def test_names_are_cut_to_fit_80_columns_and_amounts_never(self, terminal: Cli, command: str) -> None:
        lines = terminal(*command.split(), "--no-color").stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert "$123,456.78" in "".join(lines)

    def test_nothing_is_cut_where_there_is_room(self, terminal: Cli) -> None:
        assert "…" not in terminal("list", columns=200).stdout

    @pytest.mark.parametrize(("columns", "headings"), [(60, "USER SPENT BUDGET LEFT"), (200, None)])
    def test_columns_that_matter_least_are_left_out_where_there_is_no_room(
        self, terminal: Cli, columns: int, headings: str | None
    ) -> None:
        lines = terminal("list", "--no-color", columns=columns).stdout.splitlines()
        assert max(map(len, lines)) <= columns
        assert (
            lines[0].split() == (headings or "USER PARENT SPENT BUDGET USED HELD LEFT BOUND BY RESETS STATUS").split()
        )

    def test_what_fits_on_the_screen_needs_no_pager(self, terminal: Cli) -> None:
        assert "paged:" not in terminal("list", PAGER="sed s/^/paged:/").stdout

    @pytest.mark.parametrize("pager", ["", "no-such-pager", "less 'unclosed"])
    def test_a_pager_that_cannot_be_started_is_not_missed(self, terminal: Cli, pager: str) -> None:
        result = terminal("list", "--no-color", PAGER=pager)
        assert (result.returncode, result.stdout.split()[0]) == (0, "USER")


class TestPager:
    """What is longer than the screen."""

    @pytest.fixture(autouse=True)
    def many(self, cli: Cli) -> None:
        Path("user_cost.json").write_text(json.dumps({f"u{n}": {"total_budget": 1} for n in range(3_000)}))
        cli("migrate")

    def test_gets_all_of_a_long_table(self, terminal: Cli) -> None:
        lines = terminal("list", PAGER="sed s/^/paged:/").stdout.splitlines()
        assert all(line.startswith("paged:") for line in lines)
        assert len(lines) == 3_001

    def test_budgetctl_may_have_one_of_its_own(self, terminal: Cli) -> None:
        shown = terminal("list", PAGER="sed s/^/theirs:/", BUDGETCTL_PAGER="sed s/^/ours:/").stdout
        assert shown.startswith("ours:")

    def test_an_option_turns_it_off(self, terminal: Cli) -> None:
        assert "paged:" not in terminal("list", "--no-pager", PAGER="sed s/^/paged:/").stdout

    def test_may_be_quit_before_the_end(self, terminal: Cli) -> None:
        result = terminal("list", "--no-color", PAGER="head -n 1")
        assert (result.returncode, result.stdout.split()[0], result.stdout.count("\n")) == (0, "USER", 1)

    def test_ends_with_the_command_at_an_interrupt(self, terminal: Cli) -> None:
        Path("pager.sh").write_text("read heading\nkill -INT $PPID\nwhile read row; do :; done\nexec sleep 600\n")
        result = terminal("list", "--no-color", PAGER="sh pager.sh")
        assert (result.returncode, result.stdout.strip()) == (130, "error: interrupted")

    def test_json_and_csv_do_not_go_through_it(self, terminal: Cli) -> None:
        for format_name in ("json", "jsonl", "csv"):
            assert "paged:" not in terminal("list", "--format", format_name, PAGER="sed s/^/paged:/").stdout
