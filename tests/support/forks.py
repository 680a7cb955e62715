"""Processes that a program of this package forks once it has imported what takes long. Each has a socket of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from support.programs import environment, program

WAIT_S = 120
"""How long a process may take for a line at most."""


class Lines:
    """A socket that carries lines of text both ways."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        # Apart: one file for both would forget what it has read ahead when it writes.
        self._coming, self._going = end.makefile("r"), end.makefile("w")

    def __iter__(self) -> Iterator[str]:
        return iter(self._coming.readline, "")

    def read(self) -> str:
        """The next line, without its end."""
        return self._coming.readline().rstrip("\n")

    def write(self, line: str) -> None:
        """Send a line."""
        self._going.write(f"{line}\n")
        self._going.flush()

    def close(self) -> None:
        """Let the other end find no more lines."""
        for each in (self._going, self._coming, self._socket):
            each.close()


class Forks:
    """So many processes of the program `support/<name>.py`, whose `main` ends in `fork_each`."""

    def __init__(self, name: str, count: int, **more: str) -> None:
        self.members: list[Lines] = []
        """Where each is told what to do, and answers."""
        with ExitStack() as started:
            pairs = [socket.socketpair() for _ in range(count)]
            given = [theirs.fileno() for _, theirs in pairs]
            line = program(name, *given)
            started.enter_context(
                subprocess.Popen(line, pass_fds=given, env=environment(**more), stdin=subprocess.DEVNULL)
            )
            for ours, theirs in pairs:
                theirs.close()
                ours.settimeout(WAIT_S)
                self.members.append(Lines(ours))
                started.callback(self.members[-1].close)
            self._running = started.pop_all()

    def close(self) -> None:
        """Let them end, and wait for that."""
        self._running.close()


def fork_each(act: Callable[[Lines], None]) -> None:
    """Fork a process for each socket that the command line names, have it act there, and wait for all of them."""
    sockets = [socket.socket(fileno=int(descriptor)) for descriptor in sys.argv[1:]]
    for number, own in enumerate(sockets):
        if os.fork() == 0:
            for other in sockets[:number] + sockets[number + 1 :]:
                other.close()
            act(Lines(own))
            os._exit(0)
    for own in sockets:
        own.close()
    for _ in sockets:
        os.wait()
