"""Output that cannot be written, streams that are closed, and Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from budgetctl import BudgetManager
from support.commands import Cli

PROGRAM = [sys.executable, "-m", "budgetctl"]


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice, and enough others to fill a buffer."""
    budgets.create("alice", "10")
    budgets.migrate({f"user-{number}": {"total_budget": 1} for number in range(200)})


def run_into(stdout: int | IO[bytes], *arguments: str) -> tuple[int, bytes]:
    """The exit code, and what was said about it."""
    done = subprocess.run([*PROGRAM, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["show alice", "show alice --json", "list", "list --json", "--help", "--version"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(monkeypatch: pytest.MonkeyPatch, command: str, unbuffered: str) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reader, writer = os.pipe()
    os.close(reader)
    assert run_into(writer, *command.split()) == (1, b"")
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["show alice", "show alice --json", "list", "list --format csv", "--help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_device_ends_quietly(monkeypatch: pytest.MonkeyPatch, command: str, unbuffered: str) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("wb") as full:
        assert run_into(full, *command.split()) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_what_was_done_is_done_although_it_could_not_be_told(cli: Cli) -> None:
    with Path("/dev/full").open("wb") as full:
        run_into(full, "update-cost", "alice", "--cost", "1")
    assert cli("show", "alice", "--json").document["spent"] == "1"


def test_a_reader_that_leaves_early_gets_what_it_has_asked_for() -> None:
    command = shlex.join([*PROGRAM, "list"])
    done = subprocess.run(["sh", "-c", f"{command} | head -n 1"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("USER")
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(cli: Cli, closed: str) -> None:
    for command in ("update-cost alice --cost 0.5", "delete alice", "show nobody"):
        line = f"{shlex.join(PROGRAM)} {command} {closed}"
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == {"update-cost": 0, "delete": 2, "show": 4}[command.split()[0]]
        assert "unexpected" not in done.stderr
    assert cli("show", "alice", "--json").document["spent"] == "0.5"


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_ctrl_c_ends_with_130_and_without_a_traceback(cli: Cli, options: list[str]) -> None:
    os.mkfifo("answer.json")
    with (
        subprocess.Popen(
            [*PROGRAM, "update-cost", "alice", "--response", "answer.json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        Path("answer.json").open("w"),  # waits for the other end, which then waits for the response
    ):
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert stderr == ('{"error": {"code": "interrupted", "message": "interrupted", "hint": null}}\n' if options
                      else "error: interrupted\n")  # fmt: skip
    assert cli("history", "alice", "--json").document == []
