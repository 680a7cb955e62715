"""`warn` that is killed while it tells somebody: rather twice than never."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.stores import SqliteStore

USERS = [f"u{number}" for number in range(8)]
AFTER_CLAIMS_US = 46_000_000


def system_us() -> int:
    """The time as it is."""
    return time.time_ns() // 1_000


@pytest.fixture
def path(home: Path) -> Path:
    """The project `default`, where everybody is past a threshold."""
    with closing(BudgetManager("default")) as manager:
        for user in USERS:
            manager.create(user, "10", warn_at=[50])
            manager.charge(user, "6")
    return home / "data" / "budgetctl" / "default.db"


@pytest.fixture
def told(path: Path) -> Iterator[Any]:
    """Whom a later `warn` would tell, a while after others were killed."""
    later = SqliteStore(path, "default", clock=lambda: system_us() + AFTER_CLAIMS_US)
    with closing(BudgetManager("default", store=later)) as manager:
        yield lambda: [crossing.standing.user for crossing in manager.crossings() if manager.claim(crossing)]


def warn(*options: str, **settings: Any) -> int:
    """Run `warn` to its end."""
    line = [sys.executable, "-m", "budgetctl", "warn", *options]
    return subprocess.run(line, check=False, timeout=60, **settings).returncode


@pytest.mark.parametrize("name", ["KILL", "TERM", "INT"])
def test_one_that_is_killed_before_its_hook_has_the_warning_gives_it_again(path: Path, told: Any, name: str) -> None:
    Path("hook").write_text(f"#!/bin/sh\nkill -{name} $PPID\nexec sleep 60 <&- 2>&-")
    Path("hook").chmod(0o755)
    assert warn("--exec", "./hook", process_group=0) != 0
    assert told() == USERS


def test_meanwhile_another_one_does_not_give_it_too(path: Path, run: Any) -> None:
    Path("hook").write_text("#!/bin/sh\nkill -KILL $PPID")
    Path("hook").chmod(0o755)
    warn("--exec", "./hook")
    assert [each["user"] for each in json.loads(run("warn", "--json").stdout)] == USERS[1:]


def test_one_that_nobody_reads_gives_them_again(path: Path, told: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert warn("--json", stdout=writer) == 1
    os.close(writer)
    assert told() == USERS


def test_one_that_ends_well_gives_none_again(path: Path, told: Any) -> None:
    assert warn("--exec", "true", "--quiet") == 0
    assert told() == []


@pytest.mark.long
def test_killed_at_any_moment_nobody_is_never_told(path: Path, chance: random.Random, home: Path) -> None:
    """The hook notes whom it has been told of in its last step; it is killed with `warn`, as by a system that stops."""
    Path("hook").write_text('#!/bin/sh\nread -r line; sleep 0.05; echo "$line" >> got')
    Path("hook").chmod(0o755)
    line = [sys.executable, "-m", "budgetctl", "warn", "--quiet", "--exec", str(home / "work" / "hook")]
    for _ in range(40):
        process = subprocess.Popen(line, process_group=0)
        try:
            process.wait(chance.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        _let_claims_run_out(path)
    assert subprocess.run(line, check=False).returncode == 0
    assert {json.loads(line)["user"] for line in Path("got").read_text().splitlines()} == set(USERS)


def _let_claims_run_out(path: Path) -> None:
    """Take the claims back, as a minute would."""
    later = SqliteStore(path, "default", clock=lambda: system_us() + AFTER_CLAIMS_US)
    with closing(BudgetManager("default", store=later)) as manager:
        for crossing in manager.crossings():
            manager.forget(crossing)
