"""Every test gets a home of its own: no test can read or write the data of whoever runs it."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from budgetctl.pricing.prices import price_files

# Before anything imports litellm: otherwise it asks the network for its price map.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

# Processes that tests start shall find what they import compiled, also where Python is told to write nothing.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What attacks draw their chances from: `BUDGETCTL_ATTACK_SEED=… pytest tests/attacks` repeats a run.
SEED = "BUDGETCTL_ATTACK_SEED"

_SETTINGS = ("BUDGETCTL_PROJECT", "BUDGETCTL_STORE", "BUDGETCTL_WAIT", "BUDGETCTL_DEBUG", "NO_COLOR", "PAGER")

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30
"""How many free bytes there have to be for files in memory."""


def _keep_files_in_memory() -> None:
    """Have temporary files in memory where there is room. Tests waited half their time for a disk, and cut no power."""
    with contextlib.suppress(OSError):
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC:
            os.environ.setdefault("TMPDIR", str(MEMORY))
            tempfile.tempdir = None  # to be looked for again


_keep_files_in_memory()

Run = Callable[..., "subprocess.CompletedProcess[str]"]

LONG = {"test_hostile_bodies.py", "test_map_update.py", "test_parity.py", "test_proofs.py"}
"""Files with tests of ten seconds and more, most of which start processes that import litellm."""

AT_ONCE = 8
"""Servers of earlier tests that may be about to stop."""

# Programs that a shell starts in the background ignore these, and so would all that the tests start.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGQUIT, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _handler)


def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed of the attacks once, before the processes that share the tests are started."""
    os.environ.setdefault(SEED, str(random.SystemRandom().randrange(2**32)))


def pytest_collection(session: pytest.Session) -> None:
    """Look for no garbage while tests are collected, which makes none but takes a sixth of its time looking."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: pytest-xdist ends in the middle, where one process would wait for another."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for it again."""
    gc.enable()


def pytest_report_header(config: pytest.Config) -> str:
    """Print the seed by which the attacks of this run can be repeated."""
    return f"attacks: {SEED}={os.environ[SEED]}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, directories in it and a current directory that are empty and the test's own."""
    directory = tmp_path / "home"
    (directory / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.setenv("XDG_DATA_HOME", str(directory / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(directory / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(directory / "cache"))
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(directory / "work")
    price_files.forget()
    return directory


@pytest.fixture
def run(home: Path) -> Run:
    """Run `budgetctl` as a shell would, in a process of its own."""

    def run_program(*arguments: object, stdin: str = "", env: dict[str, str] | None = None) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "budgetctl", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **(env or {})},
        )

    return run_program


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `budgetctl` in this process, where many cases are needed."""
    from budgetctl.cli import main
    from support.commands import Result

    def run_main(*arguments: object, stdin: bytes = b"") -> Any:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Result(int(ended.value.code or 0), *capsys.readouterr())

    return run_main


@pytest.fixture(scope="session")
def ending() -> Iterator[list[Any]]:
    """Servers of tests that have ended, which may be about to stop: nobody waits for each of a thousand."""
    servers: list[Any] = []
    yield servers
    for server in servers:
        server.wait_for_end()


@pytest.fixture
def alone(ending: list[Any]) -> None:
    """No server of an earlier test runs in this process any more, as where it forks."""
    while ending:
        ending.pop().wait_for_end()


@pytest.fixture
def serve(home: Path, ending: list[Any]) -> Iterator[Any]:
    """Start servers in this process: see `support.serving`. They are told to stop when the test has ended."""
    from support.serving import Running

    started: list[Running] = []

    def start(*arguments: Any, **settings: Any) -> Running:
        started.append(Running(*arguments, **settings).__enter__())
        return started[-1]

    yield start
    for server in reversed(started):
        server.tell_to_end()
    ending += started
    while len(ending) > AT_ONCE:
        ending.pop(0).wait_for_end()


class Clock:
    """A clock for a store that the test moves."""

    def __init__(self, now_us: int = 1_795_348_800_000_000) -> None:  # 2026-11-22 12:00 UTC
        self.now_us = now_us

    def __call__(self) -> int:
        """The time in microseconds since 1970."""
        return self.now_us

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> None:
        """Let time pass, or with negative numbers go back."""
        self.now_us += round((days * 86_400 + hours * 3_600 + seconds) * 1_000_000)

    def ago(self, *, hours: float) -> float:
        """The time so many hours ago, in seconds since 1970."""
        return self.now_us / 1_000_000 - hours * 3_600


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at noon of 22 November 2026 UTC until the test moves it."""
    return Clock()
