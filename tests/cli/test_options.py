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


class TestAmounts:
    """One way to write the amount that a command is about: as an argument, or as an option of the same name."""

    @pytest.fixture(autouse=True)
    def alice(self, cli: Cli) -> None:
        cli("create", "alice", "10")
        cli("update-cost", "alice", "1")

    @pytest.mark.parametrize("amount", ["0.5", "--amount 0.5", "--amount=$0.5"])
    @pytest.mark.parametrize(
        "line",
        ["create bob", "set alice", "cap", "limit add alice --name other", "top-up alice", "check alice",
         "reserve alice", "update-cost alice", "refund alice 1"],
    )  # fmt: skip
    def test_is_an_argument_or_an_option(self, cli: Cli, line: str, amount: str) -> None:
        assert cli(*line.split(), *amount.split()).returncode == 0

    @pytest.mark.parametrize("amount", [["0.03"], ["--amount", "0.03"], ["--cost", "0.03"]])
    def test_of_a_commit_is_one_too(self, cli: Cli, amount: list[str]) -> None:
        hold = cli("reserve", "alice", "0.05").stdout.strip()
        assert cli("commit", hold, *amount, "--json").document["cost"] == "0.03"

    @pytest.mark.parametrize("line", ["top-up alice -1", "reserve alice -0.5", "commit h -$1", "check alice -.5"])
    def test_below_zero_is_no_option(self, cli: Cli, line: str) -> None:
        result = cli(*line.split())
        assert result.returncode == 2
        assert "is negative: an amount of money must be 0 or more" in result.stderr

    def test_that_is_a_file_is_told_its_option(self, cli: Cli) -> None:
        Path("response.json").write_text("{}")
        assert cli("update-cost", "alice", "response.json").stderr.splitlines() == [
            "error: 'response.json' is no amount but a file",
            "  try: --response response.json",
        ]

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("create bob --total-budget", "option '--total-budget' requires an argument"),
            ("update-cost alice --file", "option '--file' requires an argument"),
            ("show alice --amount 5", "no such option: --amount"),
        ],
    )
    def test_errors_name_the_option_that_was_typed(self, cli: Cli, line: str, says: str) -> None:
        assert says in cli(*line.split()).stderr


class TestSuggestions:
    """What may have been meant."""

    @pytest.fixture(autouse=True)
    def alice(self, cli: Cli) -> None:
        cli("create", "alice", "10")

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("show alcie", "no budget for 'alcie'; did you mean 'alice'?"),
            ("show ALICE", "no budget for 'ALICE'; did you mean 'alice'?"),
            ("create bob 1 --parent alise", "no budget for the parent 'alise'; did you mean 'alice'?"),
            ("-p defalt show alice", "there is no project 'defalt'; did you mean 'default'?"),
            ("list -p defalt", "the project 'defalt' has no budgets yet; did you mean 'default'?"),
            ("set alice --duration week", "did you mean weekly?"),
            ("set alice --duration month", "did you mean monthly?"),
            ("set alice --duration 1m", "did you mean 1mo, for months"),
            ("set alice --duration 3months", "did you mean 3mo?"),
            ("set alice --duration mnthly", "did you mean monthly?"),
            ("set alice --duration 0d", "from 1d (or hours, from 1h)"),
            ("limit add alice 5 --model gtp-4o", "did you mean 'gpt-4o'"),
            ("hepl", "no such command 'hepl'. Did you mean 'help'?"),
        ],
    )
    def test_are_part_of_the_message(self, cli: Cli, line: str, says: str) -> None:
        assert says in cli(*line.split()).stderr

    def test_of_a_hold_are_those_that_begin_so(self, cli: Cli) -> None:
        hold = cli("reserve", "alice", "1").stdout.strip()
        assert f"there is no hold {hold[:6]!r}; did you mean {hold!r}?" in cli("release", hold[:6]).stderr

    def test_do_not_repeat_a_project_that_is_not_there(self, cli: Cli) -> None:
        assert cli("show", "alice", "-p", "defalt").stderr.splitlines()[1] == "  try: budgetctl projects"

    def test_a_name_like_no_other_has_none(self, cli: Cli) -> None:
        assert "did you mean" not in cli("show", "zebediah").stderr

    def test_are_not_the_project_itself(self, cli: Cli) -> None:
        cli("-p", "new", "create", "bob", "5", "--parent", "red")
        assert "did you mean" not in cli("-p", "new", "show", "red").stderr
