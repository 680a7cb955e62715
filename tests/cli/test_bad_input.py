"""Bad input gets one clear line that says what was wrong and what to do, and changes nothing."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from unittest.mock import ANY

import pytest

from budgetctl import BudgetManager
from budgetctl.cli.app import root_command
from support.commands import Cli, dump

ANSWER = '{"id": "a1", "created": 1, "model": "no-such-model", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}'


class Case(NamedTuple):
    """A command line, and what it must come to."""

    line: str
    returncode: int
    code: str
    says: str

    @property
    def arguments(self) -> list[str]:
        """The line as a shell reads it."""
        return shlex.split(self.line)


def case(line: str, returncode: int, code: str, says: str) -> object:
    """A case of the table."""
    return pytest.param(Case(line, returncode, code, says), id=line[:60].encode("unicode_escape").decode() or "empty")


AMOUNTS = [
    case(f"{command} {value!r}", 2, "invalid", says)
    for command in ("create bob", "create bob --budget", "set alice", "update-cost alice --cost")
    for value, says in {
        "nan": "not an amount of money",
        "inf": "not an amount of money",
        "1,000": "write 1000 or 1.000, whichever is meant",
        "": "''",
        "ten": "not an amount of money",
        "10 EUR": "not an amount of money",
        "1e99": "too large",
        "1e15": "too large",
        "1e12": "too large",
    }.items()
]

CASES = [
    # amounts
    *AMOUNTS,
    case("create bob --budget=-5", 2, "invalid", "negative"),
    case("set alice --budget=-0.01", 2, "invalid", "negative"),
    case("update-cost alice --cost=-5", 2, "invalid", "negative"),
    case("create bob", 2, "invalid", "no amount was given"),
    case("create bob 10 --budget 10", 2, "invalid", "two amounts were given"),
    case("set alice 10 --budget 20", 2, "invalid", "two amounts were given"),
    case("set alice", 2, "invalid", "nothing to change"),
    # durations, zones, alignments
    case("create bob 1 --duration fortnightly", 2, "invalid", "'fortnightly' is not a duration"),
    case("create bob 1 --duration ''", 2, "invalid", "'' is not a duration"),
    case("create bob 1 --duration 0d", 2, "invalid", "'0d'"),
    case("create bob 1 --duration 99999999d", 2, "invalid", "out of range"),
    case("set alice --duration 1.5d", 2, "invalid", "'1.5d' is not a duration"),
    case("create bob 1 --timezone Mars/Base", 2, "invalid", "'Mars/Base' is not a time zone"),
    case("create bob 1 --timezone ../../etc/passwd", 2, "invalid", "is not a time zone"),
    case("create bob 1 --timezone ''", 2, "invalid", "'' is not a time zone"),
    case("create bob 1 --duration 2w --align calendar", 2, "invalid", "2w"),
    case("create bob 1 --align sideways", 2, "usage", "'sideways' is not one of 'rolling', 'calendar'"),
    # names
    case("create '' 1", 2, "invalid", "the user is empty"),
    case("create ' ' 1", 2, "invalid", "the user is empty"),
    case("create 'a\x1b[2Jb' 1", 2, "invalid", r"'a\x1b[2Jb' has a control character"),
    case("create 'a\nb' 1", 2, "invalid", r"'a\nb' has a control character"),
    case(f"create {'u' * 257} 1", 2, "invalid", "257 characters"),
    case("show alice --project ''", 2, "invalid", "the project name is empty"),
    case("show alice --project 'a\x07b'", 2, "invalid", "control character"),
    case(f"show alice --project {'p' * 257}", 2, "invalid", "257 characters"),
    case(f"create bob 1 --project {'é' * 100}", 2, "invalid", "too long for a file name"),
    case("show alice --store ''", 2, "invalid", "the store is empty"),
    case("show alice --store redis://localhost", 2, "invalid", "a store at redis:// is not supported"),
    case(f"show alice --store {'s' * 300}", 5, "unreachable", "too long"),
    case("update-cost alice --cost 1 --model 'm\x1bm'", 2, "invalid", "control character"),
    case("update-cost alice --cost 1 --note 'n\x1bn'", 2, "invalid", "control character"),
    case("update-cost alice --cost 1 --id ''", 2, "invalid", "is not an idempotency key"),
    # users and projects that are not there
    case("show nobody", 4, "unknown_user", "no budget for 'nobody'"),
    case("set nobody 5", 4, "unknown_user", "no budget for 'nobody'"),
    case("update-cost nobody --cost 1", 4, "unknown_user", "no budget for 'nobody'"),
    case("update-cost nobody --cost 1 --dry-run", 4, "unknown_user", "no budget for 'nobody'"),
    case("reset nobody", 4, "unknown_user", "no budget for 'nobody'"),
    case("delete nobody --yes", 4, "unknown_user", "no budget for 'nobody'"),
    case("history nobody", 4, "unknown_user", "no budget for 'nobody'"),
    case("list --sort spent --after nobody", 4, "unknown_user", "no budget for 'nobody'"),
    case("list --project other", 4, "unknown_project", "the project 'other' has no budgets yet"),
    case("reset-due --project other", 4, "unknown_project", "the project 'other' has no budgets yet"),
    case("reset --all --yes --project other", 4, "unknown_project", "the project 'other' has no budgets yet"),
    # what exists already
    case("create alice 20", 1, "exists", "alice has a budget already"),
    # responses
    case("update-cost alice --response missing.json", 2, "invalid", "cannot read missing.json: No such file"),
    case("update-cost alice --response .", 2, "invalid", "cannot read .: Is a directory"),
    case("update-cost alice --response notes.txt", 2, "invalid_response", "notes.txt: "),
    case("update-cost alice --response empty.json", 2, "invalid_response", "empty.json: "),
    case("update-cost alice --response list.json", 2, "invalid_response", "list.json"),
    case("update-cost alice --response latin.json", 2, "invalid", "latin.json is not text in UTF-8"),
    case("update-cost alice --response '{\"hello\": 1}'", 2, "invalid_response", "shape"),
    case("update-cost alice --response '{\"usage\":'", 2, "invalid_response", "the response is not JSON"),
    case(f"update-cost alice --response '{ANSWER}'", 6, "cannot_price", "no-such-model"),
    case("update-cost alice --model no-such-model --input-tokens 5", 6, "cannot_price", "no-such-model"),
    case("estimate --model no-such-model --input-text hi", 6, "cannot_price", "no-such-model"),
    # ways to state a cost
    case("update-cost alice", 2, "invalid", "nothing to charge was given"),
    case("update-cost alice --model gpt-4o", 2, "invalid", "nothing to charge was given"),
    case("update-cost alice --cost 1 --response notes.txt", 2, "invalid", "AMOUNT and --response were given"),
    case(
        "update-cost alice --cost 1 --input-tokens 5",
        2,
        "invalid",
        "AMOUNT and --input-tokens and --output-tokens were given",
    ),
    case("update-cost alice --input-text hi", 2, "invalid", "need a --model"),
    case("update-cost alice --input-tokens 5", 2, "invalid", "need a --model"),
    case("update-cost alice --model m --input-text a --input-file notes.txt", 2, "invalid", "give one of them"),
    case("update-cost alice --model m --input-file - --output-file -", 2, "invalid", "cannot both be read from stdin"),
    case("update-cost alice --model m --input-file missing.txt", 2, "invalid", "cannot read missing.txt"),
    case("update-cost alice --model m --input-tokens=-1", 2, "usage", "'-1' is not a whole number from 0 up"),
    case("update-cost alice --model m --input-tokens 1e3", 2, "usage", "'1e3' is not a whole number from 0 up"),
    case(f"update-cost alice --model m --input-tokens {'9' * 30}", 2, "usage", "is not a whole number"),
    case("update-cost alice --cost 1 --id k --again", 2, "invalid", "--id charges once, --again charges again"),
    case("update-cost alice --cost 2 --id charged", 1, "key_conflict", "used before for another request"),
    case("estimate alice", 2, "invalid", "no prompt was given"),
    case("estimate --input-text hi", 2, "invalid", "no --model was given"),
    case("estimate --model gpt-4o --input-text hi --input-tokens 3", 2, "invalid", "give one of"),
    case("estimate --model gpt-4o --messages nowhere.json", 2, "invalid", "cannot read nowhere.json"),
    case("estimate --model gpt-4o --messages [", 2, "invalid", "this is not JSON"),
    case("estimate --model gpt-4o --messages [3]", 2, "invalid", "3 is not a message"),
    case("estimate --messages {}", 2, "invalid", "these are no chat messages"),
    case("estimate --messages '{\"messages\":[]}'", 2, "invalid", "no --model was given"),
    case('estimate --messages \'{"model":4,"messages":[]}\'', 2, "invalid", "4 is not the name of a model"),
    case('estimate --messages \'{"model":"gpt-4o","max_tokens":"x","messages":[]}\'', 2, "invalid", "whole number"),
    # the line itself
    case("shwo alice", 2, "usage", "no such command 'shwo'. Did you mean 'show'?"),
    case("show alice --jsno", 2, "usage", "no such option: --jsno (Possible options: --json, --store)"),
    case("show alice bob", 2, "usage", "unexpected extra argument"),
    case("show", 2, "invalid", "no user was given"),
    case("create --budget 5", 2, "invalid", "no user was given"),
    case("update-cost --cost 5", 2, "invalid", "no user was given"),
    case("show alice --user bob", 2, "invalid", "two users were given: 'alice' and 'bob'"),
    case("update-cost alice --cost", 2, "usage", "option '--cost' requires an argument"),
    case("list --max 0", 2, "usage", "'0' is not a whole number from 1 up"),
    case("list --max 1_0", 2, "usage", "'1_0' is not a whole number from 1 up"),
    case("list --sort name", 2, "usage", "'name' is not one of"),
    case(f"history alice --before {'9' * 30}", 2, "usage", "is not a whole number"),
    case("show alice --wait soon", 2, "invalid", "'soon' is not a time to wait"),
    case("show alice --wait nan", 2, "invalid", "'nan' is not a time to wait"),
    case("show alice --wait=-1", 2, "invalid", "'-1' is not a time to wait"),
    case("show alice --format xml", 2, "usage", "'xml' is not one of 'table', 'json', 'jsonl', 'csv'"),
    case("reset", 2, "invalid", "name a user or --all"),
    case("reset alice --all", 2, "invalid", "name a user or --all"),
    case("delete alice", 2, "invalid", "cannot ask whether to delete the budget of alice"),
    case("reset --all", 2, "invalid", "cannot ask whether to reset every user"),
    case("migrate", 2, "invalid", "cannot read user_cost.json: No such file"),
    case("migrate notes.txt", 2, "invalid", "notes.txt is not JSON"),
    case("migrate list.json", 2, "invalid", "not litellm's dictionary"),
    case("completion show tcsh", 2, "usage", "'tcsh' is not one of"),
    case("completion show", 2, "usage", "missing argument 'SHELL'"),
    case("completion instal", 2, "usage", "no such command 'instal'. Did you mean 'install'?"),
]


@pytest.fixture
def files(budgets: BudgetManager) -> None:
    """A budget with something spent, and files that are no responses."""
    budgets.create("alice", "10", duration="monthly")
    budgets.charge("alice", "1", key="charged")
    Path("notes.txt").write_text("Dear diary")
    Path("empty.json").write_text("")
    Path("list.json").write_text('[{"id": 1}]')
    Path("latin.json").write_bytes('{"caf\xe9": 1}'.encode("latin-1"))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("case", CASES)
def test_one_line_or_document_says_what_was_wrong_and_what_to_do(case: Case, cli: Cli, store_path: Path) -> None:
    before = dump(store_path)
    as_text, as_json = cli(*case.arguments), cli("--json", *case.arguments)
    assert as_text.stdout == as_json.stdout == ""
    assert as_text.returncode == as_json.returncode == case.returncode
    error = json.loads(as_json.stderr)["error"]
    assert as_text.stderr == f"error: {error['message'].rstrip('.')}\n  try: {error['hint']}\n"
    assert json.loads(as_json.stderr) == {"error": {"code": case.code, "message": ANY, "hint": ANY}}
    assert case.says in error["message"]
    assert dump(store_path) == before


def test_an_unknown_user_is_told_the_next_command(cli: Cli) -> None:
    assert cli("show", "alice").stderr.splitlines() == [
        "error: no budget for 'alice'",
        "  try: budgetctl create alice --budget 10",
    ]


def test_the_next_command_names_the_project_and_the_store_that_were_given(cli: Cli) -> None:
    result = cli("--store", "my budgets.db", "show", "Mary Ann", "--project", "team a")
    assert "  try: budgetctl create 'Mary Ann' --budget 10 --project 'team a' --store 'my budgets.db'" in result.stderr
    assert "  try: budgetctl create 'a -- b' --budget 10 --project x" in cli("show", "a -- b", "-p", "x").stderr


TO_TYPE = {
    "create": "budgetctl create alice 10 --project x",
    "show": "budgetctl show alice --project x",
    "set": "budgetctl set alice --budget 20 --project x",
    "delete": "budgetctl delete alice --yes --project x",
    "update-cost": "budgetctl update-cost alice --response response.json --project x",
    "check": "budgetctl check alice 0.05 --project x",
    "reserve": "budgetctl reserve alice 0.05 --project x",
    "reserve alice": "budgetctl reserve alice 0.05 --project x",
    "run": "budgetctl run alice --amount 0.05 --project x -- ./summarize.sh report.txt",
    "refund": "budgetctl refund alice 12 --project x",
    "top-up": 'budgetctl top-up alice 5 --note "for the demo" --project x',
    "limit add": "budgetctl limit add alice 1 --duration daily --project x",
    "limit add alice": "budgetctl limit add alice 1 --duration daily --project x",
    "limit list": "budgetctl limit list alice --project x",
    "limit remove": "budgetctl limit remove alice big --project x",
}
"""Command lines that lack something, and the one that each is shown."""


@pytest.mark.parametrize(("words", "hint"), TO_TYPE.items())
def test_what_is_missing_is_shown_by_a_command_to_type_in_that_project(cli: Cli, words: str, hint: str) -> None:
    assert cli("-p", "x", *words.split()).stderr.splitlines()[1] == f"  try: {hint}"


def test_the_table_above_has_every_command_of_a_user() -> None:
    program = root_command()
    commands = {name: program.get_command(None, name) for name in program.list_commands(None)}
    below = {
        f"{name} {each}": at for name, group in commands.items() for each, at in getattr(group, "commands", {}).items()
    }
    of_users = {
        name
        for name, found in {**commands, **below}.items()
        if any(param.name == "user" and str(param.metavar) == "USER" for param in found.params)
    }
    assert of_users == {words.removesuffix(" alice") for words in TO_TYPE}


def test_the_store_to_try_instead_is_not_followed_by_the_one_that_was_refused(cli: Cli) -> None:
    result = cli("show", "alice", "--store", "mysql://host/budgets")
    assert result.stderr.splitlines()[1] == "  try: budgetctl --store ./budgets.db"


@pytest.mark.parametrize("address", ["127.0.0.1:18485", "localhost:8484/", "budgets.example:443", "[::1]:8484"])
@pytest.mark.parametrize("command", ["create alice 5", "projects"])
def test_an_address_without_its_scheme_is_no_file(cli: Cli, address: str, command: str) -> None:
    result = cli(*command.split(), "--store", address)
    assert (result.returncode, list(Path().iterdir())) == (2, [])
    assert result.stderr.splitlines() == [
        f"error: the store {address} is an address without its http://",
        f"  try: --store http://{address}, or --store ./{address} for a file of that name",
    ]
    assert cli("create", "alice", "5", "--store", "./127.0.0.1:18485").returncode == 0


def test_an_error_of_the_command_line_points_to_the_help_of_its_command(cli: Cli) -> None:
    assert cli("update-cost", "alice", "--cost").stderr.splitlines()[1] == "  try: budgetctl update-cost --help"
    assert cli("completion", "show", "tcsh").stderr.splitlines()[1] == "  try: budgetctl completion show --help"


def test_a_delete_that_was_not_confirmed_is_told_how(cli: Cli) -> None:
    cli("create", "alice", "10", "-p", "a b")
    result = cli("delete", "alice", "-p", "a b")
    assert result.stderr.splitlines()[1] == "  try: budgetctl delete alice --yes --project 'a b'"


REFUSED = [
    "create alice 5 --parent nobody",
    "create alice 5 --parent alice",
    "create alice 90000000",
    "cap 90000000",
    "migrate users.json",
    "set alice --parent nobody",
    "limit add alice 1",
    "limit remove alice big",
    "top-up alice 5",
    "reserve alice 1",
    "run alice --amount 1 -- true",
    "update-cost alice 1",
    "refund alice --cost 1",
    "reset alice",
    "reset-due",
    "delete alice --yes",
    "commit h1 1",
    "release h1",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_command_that_is_refused_makes_no_store(cli: Cli, store_path: Path, line: str) -> None:
    Path("users.json").write_text('{"alice": {"total_budget": 90000000}}')
    assert cli(*line.split()).returncode != 0
    assert not store_path.exists()


def test_a_parent_without_a_budget_is_said_to_be_one(cli: Cli) -> None:
    assert cli("create", "alice", "5", "--parent", "the team").stderr.splitlines() == [
        "error: no budget for the parent 'the team'",
        "  try: budgetctl create 'the team' --budget 10",
    ]


def test_json_and_another_format_contradict_each_other(cli: Cli) -> None:
    result = cli("show", "alice", "--json", "--format", "csv")
    assert json.loads(result.stderr)["error"]["message"] == (
        "--json and --format csv contradict each other: give one of them"
    )
    assert result.returncode == 2


@pytest.mark.parametrize("as_json", ["--json", "--format=json", "--format=jsonl", "--format json"])
def test_every_way_to_ask_for_json_makes_errors_json(cli: Cli, as_json: str) -> None:
    assert json.loads(cli("show", "alice", *as_json.split()).stderr)["error"]["code"] == "unknown_user"


class TestStores:
    """Files that are no store, or none for this program."""

    @pytest.mark.parametrize("path", ["blocker/budgets.db", "blocker/deeper/budgets.db", "blocker/"])
    def test_a_file_in_the_way_of_the_directory(self, cli: Cli, path: str) -> None:
        Path("blocker").write_text("a file")
        result = cli("create", "alice", "10", "--store", path)
        assert (result.returncode, result.stdout) == (5, "")
        assert result.stderr.startswith("error: cannot use the store ")
        assert path in result.stderr
        assert Path("blocker").read_text() == "a file"

    @pytest.mark.parametrize("command", ["show alice", "create alice 10", "list", "reset-due", "history alice"])
    @pytest.mark.parametrize("content", [b"this is not a database, " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
    def test_a_file_that_is_no_database_is_left_as_it_is(self, cli: Cli, command: str, content: bytes) -> None:
        Path("budgets.db").write_bytes(content)
        result = cli(*command.split(), "--store", "budgets.db")
        assert (result.returncode, result.stdout) == (1, "")
        assert "it was left as it is" in result.stderr
        assert Path("budgets.db").read_bytes() == content

    def test_a_store_with_a_damaged_page_says_so(self, cli: Cli, store_path: Path) -> None:
        cli("create", "alice", "10")
        content = bytearray(store_path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        store_path.write_bytes(content)
        result = cli("show", "alice", "--json")
        assert (result.returncode, result.stdout) == (1, "")
        assert json.loads(result.stderr)["error"]["code"] == "corrupt"

    @pytest.mark.parametrize("command", ["show alice", "create alice 10", "projects"])
    def test_the_database_of_another_program_is_left_as_it_is(self, cli: Cli, command: str) -> None:
        with closing(sqlite3.connect("budgets.db")) as connection:
            connection.execute("CREATE TABLE accounts (name TEXT)")
        before = Path("budgets.db").read_bytes()
        result = cli(*command.split(), "--store", "budgets.db", "--json")
        assert (result.returncode, result.stdout) == (1, "")
        assert json.loads(result.stderr)["error"]["code"] == "corrupt"
        assert Path("budgets.db").read_bytes() == before

    @pytest.mark.parametrize(
        "command", ["show alice", "create bob 10", "update-cost alice --cost 1", "list", "reset-due", "delete alice -y"]
    )
    def test_a_store_of_a_newer_version_keeps_every_byte(self, cli: Cli, store_path: Path, command: str) -> None:
        cli("create", "alice", "10")
        with closing(sqlite3.connect(store_path)) as connection:
            connection.execute("PRAGMA user_version = 9999")
            connection.execute("PRAGMA journal_mode = DELETE")
        before = store_path.read_bytes()
        result = cli(*command.split(), "--json")
        assert (result.returncode, result.stdout) == (1, "")
        error = json.loads(result.stderr)["error"]
        assert error["code"] == "newer_store"
        assert "9999" in error["message"]
        assert store_path.read_bytes() == before
