"""`budgetctl backup` and `restore`, as their users meet them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.server.tokens import open_tokens
from budgetctl.server.tokens.token import new_token
from support.commands import Cli


@pytest.fixture
def alice(budgets: BudgetManager) -> Iterator[BudgetManager]:
    """A project in which alice has spent a dollar."""
    budgets.create("alice", "10")
    budgets.charge("alice", "1")
    return budgets


def spent(cli: Cli) -> str:
    return str(cli("show", "alice", "--json").document["spent"])


def test_what_was_backed_up_comes_back(cli: Cli, alice: BudgetManager, home: Path, store_path: Path) -> None:
    made = cli("backup", home / "backup.db")
    assert made.stdout.startswith(f"default: backed up to {home}/backup.db (")
    cli("update-cost", "alice", "--cost", "2")
    restored = cli("restore", home / "backup.db", "--yes")
    assert restored.stdout.startswith(
        f"default: restored from {home}/backup.db; what was there is in {store_path}.replaced-"
    )
    assert spent(cli) == "1"
    assert cli("verify").returncode == 0


def test_a_directory_gets_a_file_that_is_named_like_the_store(cli: Cli, alice: BudgetManager, home: Path) -> None:
    assert cli("backup", f"{home}/backup/").returncode == 0
    assert cli("backup", home / "backup").returncode == 1  # where the file is now
    assert [file.name for file in (home / "backup").iterdir()] == ["default.db"]


def test_json_says_what_was_written_from_where(cli: Cli, alice: BudgetManager, home: Path, store_path: Path) -> None:
    made = cli("backup", home / "b.db", "--json")
    assert json.loads(made.stdout) == {
        "projects": ["default"],
        "store": str(store_path),
        "file": f"{home}/b.db",
        "size_bytes": (home / "b.db").stat().st_size,
    }
    document = json.loads(cli("restore", home / "b.db", "--yes", "--json").stdout)
    assert Path(document.pop("replaced")).exists()
    assert document == {"projects": ["default"], "store": str(store_path), "file": f"{home}/b.db"}
    store_path.unlink()
    assert json.loads(cli("restore", home / "b.db", "--json").stdout)["replaced"] is None


def test_all_projects_are_backed_up_with_tokens_and_prices(cli: Cli, alice: BudgetManager, home: Path) -> None:
    cli("create", "bob", "5", "-p", "Team A")
    cli("prices", "set", "my-model", "--input", "1", "--output", "2")
    token, _ = new_token("default", 1)
    open_tokens(None).add(token)
    made = cli("backup", home / "all", "--all", "--json")
    assert made.returncode == 0
    assert [document["projects"] for document in json.loads(made.stdout)] == [["Team A"], ["default"], [], []]
    assert sorted(file.name for file in (home / "all").iterdir()) == [
        "%54eam%20%41.db",
        "default.db",
        "prices.toml",
        "tokens.json",
    ]
    assert open_tokens(f"{home}/all/").tokens() == [token]
    assert "default  " in cli("backup", home / "all", "--all", "--force").stdout


def test_one_that_fails_is_told_of_and_the_others_are_made(
    cli: Cli, alice: BudgetManager, home: Path, store_path: Path
) -> None:
    store_path.with_name("broken.db").write_bytes(b"no database" * 1000)
    made = cli("backup", f"{home}/all/", "--all", "--json")
    assert (made.returncode, made.stderr.count("warning: ")) == (1, 1)
    assert [document["projects"] for document in json.loads(made.stdout)] == [["default"]]


def test_all_projects_of_one_file_are_one_backup(cli: Cli, home: Path) -> None:
    for project in ("one", "two"):
        cli("create", "alice", "10", "-p", project, "--store", home / "s.db")
    made = cli("backup", f"{home}/all/", "--all", "--store", home / "s.db", "--json")
    assert [document["projects"] for document in json.loads(made.stdout)] == [["one", "two"]]


def test_nothing_is_replaced_unasked(cli: Cli, alice: BudgetManager, home: Path) -> None:
    cli("backup", home / "b.db")
    again = cli("backup", home / "b.db")
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    asked = cli("restore", home / "b.db")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)


def test_on_a_terminal_a_restore_is_asked_for(cli: Cli, terminal: Cli, alice: BudgetManager, home: Path) -> None:
    cli("backup", home / "b.db")
    cli("update-cost", "alice", "--cost", "2")
    assert terminal("restore", home / "b.db", keys="n\n").returncode == 1
    assert spent(cli) == "3"
    assert terminal("restore", home / "b.db", keys="y\n").returncode == 0
    assert spent(cli) == "1"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["backup"], 2, "missing argument"),
        (["backup", "x.db", "-p", "nobody"], 4, "nothing to back up"),
        (["backup", "x.db", "--store", "postgresql://h/db"], 2, "pg_dump"),
        (["restore", "x.db", "--store", "postgresql://h/db"], 2, "pg_restore"),
        (["backup", "x.db", "--store", "http://127.0.0.1:9"], 2, "the machine on which the server runs"),
        (["restore", "none.db", "--yes"], 4, "there is no backup"),
    ],
)
def test_what_cannot_be_done_is_said(
    cli: Cli, alice: BudgetManager, arguments: list[str], code: int, says: str
) -> None:
    result = cli(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr.lower()


def test_verify_says_that_a_file_is_damaged(cli: Cli, alice: BudgetManager, store_path: Path) -> None:
    alice.close()
    content = bytearray(store_path.read_bytes())
    content[8192:-8192] = bytes(len(content) - 16384)
    store_path.write_bytes(content)
    for arguments in (["verify"], ["verify", "--repair"]):
        result = cli(*arguments)
        assert (result.returncode, result.stdout) == (1, "")
        assert "is damaged" in result.stderr
        assert "budgetctl restore FILE" in result.stderr
