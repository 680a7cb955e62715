"""warn: who is past a threshold, told once in a window."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from support.commands import Cli


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10 a day, of which $6 are spent."""
    budgets.create("alice", "10", duration="daily", warn_at=[50, 90])
    budgets.charge("alice", "6")


def told(cli: Cli, *options: str) -> list[tuple[str, str]]:
    """Whom `warn` names, with the threshold."""
    return [(each["user"], each["threshold"]) for each in cli("warn", *options, "--json").document]


def test_who_is_past_a_threshold_is_told_once(cli: Cli) -> None:
    assert told(cli) == [("alice", "50")]
    assert cli("warn") == (0, "", "")


def test_a_store_is_sound_after_something_was_told(cli: Cli) -> None:
    told(cli)
    assert cli("verify")[0] == 0


def test_each_threshold_is_told(cli: Cli, budgets: BudgetManager) -> None:
    told(cli)
    budgets.charge("alice", "3")
    assert told(cli) == [("alice", "90")]


def test_thresholds_that_are_passed_at_once_are_all_told(cli: Cli, budgets: BudgetManager) -> None:
    budgets.charge("alice", "4")
    assert told(cli) == [("alice", "50"), ("alice", "90")]


def test_the_next_window_is_told_anew(cli: Cli, budgets: BudgetManager) -> None:
    told(cli)
    budgets.reset("alice")
    assert told(cli) == []
    budgets.charge("alice", "5")
    assert told(cli) == [("alice", "50")]


def test_a_threshold_may_have_its_sign(cli: Cli, budgets: BudgetManager) -> None:
    assert cli("create", "bob", "10", "--warn-at", "60%", "--warn-at", "90").returncode == 0
    assert budgets.budget("bob").limit.warn_at == (60, 90)
    wrong = cli("create", "carol", "10", "--warn-at", "much")
    assert (wrong.returncode, "'much' is no threshold" in wrong.stderr) == (2, True)


def test_a_document_says_which_project_and_window(cli: Cli) -> None:
    (document,) = cli("warn", "--json").document
    fields = "project user limit threshold used_percent spent amount topped_up remaining window_start resets_at"
    assert list(document) == [*fields.split(), "timezone"]
    assert (document["project"], document["user"], document["spent"], document["amount"]) == (
        "default",
        "alice",
        "6",
        "10",
    )
    assert document["window_start"].endswith("Z")


class TestAllProjects:
    """One cron line for everybody."""

    def test_each_is_told_of_once(self, cli: Cli) -> None:
        cli("create", "bob", "1", "-p", "other")
        cli("update-cost", "bob", "--cost", "2", "-p", "other")
        listed = cli("warn", "--all-projects", "--json").document
        assert [(each["project"], each["user"], each["threshold"]) for each in listed] == [
            ("default", "alice", "50"),
            ("other", "bob", "80"),
            ("other", "bob", "100"),
        ]
        assert cli("warn", "--all-projects") == (0, "", "")

    def test_the_table_names_the_project(self, cli: Cli) -> None:
        heading, row = cli("warn", "--all-projects").stdout.splitlines()
        assert (heading.split()[0], row.split()[:2]) == ("PROJECT", ["default", "alice"])

    def test_one_that_cannot_be_read_keeps_no_other_from_being_told(self, cli: Cli, home: Path) -> None:
        (home / "data" / "budgetctl" / "broken.db").write_bytes(b"no database")
        result = cli("warn", "--all-projects", "--json")
        assert [each["user"] for each in result.document] == ["alice"]
        assert (result.returncode, "broken.db" in result.stderr) == (1, True)


def test_without_a_threshold_it_is_four_fifths_and_all(cli: Cli, budgets: BudgetManager) -> None:
    told(cli)
    budgets.create("bob", "10")
    budgets.charge("bob", "7.99")
    assert told(cli) == []
    budgets.charge("bob", "0.01")
    assert told(cli) == [("bob", "80")]
    budgets.charge("bob", "2")
    assert told(cli) == [("bob", "100")]


def test_other_limits_and_the_project_have_thresholds_too(cli: Cli, budgets: BudgetManager) -> None:
    budgets.add_limit("alice", "1", name="small")
    budgets.cap("1")
    budgets.charge("alice", "0.9")
    limits = [(each["user"], each["limit"]) for each in cli("warn", "--json").document]
    assert limits == [("alice", "total"), ("alice", "small"), (None, "total")]


def test_a_try_tells_nobody(cli: Cli) -> None:
    assert told(cli, "--dry-run") == told(cli, "--dry-run") == told(cli) == [("alice", "50")]


def test_a_status_is_a_warning_from_the_lowest_threshold_on(cli: Cli) -> None:
    assert cli("show", "alice", "--json").document["status"] == "warning"
    cli("set", "alice", "--warn-at", "70")
    assert cli("show", "alice", "--json").document["status"] == "ok"


class TestExec:
    """Each is handed to a command."""

    def test_gets_a_document_on_its_stdin(self, cli: Cli, tmp_path: Path) -> None:
        code = f"import sys; open({str(tmp_path / 'got')!r}, 'w').write(sys.stdin.read())"
        result = cli("warn", "--exec", f'{sys.executable} -c "{code}"')
        document = json.loads((tmp_path / "got").read_text())
        assert (result.returncode, document["user"], document["threshold"]) == (0, "alice", 50)
        assert document["spent"] == 6

    @pytest.mark.parametrize("command", ["false", "/no/such/command"])
    def test_that_fails_is_told_again_the_next_time(self, cli: Cli, command: str) -> None:
        result = cli("warn", "--exec", command, "--json")
        assert (result.returncode, result.document) == (1, [])
        assert command in result.stderr
        assert told(cli) == [("alice", "50")]

    def test_is_not_run_by_a_shell(self, cli: Cli, tmp_path: Path) -> None:
        cli("warn", "--exec", f"true; touch {tmp_path / 'made'}")
        assert not (tmp_path / "made").exists()

    def test_does_not_write_to_our_output(self, cli: Cli) -> None:
        assert told(cli, "--exec", "cat") == [("alice", "50")]

    @pytest.mark.parametrize("command", ["", "'"])
    def test_bad_input(self, cli: Cli, command: str) -> None:
        assert cli("warn", "--exec", command).returncode == 2
        assert told(cli) == [("alice", "50")]


@pytest.mark.parametrize("percents", [("0",), ("1001",), ("-5",), ("x",), tuple(map(str, range(1, 12)))])
def test_what_is_no_threshold_is_refused(cli: Cli, percents: tuple[str, ...]) -> None:
    options = [word for percent in percents for word in ("--warn-at", percent)]
    assert cli("create", "bob", "1", *options).returncode == 2
    assert cli("show", "bob").returncode == 4
