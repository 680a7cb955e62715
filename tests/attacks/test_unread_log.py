"""A log that nobody reads, or that cannot be written any more."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from budgetctl.server import logs
from budgetctl.server.logs import Log
from budgetctl.server.metrics import REGISTRY
from budgetctl.stores import SqliteStore
from support.outages import free_port, start_server


def ping(port: int, count: int) -> None:
    """Ask for something that is logged, so often."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for _ in range(count):
            connection.request("GET", "/v1/projects")
            assert connection.getresponse().read() == b'{"items":[]}'


def test_a_server_whose_log_nobody_reads_goes_on_and_ends_when_it_is_told_to(home):
    port = free_port()
    server = start_server(f"{home}/", port, "--no-auth")
    try:
        shrink = getattr(fcntl, "F_SETPIPE_SZ", None)  # not on every system: elsewhere a pipe takes 64 KiB
        if shrink is not None:
            fcntl.fcntl(server.stderr, shrink, 4_096)
        ping(port, 600 if shrink is None else 60)  # more than it takes
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.stderr.close()


def test_a_server_whose_log_is_closed_goes_on_and_ends_when_it_is_told_to(home):
    port = free_port()
    server = start_server(f"{home}/", port, "--no-auth")
    server.stderr.close()
    try:
        ping(port, 50)
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()


class Pipe:
    """A pipe as a stream that is written to, whose other end is read when the test says so."""

    def __init__(self, *, is_blocking: bool = True) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, is_blocking)
        self._reader = os.fdopen(self._reading)

    def fileno(self) -> int:
        """What is written to."""
        return self._writing

    def lines(self) -> Iterator[Any]:
        """What is written, until its end."""
        return map(json.loads, self._reader)

    def end(self) -> None:
        """Write no more."""
        os.close(self._writing)

    def close(self) -> None:
        """Read no more."""
        self._reader.close()


def dropped() -> float:
    """How many lines the servers of this process have dropped."""
    return REGISTRY.get_sample_value("budgetctl_log_dropped_total")


@pytest.mark.parametrize("is_blocking", [True, False])
def test_lines_that_were_dropped_are_counted_in_the_log(monkeypatch, is_blocking):
    monkeypatch.setattr(logs, "MAX_WAITING", 100)
    found: list[Any] = []
    with closing(Pipe(is_blocking=is_blocking)) as pipe:
        log = Log(pipe)
        before, said = dropped(), 0
        while dropped() - before < 50:
            log.event("said", number=said, more="x" * 1_000)
            said += 1
        reader = threading.Thread(target=lambda: found.extend(pipe.lines()))
        reader.start()
        assert log.flush(30)
        log.event("said", number=said)
        assert log.flush(30)
        pipe.end()
        reader.join()
    assert sum(line.get("lines", 1) for line in found) == said + 1
    numbers = [line["number"] for line in found if line["event"] == "said"]
    assert numbers == sorted(set(numbers))


def test_what_a_library_warns_of_goes_into_the_log_of_the_server(serve, home):
    running = serve(lambda name: SqliteStore(home / f"{name}.db", name))
    running.ask("GET", "/healthz")
    logging.getLogger("some.library").warning("something is odd")
    [line] = [json.loads(line) for line in running.logged().splitlines() if '"warning"' in line]
    assert (line["of"], line["said"]) == ("some.library", "something is odd")
