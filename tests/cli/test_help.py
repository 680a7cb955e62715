"""Help begins with examples, fits 80 columns, and is there for every command."""

from __future__ import annotations

import re

import pytest

from budgetctl import __version__
from budgetctl.cli.app import ALIASES, COMMANDS
from support.commands import Cli

NAMES = [name for section in COMMANDS.values() for name in section]
ALL = [*([name] for name in NAMES), ["completion", "show"], ["completion", "install"]]


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")


def sections(help_text: str) -> dict[str, list[str]]:
    """The first word of each line of a help, by the section that it is in."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in help_text.splitlines():
        if re.fullmatch(r"\w[\w -]*:", line):
            heading = line.removesuffix(":")
        elif re.match(r"  \S", line):
            found.setdefault(heading, []).append(line.split()[0])
    return found


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_has_examples_first_and_then_its_usage(cli: Cli, command: list[str]) -> None:
    result = cli(*command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    examples, _, rest = result.stdout.partition("\n\n")
    for example in examples.splitlines():
        assert example.startswith(f"$ budgetctl {command[0]}")
    assert rest.startswith(f"Usage: budgetctl {' '.join(command)} [OPTIONS]")
    description = rest.split("\n\n")[1]
    assert re.fullmatch(r"  [A-Z].*", description, re.DOTALL)


@pytest.mark.parametrize("command", [[], *ALL], ids=" ".join)
def test_help_fits_a_terminal_and_cuts_nothing(cli: Cli, command: list[str]) -> None:
    lines = cli(*command, "--help").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith(("…", "...")) and not line.startswith("Usage:")]


@pytest.mark.parametrize("command", [[], ["show"], ["completion"], ["completion", "show"]], ids=" ".join)
def test_h_is_short_for_help(cli: Cli, command: list[str]) -> None:
    assert cli(*command, "-h") == cli(*command, "--help")


@pytest.mark.parametrize("command", [[], ["completion"]], ids=" ".join)
def test_a_command_that_needs_another_one_prints_its_help(cli: Cli, command: list[str]) -> None:
    assert cli(*command) == cli(*command, "--help")


def test_the_help_lists_every_command_under_a_heading(cli: Cli) -> None:
    listed = sections(cli().stdout)
    assert {heading: listed[heading] for heading in COMMANDS} == {
        heading: list(commands) for heading, commands in COMMANDS.items()
    }


def test_the_help_says_what_exit_codes_mean(cli: Cli) -> None:
    assert sections(cli().stdout)["Exit codes"] == ["0", "1", "2", "3", "4", "5", "6", "7", "130"]


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("show", "[OPTIONS] USER"),
        ("create", "[OPTIONS] USER [AMOUNT]"),
        ("reset", "[OPTIONS] [USER]"),
        ("migrate", "[OPTIONS] [FILE]"),
        ("list", "[OPTIONS]"),
        ("completion", "[OPTIONS] COMMAND [ARGS]..."),
    ],
)
def test_the_usage_shows_what_may_be_left_out(cli: Cli, command: str, usage: str) -> None:
    assert f"Usage: budgetctl {command} {usage}\n" in cli(command, "-h").stdout


def test_options_of_every_command_are_listed_once_and_each_help_says_where(cli: Cli) -> None:
    shared = ["-p,", "--store", "--format", "--json", "-q,", "--no-color", "--no-pager", "--wait"]
    assert sections(cli("-h").stdout)["Options"] == [*shared, "--version", "-h,"]
    help_text = cli("delete", "-h").stdout
    assert sections(help_text)["Options"] == ["-y,"]
    assert "\nOptions of every command, such as --project and --json: budgetctl --help\n" in help_text


@pytest.mark.parametrize("command", [[], *ALL], ids=" ".join)
def test_no_help_shows_an_alias(cli: Cli, command: list[str]) -> None:
    words = set(re.findall(r"(?<![\w-])[\w-]+", cli(*command, "-h").stdout))
    hidden = {"list-users", "ls", "rm", "projected-cost", "--total-budget", "--response-file", "--user"}
    assert not words & hidden
    assert {word.removeprefix("--") for word in hidden} - {"user"} <= set(ALIASES)


def test_the_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"budgetctl {__version__}\n", "")


@pytest.mark.parametrize("words", [[], ["create"], ["limit"], ["limit", "add"], ["run"]], ids=" ".join)
def test_help_shows_the_help_of_a_command(cli: Cli, words: list[str]) -> None:
    assert cli("help", *words) == cli(*words, "--help")


def test_help_of_what_is_no_command_is_an_error(cli: Cli) -> None:
    assert cli("help", "creat").stderr.startswith("error: no such command 'creat'. Did you mean 'create'")
    assert cli("help", "create", "x").stderr.startswith("error: budgetctl create has no command 'x'")
