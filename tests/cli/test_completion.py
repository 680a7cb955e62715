"""Completion in four shells. Those that a machine does not have are tested by what they would ask."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.cli import completion_table, quick_completing
from budgetctl.cli.app import root_command
from support.commands import Cli

SCRIPTS = Path(__file__).parents[2] / "completions"
FILES = {"bash": "budgetctl.bash", "zsh": "_budgetctl", "fish": "budgetctl.fish", "powershell": "budgetctl.ps1"}


def asking(shell: str, line: str, action: str = "get-args") -> dict[str, str]:
    """The environment in which a shell asks for the end of a command line. The action is fish's."""
    words = line.split() + ([""] if line.endswith(" ") else [])
    return {
        "_BUDGETCTL_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": action,
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }


def ask(run: Any, shell: str, line: str) -> list[str]:
    """What a shell is answered that asks for the end of a command line."""
    result = run(env=asking(shell, line))
    assert (result.returncode, result.stderr) == (0, "")
    return list(result.stdout.splitlines())


class TestScripts:
    """What makes a shell ask."""

    @pytest.mark.parametrize(("shell", "file"), FILES.items())
    def test_the_files_are_what_the_command_prints(self, cli: Cli, shell: str, file: str) -> None:
        assert (SCRIPTS / file).read_text() == cli("completion", "show", shell).stdout

    def test_zsh_is_answered_at_its_first_tab(self) -> None:
        script = (SCRIPTS / "_budgetctl").read_text()
        assert script.startswith("#compdef budgetctl\n")
        assert 'if [[ ${funcstack[1]} = _budgetctl ]]; then\n  _budgetctl_completion "$@"\nelse' in script

    def test_bash_completes_a_command_and_a_user(self, budgets: BudgetManager, tmp_path: Path) -> None:
        bash = shutil.which("bash")
        if bash is None:
            pytest.skip("there is no bash here; the other tests ask as it would")
        budgets.create("alice", "10")
        program = tmp_path / "budgetctl"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m budgetctl "$@"\n')
        program.chmod(0o755)
        script = f"""
            source {shlex.quote(str(SCRIPTS / "budgetctl.bash"))}
            complete -p budgetctl
            COMP_WORDS=(budgetctl update) COMP_CWORD=1; _budgetctl_completion budgetctl; echo "${{COMPREPLY[@]}}"
            COMP_WORDS=(budgetctl show a) COMP_CWORD=2; _budgetctl_completion budgetctl; echo "${{COMPREPLY[@]}}"
        """
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [bash, "--norc", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        assert done.stderr == ""
        assert done.stdout.splitlines() == [
            "complete -o default -F _budgetctl_completion budgetctl",
            "update-cost",
            "alice",
        ]


class TestAnswers:
    """What a shell is told."""

    @pytest.mark.parametrize(
        ("shell", "answer"),
        [
            ("bash", "delete"),
            ("zsh", """_arguments '*: :(("delete":"Delete a budget."))'"""),
            ("fish", "delete\tDelete a budget."),
            ("powershell", "delete:::Delete a budget."),
        ],
    )
    def test_a_command(self, run: Any, shell: str, answer: str) -> None:
        assert ask(run, shell, "budgetctl del") == [answer]

    @pytest.mark.parametrize(
        ("line", "answer"),
        [
            ("budgetctl reset", "reset reset-due"),
            ("budgetctl completion ", "show install"),
            ("budgetctl completion show ", "bash zsh fish powershell"),
            ("budgetctl update-cost --input-t", "--input-text --input-tokens"),
            ("budgetctl list --sort ", "user spent remaining budget"),
            ("budgetctl list --format j", "json jsonl"),
            ("budgetctl show al", "alice alina"),
            ("budgetctl show alice", "alice"),
            ("budgetctl show -p other ", "zoe"),
            ("budgetctl -p other show ", "zoe"),
            ("budgetctl show -p missing ", ""),
            ("budgetctl -p ", "default other"),
            ("budgetctl show -p o", "other"),
            ("budgetctl create bob 1 --duration m", "monthly"),
            ("budgetctl check alice --model gpt-4o-mini-2", "gpt-4o-mini-2024-07-18"),
            ("budgetctl commit job-", "job-1 job-2"),
            ("budgetctl release job-2", "job-2"),
            ("budgetctl create bob ", ""),
        ],
    )
    def test_commands_options_values_and_users(self, budgets: BudgetManager, run: Any, line: str, answer: str) -> None:
        for user in ("alice", "alina", "bob"):
            budgets.create(user, "1")
        for name in ("job-1", "job-2"):
            budgets.reserve("alice", "0.1", hold_id=name)
        other = BudgetManager("other")
        other.create("zoe", "1")
        other.close()
        assert " ".join(ask(run, "bash", line)) == answer

    def test_tokens_are_completed_by_their_names(self, run: Any) -> None:
        for options in (("--name", "ci"), ("--name", "gone"), ("--name", "cd", "-p", "other")):
            run("token", "create", *options)
        run("token", "revoke", "gone")
        assert ask(run, "bash", "budgetctl token revoke ") == ["ci"]
        assert ask(run, "bash", "budgetctl -p other token revoke c") == ["cd"]

    def test_no_alias(self, run: Any) -> None:
        assert ask(run, "bash", "budgetctl l") == ["list", "limit"]
        assert ask(run, "bash", "budgetctl show --us") == [""]

    def test_a_store_that_cannot_be_read_has_no_users(self, run: Any, store_path: Path) -> None:
        store_path.parent.mkdir(parents=True)
        store_path.write_text("not a database" * 100)
        assert ask(run, "bash", "budgetctl show ") == [""]


WORDS = [
    "budgetctl show ",
    "budgetctl show al",
    "budgetctl show --json al",
    "budgetctl show alice",
    "budgetctl show -p other ",
    "budgetctl show --project other z",
    "budgetctl -p other show ",
    "budgetctl -p other --no-color show --json ",
    "budgetctl -p o",
    "budgetctl show nobody",
    "budgetctl show -p missing ",
    "budgetctl create bob 1 --duration m",
    "budgetctl create bob 1 --parent a",
    "budgetctl create bob 1 --warn-at 5 --duration q",
    "budgetctl check alice --model my-",
    "budgetctl commit job-",
    "budgetctl commit --wait 1 job-1",
    "budgetctl holds ",
    "budgetctl limit add a",
    "budgetctl reset --all a",
    "budgetctl show --wait never al",
]
"""Lines whose last word is a name, or where somebody might take it for one."""


class TestQuickAnswers:
    """Names are found without Typer, by a table."""

    def test_the_table_is_made_of_typers_description(self) -> None:
        """`python -m budgetctl.cli.completion_table` writes it."""
        assert quick_completing.TABLE.read_text("utf-8") == completion_table.text()

    @pytest.fixture
    def names(self, budgets: BudgetManager, cli: Cli) -> None:
        """Users, one of them with characters that a shell takes for others, holds, a price, and another project."""
        for user in ("alice", "alina", "al:$`ice", "bob", "z o e"):
            budgets.create(user, "1")
        for name in ("job-1", "job-2"):
            budgets.reserve("alice", "0.1", hold_id=name)
        cli("create", "zoe", "1", "-p", "other")
        cli("prices", "set", "my-model", "--input", "1")

    @pytest.mark.usefixtures("names")
    @pytest.mark.parametrize("line", WORDS)
    def test_are_those_of_typer(
        self, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for shell, action in (("bash", ""), ("zsh", ""), ("fish", "get-args"), ("fish", "is-args")):
            for name, value in asking(shell, line, action).items():
                monkeypatch.setenv(name, value)
            code = quick_completing.answer()
            quick = capsys.readouterr().out
            with pytest.raises(SystemExit) as ended:
                root_command().main([], prog_name="budgetctl")
            assert (quick, code) == (capsys.readouterr().out, ended.value.code or 0)

    @pytest.mark.parametrize(
        "line",
        [
            "budgetctl sho",
            "budgetctl show --",
            "budgetctl show alice --js",
            "budgetctl list --sort ",
            "budgetctl run ",
            "budgetctl ls ",
            "budgetctl show alice ",
            "budgetctl show --user ",
            "budgetctl limit remove alice ",
            "budgetctl no-such ",
            "budgetctl show --no-such ",
            "budgetctl show --project --json ",
            "budgetctl show --project=other ",
            "budgetctl show -- ",
            "budgetctl show 'al",
            "budgetctl token ",
            "budgetctl create bob ",
            "budgetctl --store ",
            "budgetctl",
        ],
    )
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
    def test_all_else_is_left_to_typer(self, shell: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in asking(shell, line).items():
            monkeypatch.setenv(name, value)
        assert quick_completing.answer() is None

    def test_other_instructions_are_left_to_typer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {**asking("bash", "budgetctl show "), "_BUDGETCTL_COMPLETE": "source_bash"}.items():
            monkeypatch.setenv(name, value)
        assert quick_completing.answer() is None


class TestInstall:
    """In the home directory."""

    @pytest.mark.parametrize(
        ("shell", "file"),
        [("bash", ".bash_completions/budgetctl.sh"), ("zsh", ".zfunc/_budgetctl"),
         ("fish", "config/fish/completions/budgetctl.fish")],
    )  # fmt: skip
    def test_writes_the_script_where_the_shell_looks(self, cli: Cli, home: Path, shell: str, file: str) -> None:
        result = cli("completion", "install", shell)
        assert result.stdout == f"{shell} completion installed in {home / file}; open a new shell to use it\n"
        assert (home / file).read_text().strip() == cli("completion", "show", shell).stdout.strip()

    @pytest.mark.parametrize(("shell", "file"), [("bash", ".bashrc"), ("zsh", ".zshrc")])
    def test_keeps_what_the_shell_reads_and_can_be_repeated(self, cli: Cli, home: Path, shell: str, file: str) -> None:
        (home / file).write_text("alias ll='ls -l'\n")
        cli("completion", "install", shell)
        installed = (home / file).read_text().split("\n")
        cli("completion", "install", shell)
        assert installed[0] == "alias ll='ls -l'"
        assert [line for line in (home / file).read_text().split("\n") if line] == [line for line in installed if line]

    def test_a_home_that_cannot_be_written_is_an_error(self, cli: Cli, home: Path) -> None:
        (home / ".bash_completions").write_text("a file in the way")
        result = cli("completion", "install", "bash")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith("error: cannot install the completion of bash: ")
        assert "try: budgetctl completion show bash" in result.stderr

    def test_a_shell_that_is_not_there_is_an_error(self, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        result = cli("completion", "install", "powershell")
        assert result.returncode == 1
        assert result.stderr.startswith("error: cannot install the completion of powershell: ")
