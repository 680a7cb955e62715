"""migrate takes litellm's user_cost.json over."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from support.commands import Cli, dump

NOW = time.time()
LONG_AGO = 1_700_000_000  # 2023-11-14 22:13:20 UTC

RECORDS: dict[str, Any] = {
    "never": {"total_budget": 12.5},
    "spent": {"total_budget": 10, "current_cost": 0.1, "model_cost": {"gpt-4o": 0.07, "gpt-4o-mini": 0.03}},
    "running": {
        "total_budget": 10, "duration": 28, "created_at": NOW, "last_updated_at": NOW,
        "current_cost": 1e-7, "model_cost": {"gpt-4o": 1e-7},
    },
    "passed": {
        "total_budget": 10, "duration": 7, "created_at": LONG_AGO, "last_updated_at": LONG_AGO,
        "current_cost": 3.5, "model_cost": {"gpt-4o": 3.5},
    },
    "yearly": {"total_budget": 100, "duration": 365, "created_at": NOW, "last_updated_at": NOW},
    "own": {"total_budget": 1, "team": "blue"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def file() -> Path:
    """The file, in the current directory."""
    path = Path("user_cost.json")
    path.write_text(json.dumps(RECORDS))
    return path


def test_every_user_has_a_budget_with_what_was_spent(cli: Cli) -> None:
    result = cli("migrate")
    assert (result.returncode, result.stderr) == (0, "")
    shown = {document["user"]: document for document in cli("list", "--json").document}
    assert {user: (document["budget"], document["spent"]) for user, document in shown.items()} == {
        "never": ("12.5", "0"),
        "own": ("1", "0"),
        "passed": ("10", "0"),
        "running": ("10", "0.0000001"),
        "spent": ("10", "0.1"),
        "yearly": ("100", "0"),
    }
    assert shown["spent"]["models"] == {"gpt-4o": "0.07", "gpt-4o-mini": "0.03"}


def test_days_become_durations(cli: Cli) -> None:
    durations = {document["user"]: document["duration"] for document in cli("migrate", "--json").document}
    assert durations == {
        "never": None, "spent": None, "running": "monthly", "passed": "weekly", "yearly": "yearly", "own": None,
    }  # fmt: skip


def test_a_window_that_has_passed_is_reset_and_told(cli: Cli) -> None:
    cli("migrate")
    assert cli("show", "passed", "--json").document["spent"] == "0"
    (reset,) = cli("reset-due", "--json").document
    assert (reset["user"], reset["spent"], reset["window_start"], reset["window_end"]) == (
        "passed", "3.5", "2023-11-14T22:13:20Z", "2023-11-21T22:13:20Z",
    )  # fmt: skip


def test_the_entries_say_where_they_come_from(cli: Cli) -> None:
    cli("migrate")
    (entry,) = cli("history", "running", "--json").document
    assert (entry["kind"], entry["cost"], entry["note"]) == ("adjustment", "0.0000001", "taken over from litellm")


def test_it_lists_what_it_has_taken_over(cli: Cli) -> None:
    heading, *rows = cli("migrate").stdout.splitlines()
    assert heading.split() == ["USER", "SPENT", "BUDGET", "DURATION"]
    assert [row.split() for row in rows] == [
        ["never", "$0.00", "$12.50", "-"],
        ["spent", "$0.10", "$10.00", "-"],
        ["running", "$0.0000001", "$10.00", "monthly"],
        ["passed", "$3.50", "$10.00", "weekly"],
        ["yearly", "$0.00", "$100.00", "yearly"],
        ["own", "$0.00", "$1.00", "-"],
    ]


def test_it_can_be_repeated(cli: Cli, store_path: Path) -> None:
    cli("migrate")
    cli("update-cost", "running", "--cost", "1")
    before = dump(store_path)
    again = cli("migrate", "--json")
    assert again.returncode == 0
    assert {document["migrated"] for document in again.document} == {False}
    assert "has a budget here; left alone" in cli("migrate").stdout
    assert dump(store_path) == before


def test_the_file_stays_as_it_is(cli: Cli, file: Path) -> None:
    before = file.read_bytes()
    cli("migrate")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({}, "needs total_budget"),
        ({"total_budget": -5}, "negative"),
        ({"total_budget": "10"}, "not an amount of money"),
        ({"total_budget": float("nan")}, "not an amount of money"),
        ({"total_budget": 1, "duration": 0.5}, "0.5"),
        ({"total_budget": 1, "current_cost": -1}, "negative"),
        ({"total_budget": 1, "duration": 7, "created_at": "yesterday"}, "'yesterday'"),
        ({"total_budget": 1, "model_cost": 5}, "model_cost"),
        ({"total_budget": 1, "model_cost": {"m\x1b[31m": 1}}, r"m\x1b[31m"),
        (17, "17"),
    ],
)
def test_one_bad_record_and_nobody_is_taken_over(
    cli: Cli, file: Path, store_path: Path, record: Any, says: str
) -> None:
    file.write_text(json.dumps({**RECORDS, "broken": record}))
    result = cli("migrate")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: the record of 'broken': ")
    assert says in result.stderr
    assert dump(store_path) == []


@pytest.mark.parametrize("name", ["", "a\x1b[2Jb", "x" * 257])
def test_one_bad_name_and_nobody_is_taken_over(cli: Cli, file: Path, store_path: Path, name: str) -> None:
    file.write_text(json.dumps({**RECORDS, name: {"total_budget": 1}}))
    result = cli("migrate")
    assert (result.returncode, result.stdout) == (2, "")
    assert dump(store_path) == []


def test_dry_run_lists_them_and_writes_nothing(cli: Cli, store_path: Path) -> None:
    result = cli("migrate", "--dry-run", "--json")
    assert [document["user"] for document in result.document] == list(RECORDS)
    assert not store_path.exists()


def test_the_file_may_be_named_or_come_from_stdin(cli: Cli, file: Path) -> None:
    content = file.read_bytes()
    file.rename("elsewhere.json")
    assert cli("migrate", "elsewhere.json", "-p", "named").returncode == 0
    assert cli("migrate", "-", "-p", "stdin", stdin=content).returncode == 0
    assert cli("list", "-q", "-p", "named") == cli("list", "-q", "-p", "stdin")


def test_once_taken_over_nothing_warns_of_the_file(cli: Cli) -> None:
    cli("migrate")
    assert cli("show", "spent").stderr == ""
