"""Who is connected, and for how long the server waits for each of them."""

from __future__ import annotations

import contextlib
from typing import Protocol

from budgetctl.server.metrics import LET_GO

MAX_CONNECTIONS = 900
"""At most, and at most half of the files that the system lets a process open: stores need the others."""

MAX_TAKING = 100
"""Connections that may have more of an answer to take than the system keeps for them."""

_MOST_FILES = 65_536
_STRANGERS_SHARE = 4


class Connection(Protocol):
    """A connection. It is `admitted` once somebody has shown a token on it that can be used."""

    admitted: bool

    def let_go(self) -> None:
        """Close it at once, whatever becomes of its client."""

    def expire(self) -> None:
        """Decide what becomes of it after its client has not come in time."""


class Connections:
    """All connections of a server, at most so many. Used from one event loop, with its clock.

    Each either waits for its client (for a head, a body, or until an answer was taken) or is being answered. When one
    more comes than there may be, that one is let go which has kept the server waiting for longest: of those that have
    shown no token, unless they are few. So nobody keeps others out by doing nothing, and nobody without a token keeps
    out those who have one.
    """

    def __init__(self, most: int = MAX_CONNECTIONS) -> None:
        self._most = most
        self._open: set[Connection] = set()
        # Those that wait, longest first, and until when: strangers, and those that are admitted.
        self._taking: dict[Connection, None] = {}
        self._waiting: tuple[dict[Connection, float], dict[Connection, float]] = ({}, {})

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Take one more, and let another go for it if there are too many."""
        if len(self._open) >= self._most:
            strangers, admitted = self._waiting
            group = admitted if admitted and len(strangers) < self._most // _STRANGERS_SHARE else strangers
            longest = next(iter(group), None)
            if longest is not None:
                self._let_go(longest)
        self._open.add(connection)

    def remove(self, connection: Connection) -> None:
        """Forget one that is closed."""
        self._open.discard(connection)
        self.stop_waiting(connection)
        self.stop_taking(connection)

    def wait(self, connection: Connection, until: float) -> None:
        """From now on wait for its client, until then."""
        self.stop_waiting(connection)
        if connection in self._open:
            self._waiting[connection.admitted][connection] = until

    def stop_waiting(self, connection: Connection) -> None:
        """Its client is not what is waited for."""
        self._waiting[connection.admitted].pop(connection, None)

    def begin_taking(self, connection: Connection) -> None:
        """Its client has not taken what was sent. Of too many that is kept in memory, the first one's is let go."""
        self._taking[connection] = None
        if len(self._taking) > MAX_TAKING:
            self._let_go(next(iter(self._taking)))

    def stop_taking(self, connection: Connection) -> None:
        """Its client has taken what was sent."""
        self._taking.pop(connection, None)

    def admit(self, connection: Connection) -> None:
        """From now on it counts among those that have shown a token."""
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
        """Have those decided on that were waited for until now."""
        late = [connection for group in self._waiting for connection, until in group.items() if until <= now]
        for connection in late:
            self.stop_waiting(connection)
            connection.expire()


def room_for_connections() -> int:
    """How many connections may be open, after having asked the system for as many files as it gives."""
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
