"""serve and token, and every other command against a server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from budgetctl.server.tokens import open_tokens
from budgetctl.server.tokens.files import FileTokens
from budgetctl.stores import SqliteStore
from support.commands import Cli
from support.places import EXAMPLES

TOKEN = f"bctl_3f9c21ab07_{'s' * 43}"


@pytest.fixture
def address(serve: Any, home: Path) -> str:
    """Where a server listens that answers anybody."""
    directory = home / "served"

    def open_project(name: str) -> SqliteStore:
        return SqliteStore(directory / f"{name}.db", name)

    return str(serve(open_project, f"{directory}/").address)


class TestCommands:
    """What works on a file works on a server."""

    def test_a_tour(self, cli: Cli, address: str) -> None:
        def do(*arguments: object) -> str:
            result = cli(*arguments, "--store", address)
            assert (result.returncode, result.stderr) == (0, "")
            return result.stdout

        assert do("create", "alice", "10", "--duration", "daily").startswith("alice: $10.00 daily")
        assert "+$0.0039 gpt-4o" in do("update-cost", "alice", "--response", EXAMPLES / "openai-chat.json")
        assert "already charged" in do("update-cost", "alice", "--response", EXAMPLES / "openai-chat.json")
        hold = do("reserve", "alice", "1").strip()
        assert hold in do("holds")
        assert do("commit", hold, "--cost", "0.5").startswith("alice +$0.50")
        assert "$0.50" in do("list")
        assert "spend" in do("history", "alice")
        assert do("limit", "add", "alice", "1", "--model", "gpt-*", "--duration", "weekly") != ""
        assert do("refund", "alice", "2") != ""
        assert do("check", "alice", "--cost", "1") == ""
        assert do("cap", "100") != ""
        assert do("verify", "--quiet") == ""
        assert "reset" in do("reset", "alice")
        assert do("reset-due") != ""
        assert address in do("projects")
        assert do("delete", "alice", "--yes") != ""

    def test_a_command_that_is_run_finds_the_server_too(self, run: Any, address: str) -> None:
        run("create", "alice", "1", "--store", address)
        charges = f"{sys.executable} -m budgetctl update-cost alice --cost 0.2 --quiet"
        assert run("run", "alice", "--store", address, "--", "sh", "-c", charges).returncode == 0
        assert "$0.20" in run("show", "alice", "--store", address).stdout

    def test_a_denial_is_one(self, cli: Cli, address: str) -> None:
        cli("create", "alice", "1", "--store", address)
        result = cli("reserve", "alice", "2", "--store", address)
        assert result.returncode == 3
        assert "is left of the budget" in result.stderr
        assert cli("check", "alice", "--cost", "2", "--store", address).returncode == 3

    def test_an_error_ends_in_the_command_to_type(self, cli: Cli, address: str) -> None:
        result = cli("show", "bob", "--store", address)
        assert result.returncode == 4
        assert f"try: budgetctl create bob --budget 10 --store {address}" in result.stderr

    def test_a_create_that_is_refused_makes_no_store_there(self, cli: Cli, address: str, home: Path) -> None:
        assert cli("create", "alice", "5", "--parent", "nobody", "--store", address).returncode == 4
        assert not list(home.glob("served/*.db"))

    def test_a_server_that_is_not_there_is_unreachable(self, cli: Cli) -> None:
        result = cli("show", "bob", "--store", "http://127.0.0.1:9")
        assert (result.returncode, result.stdout) == (5, "")
        assert result.stderr.startswith("error: cannot reach the server http://127.0.0.1:9: ")

    def test_a_token_in_the_clear_is_warned_about(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_id_secret")
        result = cli("show", "bob", "--store", "http://budgets.invalid")
        assert "warning: the token is sent to http://budgets.invalid in the clear" in result.stderr


class TestToken:
    """Making and revoking tokens."""

    def test_a_token_is_shown_once_and_listed_without_its_secret(self, cli: Cli) -> None:
        made = cli("token", "create", "--project", "team", "--expires", "90d")
        assert re.fullmatch(r"bctl_[0-9a-f]{10}_[\w-]{43}\n", made.stdout)
        token_id, secret = made.stdout.strip().split("_", 2)[1:]
        listed = cli("token", "list").stdout
        assert token_id in listed
        assert "team" in listed
        assert secret not in listed + cli("token", "list", "--json").stdout

    def test_json_has_the_token_and_what_it_is_for(self, cli: Cli) -> None:
        document = cli("token", "create", "--read-only", "--json").document
        assert document["token"].startswith(f"bctl_{document['id']}_")
        assert (document["project"], document["read_only"], document["status"]) == ("default", True, "valid")

    def test_a_token_is_revoked(self, cli: Cli) -> None:
        token_id = cli("token", "create", "--json").document["id"]
        assert cli("token", "revoke", token_id).stdout == f"{token_id}: revoked; it was for the project default\n"
        assert [each["status"] for each in cli("token", "list", "--json").document] == ["revoked"]
        assert cli("token", "revoke", "nothing").returncode == 4

    def test_a_token_is_revoked_by_its_name_or_the_beginning_of_its_id(self, cli: Cli) -> None:
        made = cli("token", "create", "--name", "ci", "-p", "team", "--json").document
        assert made["name"] == "ci"
        refused = cli("token", "revoke", "ci")
        assert (refused.returncode, refused.stderr) == (
            4,
            "error: the project default has no token 'ci'; the project team has one\n  try: budgetctl token list\n",
        )
        assert cli("token", "revoke", "ci", "-p", "default").stderr.endswith("try: budgetctl token list\n")
        assert cli("token", "revoke", "ci", "-p", "team").stdout == (
            f"{made['id']} (ci): revoked; it was for the project team\n"
        )
        other = cli("token", "create", "--json").document["id"]
        assert cli("token", "revoke", other[:6], "--json").document["status"] == "revoked"

    def test_a_name_is_taken_once(self, cli: Cli) -> None:
        made = cli("token", "create", "--name", "ci", "--json").document["id"]
        refused = cli("token", "create", "--name", "ci")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"error: the project default has a token 'ci' already, {made}\n  try: budgetctl token revoke {made}\n"
        )
        assert cli("token", "create", "--name", " ").returncode == 2
        cli("token", "revoke", "ci")
        assert cli("token", "create", "--name", "ci").returncode == 0

    def test_the_list_has_names_and_the_last_use(self, cli: Cli) -> None:
        made = cli("token", "create", "--name", "ci", "--read-only", "--json").document
        cli("token", "create", "--expires", "1d")
        heading, first, second = cli("token", "list").stdout.splitlines()
        assert heading.split() == ["ID", "NAME", "PROJECT", "MAY", "STATUS", "CREATED", "EXPIRES", "LAST", "USED"]
        assert first.split()[1:5] == ["ci", "default", "read", "valid"]
        assert first.split()[-2:] == ["never", "never"]
        assert second.split()[-1] == "never"
        open_tokens(None).keep_uses({made["id"]: 1_795_348_800_000_000})
        assert cli("token", "list").stdout.splitlines()[1].split()[-1] == "2026-11-22"
        assert cli("token", "list", "--json").document[0]["last_used_at"] == "2026-11-22T12:00:00Z"
        assert cli("token", "list", "--format", "csv").stdout.startswith(
            "id,name,project,read_only,status,created_at,expires_at,last_used_at,revoked_at\n"
        )

    @pytest.mark.parametrize("days", ["", "x", "0d", "-1d", "90", "90h"])
    def test_a_time_that_is_none_is_an_error(self, cli: Cli, days: str) -> None:
        assert cli("token", "create", "--expires", days).returncode == 2

    def test_tokens_of_stores_elsewhere_are_apart(self, cli: Cli, home: Path) -> None:
        cli("token", "create")
        assert cli("token", "list", "--store", f"{home}/other/", "--json").document == []
        assert cli("token", "list", "--store", "http://127.0.0.1:9").returncode == 2

    def test_a_project_of_any_name_is_none_of_the_servers_files(self, cli: Cli) -> None:
        cli("token", "create")
        for name in ("tokens", "tokens.json", "default.db.tokens"):
            cli("create", "alice", "1", "--project", name)
        assert [each["project"] for each in cli("projects", "--json").document] == [
            "default.db.tokens", "tokens", "tokens.json"
        ]  # fmt: skip
        assert len(cli("token", "list", "--json").document) == 1

    def test_a_token_is_saved_for_one_server(self, cli: Cli, home: Path) -> None:
        result = cli("token", "save", "--store", "https://budgets.example", stdin=f"{TOKEN}\n".encode())
        path = home / "config" / "budgetctl" / "tokens" / "https-budgets.example-443" / "default"
        assert result.stdout == f"kept in {path}\n"
        assert path.read_text() == f"{TOKEN}\n"

    @pytest.mark.parametrize("text", [TOKEN[:-1], TOKEN[5:], f"{TOKEN}x", "hunter2", "", f"Bearer {TOKEN}"])
    def test_what_is_no_whole_token_is_not_put_in_the_place_of_one(self, cli: Cli, home: Path, text: str) -> None:
        cli("token", "save", "--store", "https://budgets.example", stdin=f"{TOKEN}\n".encode())
        result = cli("token", "save", "--store", "https://budgets.example", stdin=f"{text}\n".encode())
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith("error: this is no token")
        assert text[:7] not in result.stderr.replace("bctl_,", "") or not text
        (path,) = home.glob("config/budgetctl/tokens/*/default")
        assert path.read_text() == f"{TOKEN}\n"

    def test_a_project_without_a_budget_is_noted(self, cli: Cli) -> None:
        assert "note: the project team has no budget yet\n" in cli("token", "create", "-p", "team").stderr
        cli("create", "alice", "1", "-p", "team")
        assert "no budget yet" not in cli("token", "create", "-p", "team").stderr

    def test_the_list_is_of_the_project_that_is_named(self, cli: Cli) -> None:
        for project in ("team", "shop"):
            cli("token", "create", "--project", project)
        assert [each["project"] for each in cli("token", "list", "--json").document] == ["team", "shop"]
        assert [each["project"] for each in cli("token", "list", "-p", "shop", "--json").document] == ["shop"]
        assert cli("token", "list", "-p", "none").stderr == "note: no token of none\n"


class TestTokensOfAClient:
    """Which token, and which project, a client uses on a server that wants tokens."""

    @pytest.fixture
    def guarded(self, serve: Any, home: Path) -> Any:
        """A server that wants tokens."""
        directory = home / "served"

        def open_project(name: str) -> SqliteStore:
            return SqliteStore(directory / f"{name}.db", name)

        return serve(open_project, f"{directory}/", tokens=FileTokens(home / "tokens.json"))

    def save(self, cli: Cli, guarded: Any, project: str, *options: str) -> None:
        """Keep a token for a project."""
        text = guarded.new_token(project).encode()
        assert cli("token", "save", "--store", guarded.address, *options, stdin=text).returncode == 0

    def test_the_project_is_that_of_the_only_token_where_none_is_named(self, cli: Cli, guarded: Any) -> None:
        self.save(cli, guarded, "team", "-p", "team")
        assert cli("create", "alice", "5", "--store", guarded.address).returncode == 0
        assert cli("show", "alice", "--store", guarded.address, "--json").document["project"] == "team"
        self.save(cli, guarded, "default")
        assert cli("show", "alice", "--store", guarded.address).returncode == 4

    def test_a_token_of_another_project_is_told_which(
        self, cli: Cli, guarded: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BUDGETCTL_TOKEN", guarded.new_token("team"))
        refused = cli("show", "alice", "--store", guarded.address)
        assert refused.returncode == 7
        message, hint = refused.stderr.splitlines()
        assert message.endswith("the token is for the project 'team', and not for 'default'")
        assert hint.startswith("  try: --project team, or BUDGETCTL_PROJECT")
        assert cli("create", "alice", "5", "--store", guarded.address, "--project", "team").returncode == 0

    def test_whoever_has_no_token_that_counts_is_told_of_no_project(
        self, cli: Cli, guarded: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guarded.new_token("secret-team")
        cli("create", "alice", "5", "--store", guarded.address)
        monkeypatch.setenv("BUDGETCTL_TOKEN", TOKEN)
        for project in ("default", "secret-team", "none"):
            refused = cli("show", "alice", "--store", guarded.address, "--project", project)
            assert refused.returncode == 7
            assert "secret-team" not in refused.stderr
            assert refused.stderr.splitlines()[1] == "  try: put a token for it into BUDGETCTL_TOKEN"

    def test_a_project_without_a_saved_token_is_told_of_those_that_have_one(self, cli: Cli, guarded: Any) -> None:
        self.save(cli, guarded, "team", "-p", "team")
        refused = cli("show", "alice", "--store", guarded.address, "-p", "other")
        assert refused.returncode == 7
        assert refused.stderr.splitlines()[1].startswith("  try: a token is saved for --project team; ")

    def test_one_for_reading_only_is_told_what_it_lacks(
        self, cli: Cli, guarded: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BUDGETCTL_TOKEN", guarded.new_token("default", read_only=True))
        refused = cli("create", "alice", "5", "--store", guarded.address)
        assert refused.returncode == 7
        assert refused.stderr.splitlines()[1].startswith("  try: take one that may write")

    def test_projects_are_those_of_all_tokens_that_are_saved(self, cli: Cli, guarded: Any) -> None:
        for project in ("team", "shop"):
            self.save(cli, guarded, project, "-p", project)
            assert cli("create", "alice", "5", "--store", guarded.address, "-p", project).returncode == 0
        (guarded.server.settings.tokens).revoke(guarded.new_token("gone").split("_")[1], 1)
        listed = cli("projects", "--store", guarded.address, "--json").document
        assert [each["project"] for each in listed] == ["shop", "team"]


class TestServe:
    """Running a server."""

    def test_the_first_token_is_where_a_client_on_this_machine_finds_it(self, run: Any) -> None:
        command = [sys.executable, "-m", "budgetctl", "serve", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            made, serving = server.stderr.readline(), server.stderr.readline()
            address = serving.split()[2].rstrip(";")
            path = Path(made.rsplit(" in ", 1)[1].strip())
            assert path.read_text().strip() not in made + serving
            assert run("create", "alice", "10", "--store", address).returncode == 0
            assert run("show", "alice", "--store", address).returncode == 0
            assert run("show", "alice", "--store", address, env={"BUDGETCTL_TOKEN": "bctl_x_y"}).returncode == 7
            server.send_signal(signal.SIGTERM)
            log = server.stderr.read()
        assert server.returncode == 0
        assert "alice" not in log

    def test_on_all_addresses_it_says_for_whom_it_answers_and_its_token_is_found_by_any_name(self, run: Any) -> None:
        command = [sys.executable, "-m", "budgetctl", "serve", "--port", "0", "--host", "0.0.0.0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            made, noted, serving = (server.stderr.readline() for _ in range(3))
            assert made.startswith("note: made a token")
            assert noted == (
                "note: only requests for 127.0.0.1, ::1, localhost are answered: --allowed-host NAME adds what clients"
                " call it\n"
            )
            port = serving.split()[2].rstrip(";").rpartition(":")[2]
            for host in ("127.0.0.1", "localhost"):
                address = f"http://{host}:{port}"
                assert run("create", "alice", "10", "--if-not-exists", "--store", address).returncode == 0
            server.send_signal(signal.SIGTERM)
            server.stderr.read()

    @pytest.mark.parametrize("options", [(), ("--metrics-by-user",)])
    def test_metrics_name_users_when_that_is_asked_for(self, run: Any, options: tuple[str, ...]) -> None:
        run("create", "alice", "10")
        command = [sys.executable, "-m", "budgetctl", "serve", "--port", "0", "--no-auth", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            address = server.stderr.readline().split()[2].rstrip(";")
            with urllib.request.urlopen(f"{address}/metrics") as answer:
                metrics = answer.read().decode()
            server.send_signal(signal.SIGTERM)
            server.stderr.read()
        assert 'budgetctl_limit_usd{project="default"} 10.0' in metrics
        assert ("alice" in metrics) == bool(options)

    @pytest.mark.parametrize(
        "options",
        [("--no-auth", "--host", "0.0.0.0"), ("--store", "http://127.0.0.1:1"), ("--port", "70000")],
    )
    def test_what_would_not_be_safe_or_possible_is_refused(self, cli: Cli, options: tuple[str, ...]) -> None:
        result = cli("serve", *options)
        assert result.returncode == 2
        assert result.stderr.startswith("error: ")
