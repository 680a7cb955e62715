"""Client processes of a server that is killed and started again while they are at work."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from budgetctl import BudgetManager
from support import killing
from support.programs import start_program
from support.soundness import assert_sound


def free_port() -> int:
    """A port that no program listens on."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start_server(store: str, port: int, *options: str) -> subprocess.Popen[str]:
    """The process of a server over a store, once it listens."""
    command = [sys.executable, "-m", "budgetctl", "--store", store, "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "serving" in line:
            return process
    raise AssertionError("the server has ended")


@contextmanager
def clients(address: str, count: int, steps: int) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Processes that take a number of steps each, all started at one moment."""
    with ExitStack() as running:
        found = {
            name: running.enter_context(start_program("killing", address, name, steps))
            for name in (f"0-{number}" for number in range(count))
        }
        for process in found.values():
            assert process.stdout.readline() == "ready\n"
        for process in found.values():
            process.stdin.write("go\n")
            process.stdin.flush()
        yield found


def survive(directory: Path, *, count: int, steps: int, outages: int, seed: int) -> None:
    """Kill the server a number of times while clients work, and compare the store with the answers that they had."""
    moments = random.Random(seed)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = start_server(f"{directory}/", port, "--no-auth", "--quiet")
    try:
        with closing(BudgetManager("p", store=address)) as manager:
            killing.set_up(manager)
        with clients(address, count, steps) as running:
            watched = running["0-0"]
            for _ in range(outages):
                for _ in range(moments.randrange(1, max(2, steps // (outages + 1)))):
                    watched.stdout.readline()
                os.kill(server.pid, signal.SIGKILL)
                server.communicate()
                server = start_server(f"{directory}/", port, "--no-auth", "--quiet")
            for process in running.values():
                process.communicate()
                assert process.returncode == 0
        with closing(BudgetManager("p", store=address)) as manager:
            killing.assert_exactly_once(manager, dict.fromkeys(running, steps))
    finally:
        server.terminate()
        server.communicate()
    assert_sound(directory / "p.db")
