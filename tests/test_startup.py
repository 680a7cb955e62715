"""A start is fast because little is imported: counted in fresh interpreters, at their end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore

PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from budgetctl.cli import main
main(sys.argv[1:])
"""
LIBRARY = """
import sys
import budgetctl
budgetctl.BudgetManager("default").create("carol", "10")
print(*sys.modules, file=sys.stderr)
"""
GUARDED_CALL = """
import sys
import budgetctl
from budgetctl.manager.guarding import GuardedCall
call = GuardedCall(budgetctl.BudgetManager("default"), "alice", model="gpt-4o", prompt="hello")
call.reserve_longest(100)
call.commit_prompt()
print(*sys.modules, file=sys.stderr)
"""

HEAVY = {"litellm", "pydantic"}
DRAWING = {"rich"}
NEVER_FOR_JSON = HEAVY | DRAWING | {"httpx", "asyncio", "psycopg", "importlib.metadata"}


@pytest.fixture(autouse=True)
def alice(home: Path) -> None:
    """A budget to look at."""
    budgets = BudgetManager("default")
    budgets.create("alice", "10", duration="monthly")
    budgets.charge("alice", "1", model="gpt-4o")
    budgets.close()


def imported(code: str, *arguments: str, **variables: str) -> set[str]:
    """The modules that a fresh interpreter has imported when the code has ended."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    return set(done.stderr.splitlines()[-1].split())


def test_show_in_json_imports_next_to_nothing() -> None:
    assert not imported(PROGRAM, "show", "alice", "--json") & NEVER_FOR_JSON


@pytest.mark.parametrize(
    "command",
    [
        "show alice",
        "list",
        "list --quiet",
        "list --format csv",
        "history alice",
        "create bob 10",
        "set alice 20",
        "update-cost alice --cost 1",
        "update-cost alice --model gpt-4o --input-text Hi --output-text Hello",
        "reset alice",
        "reset-due",
        "verify",
        "projects",
        "delete alice --yes",
        "--help",
        "create --help",
        "--version",
    ],
)
def test_no_command_imports_what_it_does_not_need(command: str) -> None:
    assert not imported(PROGRAM, *command.split()) & (HEAVY | DRAWING)


def test_a_command_on_a_server_imports_next_to_nothing_either(serve: Any, home: Path) -> None:
    server = serve(lambda name: SqliteStore(home / "data" / "budgetctl" / f"{name}.db", name))
    assert not imported(PROGRAM, "show", "alice", "--json", "--store", server.address) & NEVER_FOR_JSON


def test_a_command_imports_no_other_command() -> None:
    modules = imported(PROGRAM, "show", "alice")
    prefix = "budgetctl.cli.commands."
    assert [module for module in modules if module.startswith(prefix)] == [f"{prefix}show"]


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("budgetctl show al", set()),
        ("budgetctl -p d", set()),
        ("budgetctl create bob 1 --duration m", set()),
        ("budgetctl commit j", set()),
        ("budgetctl check alice --model gpt-4o-mini-2", {"budgetctl.pricing"}),
    ],
)
def test_a_name_is_completed_without_the_program(line: str, needed: set[str]) -> None:
    asked = {
        "_BUDGETCTL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)
    }  # fmt: skip
    program = {"typer", "budgetctl.cli.app", "budgetctl.manager", "budgetctl.pricing"}
    assert not imported(PROGRAM, **asked) & ((HEAVY | DRAWING | program) - needed)


def test_the_library_does_not_import_litellm_nor_the_command_line() -> None:
    assert not imported(LIBRARY) & (HEAVY | DRAWING | {"typer", "budgetctl.cli"})


def test_a_guarded_call_does_not_import_litellm() -> None:
    assert not imported(GUARDED_CALL) & (HEAVY | DRAWING | {"asyncio"})
