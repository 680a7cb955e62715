"""Typer's private parts are there in every version that `pyproject.toml` admits, and do what they are used for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperCommand

from budgetctl.cli import typer_internals
from budgetctl.cli.typer_internals import ClickException, UsageError, WrapperParser

PACKAGE = Path(typer_internals.__file__).parents[1]
SHELLS = ["bash", "zsh", "fish", "powershell"]
WORDS = [
    (["alice", "ls", "-l"], (None, "alice", False, ["ls", "-l"])),
    (["--loud", "alice", "ls"], (None, "alice", True, ["ls"])),
    (["alice", "--loud", "ls", "--loud"], (None, "alice", True, ["ls", "--loud"])),
    (["alice", "--", "--loud"], (None, "alice", False, ["--loud"])),
    (["--user", "alice", "ls", "-l"], ("alice", "ls", False, ["-l"])),
]
NUMBERS = [(["alice", "ls", "-l"], 2), (["--user", "alice", "ls", "-l"], 2), (["alice"], 0)]


class Wrapping(TyperCommand):
    """A command that runs another one."""

    rest = 0

    def make_parser(self, ctx: Any) -> Any:
        """The parser that is tested."""
        parser = WrapperParser(ctx, "user_option", lambda words: setattr(self, "rest", words))
        for param in self.get_params(ctx):
            param.add_to_parser(parser, ctx)
        return parser


def wrapping() -> tuple[Any, list[Any]]:
    """A command with the parser, and the list of its calls: the option, the argument, the flag and the words."""
    app = typer.Typer(add_completion=False)
    called: list[Any] = []

    @app.command(cls=Wrapping)
    def run(
        user: Annotated[str | None, typer.Argument()] = None,
        command: Annotated[list[str] | None, typer.Argument()] = None,
        loud: Annotated[bool, typer.Option("--loud")] = False,
        user_option: Annotated[str | None, typer.Option("--user")] = None,
    ) -> None:
        called.append((user_option, user, loud, command or []))

    return typer.main.get_command(app), called


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    named = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return named | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_no_other_module_imports_a_private_part_of_typer() -> None:
    private = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(module.startswith(("typer._", "click")) for module in imported(path))
    }
    assert private == {"cli/typer_internals.py"}


def test_what_the_parser_cannot_understand_is_a_usage_error_with_a_message_and_a_code() -> None:
    command, _ = wrapping()
    with pytest.raises(UsageError) as raised:
        command.main(["--no-such-option"], standalone_mode=False)
    assert isinstance(raised.value, ClickException)
    assert "--no-such-option" in raised.value.format_message()
    assert raised.value.exit_code == 2
    assert raised.value.ctx is None or raised.value.ctx.command is command


def test_a_parameter_that_is_refused_is_a_click_exception() -> None:
    assert issubclass(typer.BadParameter, ClickException)


@pytest.mark.parametrize(("words", "expected"), WORDS, ids=lambda words: " ".join(map(str, words)))
def test_words_behind_the_first_argument_are_another_programs(words: list[str], expected: tuple[Any, ...]) -> None:
    command, called = wrapping()
    command.main(words, standalone_mode=False)
    assert called == [expected]


@pytest.mark.parametrize(("words", "rest"), NUMBERS)
def test_the_number_of_these_words_is_told(words: list[str], rest: int) -> None:
    command, _ = wrapping()
    command.main(words, standalone_mode=False)
    assert command.rest == rest


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_asks_the_program_by_the_variable(shell: str) -> None:
    script = typer_internals.completion_script(shell, program="a-program", variable="_A_VARIABLE")
    assert "a-program" in script
    assert "_A_VARIABLE" in script


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_installed_in_the_home(shell: str, home: Path) -> None:
    path = typer_internals.install_completion(shell, program="a-program", variable="_A_VARIABLE")
    assert home in path.parents
    assert path.read_text().strip() == typer_internals.completion_script(
        shell, program="a-program", variable="_A_VARIABLE"
    )


@pytest.mark.parametrize("knows", [True, False])
def test_shells_are_answered_once_they_are_known(knows: bool) -> None:
    program = (
        "import typer\n"
        "from budgetctl.cli.typer_internals import know_shells\n"
        "app = typer.Typer(add_completion=False)\n"
        "app.command('one')(lambda: None)\n"
        "app.command('other')(lambda: None)\n"
        f"{'know_shells()' if knows else ''}\n"
        "typer.main.get_command(app).main(prog_name='a-program', complete_var='_A_VARIABLE')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "_A_VARIABLE": "complete_bash", "COMP_WORDS": "a-program o", "COMP_CWORD": "1"},
    )
    assert done.stdout.split() == (["one", "other"] if knows else [])
