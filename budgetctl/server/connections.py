"""The open connections of a server, and until when it waits for the client of each."""

from __future__ import annotations

import contextlib
from typing import Protocol

from budgetctl.server.metrics import LET_GO

MAX_CONNECTIONS = 900
"""The most open connections. Half of the files that a process may open is a bound too, as stores need the others."""

MAX_TAKING = 100
"""The most connections for which a part of an answer is kept in memory, since their clients are slow to take it."""

_MOST_FILES = 65_536
_STRANGERS_SHARE = 4


class Connection(Protocol):
    """A connection. `admitted` says that a request on it had a token that can be used."""

    admitted: bool

    def let_go(self) -> None:
        """Close the connection at once, without regard to its client."""

    def expire(self) -> None:
        """Close the connection, or give its client more time, after the client was too slow."""


class Connections:
    """All connections of a server, at most `most`. For use from one event loop, whose clock all times are of.

    Each connection either waits for its client (for a head, a body, or until an answer is taken) or is being answered.
    When one more comes than there may be, the one is closed that has kept the server waiting for longest: among those
    without a token, unless they are few. So no client keeps others out by doing nothing, and none without a token keeps
    out those that have one.
    """

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._open: set[Connection] = set()
        # Connections whose client is waited for, longest first, with the time until then: strangers, and the admitted.
        self._taking: dict[Connection, None] = {}
        self._waiting: tuple[dict[Connection, float], dict[Connection, float]] = ({}, {})

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Add a connection, and close another one if there are too many."""
        if len(self._open) >= self._most:
            strangers, admitted = self._waiting
            group = admitted if admitted and len(strangers) < self._most // _STRANGERS_SHARE else strangers
            longest = next(iter(group), None)
            if longest is not None:
                self._let_go(longest)
        self._open.add(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self.stop_waiting(connection)
        self.stop_taking(connection)

    def wait(self, connection: Connection, until: float) -> None:
        """Wait for the client of a connection until that time of the loop's clock, in seconds."""
        self.stop_waiting(connection)
        if connection in self._open:
            self._waiting[connection.admitted][connection] = until

    def stop_waiting(self, connection: Connection) -> None:
        """Wait for its client no more."""
        self._waiting[connection.admitted].pop(connection, None)

    def begin_taking(self, connection: Connection) -> None:
        """Note that its client is slow to take an answer. Beyond `MAX_TAKING` such clients, the first one is let go."""
        self._taking[connection] = None
        if len(self._taking) > MAX_TAKING:
            self._let_go(next(iter(self._taking)))

    def stop_taking(self, connection: Connection) -> None:
        """Note that its client has taken the answer."""
        self._taking.pop(connection, None)

    def admit(self, connection: Connection) -> None:
        """Count a connection among those with a token from now on."""
        if not connection.admitted:
            until = self._waiting[False].pop(connection, None)
            connection.admitted = True
            if until is not None:
                self._waiting[True][connection] = until

    def _let_go(self, connection: Connection) -> None:
        LET_GO.labels("room").inc()
        self.remove(connection)
        connection.let_go()

    def expire(self, now: float) -> None:
        """Expire each connection whose client was waited for until now, in seconds of the loop's clock."""
        late = [connection for group in self._waiting for connection, until in group.items() if until <= now]
        for connection in late:
            self.stop_waiting(connection)
            connection.expire()


def room_for_connections() -> int:
    """The number of connections that may be open, once the system has given the process as many files as it allows."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return MAX_CONNECTIONS
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    if resource.RLIM_INFINITY != files < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            files = wanted
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else max(16, min(MAX_CONNECTIONS, files // 2))
