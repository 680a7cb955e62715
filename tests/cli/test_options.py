"""Where options may stand, what goes before what, and the names that people type first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.commands import Cli


@pytest.fixture
def two_projects(cli: Cli) -> None:
    """Alice has $1 in the project `default` and $2 in `other`."""
    cli("create", "alice", "1")
    cli("create", "alice", "2", "--project", "other")


@pytest.mark.usefixtures("two_projects")
class TestPlaces:
    """Before the command's name, after it, and in the environment."""

    @pytest.mark.parametrize(
        "line",
        [
            "--project other show alice --json",
            "-p other --json show alice",
            "show alice --project other --json",
            "show --json -p other alice",
            "--json show alice --project=other",
            "--format json show alice -pother",
        ],
    )
    def test_options_of_every_command_may_stand_before_and_after_its_name(self, cli: Cli, line: str) -> None:
        assert cli(*line.split()).document["budget"] == "2"

    def test_what_stands_after_the_name_goes_before_what_stands_before_it(self, cli: Cli) -> None:
        assert cli("-p", "default", "show", "alice", "-p", "other", "--json").document["budget"] == "2"
        assert cli("--format", "csv", "show", "alice", "--json").document["budget"] == "1"
        assert cli("--json", "list", "--format", "csv").stdout.startswith("project,user,")

    def test_the_environment_names_the_project(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUDGETCTL_PROJECT", "other")
        assert cli("show", "alice", "--json").document["budget"] == "2"

    @pytest.mark.parametrize("line", ["-p default show alice --json", "show alice --json -p default"])
    def test_an_option_goes_before_the_environment(self, cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
        monkeypatch.setenv("BUDGETCTL_PROJECT", "other")
        assert cli(*line.split()).document["budget"] == "1"

    @pytest.mark.parametrize("variable", ["BUDGETCTL_PROJECT", "BUDGETCTL_STORE", "BUDGETCTL_WAIT"])
    def test_an_empty_variable_is_an_error(self, cli: Cli, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
        monkeypatch.setenv(variable, "")
        denied = cli("show", "alice", "--json")
        assert (denied.returncode, denied.stdout) == (2, "")
        assert f"{variable} is set, and empty" in denied.stderr

    def test_an_option_goes_before_an_empty_variable(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUDGETCTL_PROJECT", "")
        assert cli("show", "alice", "--json", "-p", "default").document["budget"] == "1"

    def test_the_environment_says_how_long_to_wait(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUDGETCTL_WAIT", "forever")
        assert "'forever' is not a time to wait" in cli("show", "alice").stderr
        assert cli("show", "alice", "--wait", "2.5").returncode == 0

    def test_a_process_reads_its_environment(self, run: Any) -> None:
        assert '"budget": 2,' in run("show", "alice", "--json", env={"BUDGETCTL_PROJECT": "other"}).stdout


class TestStores:
    """What `--store` and `BUDGETCTL_STORE` may name."""

    @pytest.mark.parametrize(
        ("location", "file"),
        [("budgets.db", "budgets.db"), ("made/deeper/b", "made/deeper/b"), ("stores/", "stores/team%20a%2Fb.db")],
    )
    def test_a_file_or_a_directory_of_them(
        self, cli: Cli, monkeypatch: pytest.MonkeyPatch, location: str, file: str
    ) -> None:
        assert cli("create", "alice", "10", "--store", location, "-p", "team a/b").returncode == 0
        assert Path(file).is_file()
        monkeypatch.setenv("BUDGETCTL_STORE", location)
        assert cli("show", "alice", "-p", "team a/b", "--json").document["project"] == "team a/b"

    def test_a_file_holds_several_projects(self, cli: Cli) -> None:
        for project in ("one", "two"):
            cli("create", project, "10", "--store", "b.db", "-p", project)
        assert cli("list", "-q", "--store", "b.db", "-p", "two").stdout == "two\n"

    def test_a_tilde_is_the_home(self, cli: Cli, home: Path) -> None:
        cli("create", "alice", "10", "--store", "~/budgets.db")
        assert (home / "budgets.db").is_file()

    def test_a_store_is_its_owners_alone(self, cli: Cli, store_path: Path) -> None:
        cli("create", "alice", "10")
        assert store_path.stat().st_mode & 0o077 == 0


class TestAliases:
    """Names that work and that no help shows."""

    @pytest.mark.parametrize("alias", ["list-users", "users", "ls"])
    def test_of_list(self, cli: Cli, alias: str) -> None:
        cli("create", "alice", "10")
        assert cli(alias, "-q").stdout == "alice\n"

    def test_of_delete(self, cli: Cli) -> None:
        cli("create", "alice", "10")
        assert cli("rm", "alice", "--yes").returncode == 0
        assert cli("show", "alice").returncode == 4

    def test_of_update_cost(self, cli: Cli) -> None:
        cli("create", "alice", "10")
        assert cli("update", "alice", "--cost", "0.5", "--json").document["spent"] == "0.5"

    def test_of_estimate(self, cli: Cli) -> None:
        line = ("--model", "gpt-4o", "--input-text", "hello world")
        assert cli("projected-cost", *line) == cli("estimate", *line)

    @pytest.mark.parametrize("option", ["--budget", "--total-budget", "--amount"])
    def test_of_budget(self, cli: Cli, option: str) -> None:
        assert cli("create", "alice", option, "7", "--json").document["budget"] == "7"
        assert cli("set", "alice", option, "8", "--json").document["budget"] == "8"

    @pytest.mark.parametrize("option", ["--response", "--response-file", "--response-json", "--file"])
    def test_of_response(self, cli: Cli, option: str) -> None:
        cli("create", "alice", "10")
        assert "cannot read missing.json" in cli("update-cost", "alice", option, "missing.json").stderr

    @pytest.mark.parametrize(
        "line",
        ["show --user alice", "set --user alice 7", "update-cost --cost 1 --user=alice", "history --user alice",
         "reset --user alice", "delete --user alice --yes"],
    )  # fmt: skip
    def test_user_may_be_an_option(self, cli: Cli, line: str) -> None:
        cli("create", "--user", "alice", "5")
        assert cli(*line.split()).returncode == 0

    def test_create_takes_the_user_as_an_option_and_the_amount_as_an_argument(self, cli: Cli) -> None:
        document = cli("create", "--user", "alice", "5", "--json").document
        assert (document["user"], document["budget"]) == ("alice", "5")
