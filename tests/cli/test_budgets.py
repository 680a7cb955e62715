"""create, show, list, set and delete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore
from support.commands import Cli


class TestCreate:
    """Making budgets."""

    def test_says_when_it_resets(self, cli: Cli) -> None:
        line = cli("create", "alice", "10", "--duration", "monthly").stdout
        assert line.startswith("alice: $10.00 monthly, resets ")

    def test_says_that_it_never_resets(self, cli: Cli) -> None:
        assert cli("create", "alice", "10").stdout == "alice: $10.00, never resets\n"

    @pytest.mark.parametrize("duration", ["monthly", "quarterly", "yearly"])
    def test_calendar_windows_need_no_advice(self, cli: Cli, duration: str) -> None:
        line = cli("create", "alice", "10", "--duration", duration, "--align", "calendar").stdout
        assert "--align" not in line

    @pytest.mark.parametrize("duration", ["hourly", "daily", "weekly", "36h"])
    def test_short_windows_need_no_advice(self, cli: Cli, duration: str) -> None:
        assert "--align" not in cli("create", "alice", "10", "--duration", duration).stdout

    def test_for_an_existing_user_points_to_set(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        result = cli("create", "alice", "20")
        assert result.returncode == 1
        assert "budgetctl set" in result.stderr
        assert "--if-not-exists" in result.stderr

    def test_if_not_exists_leaves_an_existing_budget_as_it_is(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        result = cli("create", "alice", "20", "--if-not-exists")
        assert result == (0, "alice: has a budget already; left as it is: $0.00 of $10.00, never resets\n", "")
        assert cli("create", "alice", "20", "--if-not-exists", "--json").document["budget"] == "10"

    def test_a_budget_of_nothing_is_noted(self, cli: Cli) -> None:
        result = cli("create", "alice", "0")
        assert (result.returncode, result.stdout) == (0, "alice: $0.00, never resets\n")
        assert result.stderr.startswith("note: the budget is $0")

    @pytest.mark.parametrize("amount", ["$10", "10.00", "1e1", " 10 ", "+10"])
    def test_an_amount_may_be_written_in_several_ways(self, cli: Cli, amount: str) -> None:
        assert cli("create", "alice", amount, "--json").document["budget"] == "10"

    def test_a_user_may_be_called_almost_anything(self, cli: Cli) -> None:
        for name in ("../../etc", "a/b", "Zoë", "日本", "None", "x" * 256, "--help"):
            assert cli("create", "--json", "--", name, "1").document["user"] == name

    def test_a_file_of_litellms_is_not_ignored_in_silence(self, cli: Cli) -> None:
        Path("user_cost.json").write_text("{}")
        result = cli("create", "alice", "10")
        assert result.stderr == (
            "warning: litellm's ./user_cost.json is not used: 'budgetctl migrate' takes it over with what was spent\n"
        )
        assert cli("create", "bob", "10").stderr == ""

    def test_a_warning_does_not_spoil_the_json_of_an_error(self, cli: Cli) -> None:
        Path("user_cost.json").write_text("{}")
        assert cli("show", "alice").stderr.startswith("warning: litellm's ./user_cost.json")
        assert json.loads(cli("show", "alice", "--json").stderr)["error"]["code"] == "unknown_user"


class TestShow:
    """Looking at one."""

    def test_and_every_other_command_say_a_reset_on_the_clock_of_its_zone(self, cli: Cli) -> None:
        terms = ["--duration", "monthly", "--align", "calendar", "--timezone", "Asia/Tokyo"]
        created = cli("create", "alice", "10", *terms).stdout
        assert re.search(r"resets 1 [A-Z]", created)
        assert created.rstrip().endswith(" JST")
        assert "-01 JST  ok" in cli("list").stdout
        denied = cli("check", "alice", "11").stdout
        assert denied.rstrip().endswith("-01 00:00 JST")

    def test_has_the_window_on_the_clock_of_its_zone(self, cli: Cli) -> None:
        cli("create", "alice", "10", "--duration", "daily", "--align", "calendar", "--timezone", "Asia/Tokyo")
        window = next(line for line in cli("show", "alice").stdout.splitlines() if line.startswith("window"))
        assert window.endswith(" 00:00 JST, calendar")

    def test_a_window_that_has_passed_counts_as_reset_and_nothing_is_written(
        self, past_store: SqliteStore, store_path: Path, cli: Cli
    ) -> None:
        budgets = BudgetManager("default", store=past_store)
        budgets.create("alice", "10", duration="monthly")
        budgets.charge("alice", "3")
        past_store.close()
        before = store_path.read_bytes()
        assert cli("show", "alice", "--json").document["spent"] == "0"
        assert store_path.read_bytes() == before

    @pytest.mark.parametrize(("spent", "status"), [("7.99", "ok"), ("8", "warning"), ("10", "exceeded")])
    def test_the_status_warns_from_four_fifths_on(
        self, budgets: BudgetManager, cli: Cli, spent: str, status: str
    ) -> None:
        budgets.create("alice", "10")
        budgets.charge("alice", spent)
        assert cli("show", "alice", "--json").document["status"] == status

    def test_reading_makes_no_file(self, cli: Cli, home: Path) -> None:
        cli("show", "alice")
        cli("list")
        cli("projects")
        assert not (home / "data").exists()


class TestList:
    """Looking at many."""

    @pytest.fixture
    def team(self, budgets: BudgetManager) -> None:
        """Four users: one over the budget, one without anything spent."""
        for user, amount, spent in [("ann", 10, 4), ("bob", 3, 5), ("cas", 40, 0), ("dan", 20, 19)]:
            budgets.create(user, str(amount))
            budgets.charge(user, str(spent))

    @pytest.mark.usefixtures("team")
    @pytest.mark.parametrize(
        ("options", "users"),
        [
            ("", "ann bob cas dan"),
            ("--over", "bob"),
            ("--sort user", "ann bob cas dan"),
            ("--sort spent", "dan bob ann cas"),
            ("--sort remaining", "bob dan ann cas"),
            ("--sort budget", "cas dan ann bob"),
            ("--max 2", "ann bob"),
            ("--max 9", "ann bob cas dan"),
            ("--after bob", "cas dan"),
            ("--after bo", "bob cas dan"),
            ("--sort spent --max 2", "dan bob"),
            ("--sort spent --max 2 --after bob", "ann cas"),
            ("--after dan", ""),
        ],
    )
    def test_picks_and_sorts(self, cli: Cli, options: str, users: str) -> None:
        assert cli("list", "--quiet", *options.split()).stdout.split() == users.split()

    @pytest.mark.usefixtures("team")
    def test_json_is_one_list_of_what_show_says(self, cli: Cli) -> None:
        shown = [cli("show", user, "--json").document for user in ("ann", "bob", "cas", "dan")]
        for document in shown:
            del document["limits"], document["clock_fault"]  # of many budgets they are not read
        assert cli("list", "--json").document == shown

    def test_says_who_leaves_how_much_and_what_is_set_aside(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("team", "2")
        budgets.create("ann", "10", parent="team")
        budgets.create("bob", "10")
        budgets.add_limit("bob", "1", models="gpt-4o*", name="big")
        budgets.charge("bob", "1", model="gpt-4o")
        budgets.reserve("ann", "0.50")
        assert [line.split() for line in cli("list").stdout.splitlines()] == [
            "USER PARENT SPENT BUDGET USED HELD LEFT BOUND BY RESETS STATUS".split(),
            "ann team $0.00 $10.00 0 % $0.50 $1.50 team - ok".split(),
            "bob - $1.00 $10.00 10 % $0.00 $9.00 big - limited".split(),
            "team - $0.00 $2.00 0 % $0.50 $1.50 - - ok".split(),
        ]
        ann, bob, _ = cli("list", "--json").document
        assert (ann["binding"], ann["limited"]) == ({"user": "team", "name": "total"}, [])
        assert bob["limited"] == [{"user": "bob", "name": "big", "models": "gpt-4o*"}]

    @pytest.mark.usefixtures("team")
    def test_quiet_with_json_is_still_one_document(self, cli: Cli) -> None:
        assert cli("list", "--quiet", "--json") == cli("list", "--json")

    def test_due_are_those_whose_window_has_passed(self, past_store: SqliteStore, cli: Cli) -> None:
        budgets = BudgetManager("default", store=past_store)
        budgets.create("alice", "10", duration="monthly")
        budgets.create("bob", "10")
        assert cli("list", "--due", "-q").stdout == "alice\n"

    def test_a_project_whose_budgets_are_all_deleted_is_empty(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        budgets.delete_budget("alice")
        assert cli("list") == (0, "", "note: no budgets yet: budgetctl create alice --budget 10\n")
        assert cli("list", "--json") == (0, "[]\n", "")
        assert cli("list", "--quiet") == (0, "", "")

    def test_nothing_like_that_is_said_on_stderr(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        assert cli("list", "--over") == (0, "", "note: no budget is like that\n")

    def test_a_project_that_is_not_there_is_an_error(self, cli: Cli) -> None:
        assert cli("list", "--project", "tpyo").returncode == 4


class TestSet:
    """Changing one."""

    @pytest.fixture(autouse=True)
    def alice(self, budgets: BudgetManager) -> None:
        """Alice has spent $4 of $10 this month."""
        budgets.create("alice", "10", duration="monthly")
        budgets.charge("alice", "4")

    def test_a_new_amount_keeps_the_spend_and_the_window(self, cli: Cli) -> None:
        before = cli("show", "alice", "--json").document
        after = cli("set", "alice", "--budget", "20", "--json").document
        assert (after["budget"], after["spent"], after["remaining"]) == ("20", "4", "16")
        assert after["window_start"] == before["window_start"]

    def test_the_amount_may_stand_behind_the_user(self, cli: Cli) -> None:
        assert cli("set", "alice", "20", "--json").document["budget"] == "20"

    def test_a_new_duration_takes_the_spend_over(self, cli: Cli) -> None:
        after = cli("set", "alice", "--duration", "weekly", "--json").document
        assert (after["duration"], after["budget"], after["spent"]) == ("weekly", "10", "4")

    def test_the_duration_none_never_resets(self, cli: Cli) -> None:
        assert cli("set", "alice", "--duration", "none").stdout == "alice: $10.00, never resets · $4.00 spent\n"

    def test_says_what_it_has_become(self, cli: Cli) -> None:
        assert cli("set", "alice", "20").stdout.startswith("alice: $20.00 monthly, resets ")


class TestDelete:
    """Removing one."""

    @pytest.fixture(autouse=True)
    def alice(self, budgets: BudgetManager) -> None:
        """Alice has spent $4 of $10."""
        budgets.create("alice", "10")
        budgets.charge("alice", "4")

    def test_keeps_the_history(self, cli: Cli) -> None:
        assert cli("delete", "alice", "--yes") == (
            0, "alice: deleted; budgetctl history still shows the entries\n", ""
        )  # fmt: skip
        assert cli("show", "alice").returncode == 4
        assert [entry["cost"] for entry in cli("history", "alice", "--json").document] == ["4"]

    def test_the_name_is_free_for_a_new_budget(self, cli: Cli) -> None:
        cli("delete", "alice", "--yes")
        assert cli("create", "alice", "1", "--json").document["spent"] == "0"

    @pytest.mark.parametrize(("answer", "returncode"), [("y", 0), ("yes", 0), ("n", 1), ("", 1), ("what", 1)])
    def test_asks_on_a_terminal(self, terminal: Cli, cli: Cli, answer: str, returncode: int) -> None:
        result = terminal("delete", "alice", keys=f"{answer}\n")
        assert "Delete the budget of alice in the project default? [y/N] " in result.stdout
        assert ("nothing was changed" in result.stdout) is (returncode == 1)
        assert result.returncode == returncode
        assert cli("show", "alice").returncode == (0 if returncode else 4)

    def test_the_end_of_input_is_a_no(self, terminal: Cli, cli: Cli) -> None:
        assert terminal("delete", "alice", keys="\x04").returncode == 1
        assert cli("show", "alice").returncode == 0

    def test_does_not_ask_with_yes(self, terminal: Cli) -> None:
        assert terminal("delete", "alice", "-y").stdout.startswith("alice: deleted")
