"""The address in `--store postgresql://…`, and its text for people, which never has a password."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from budgetctl.errors import InvalidValueError

_MAYBE_SECRET = ("password", "sslpassword")


class ServerAddress:
    """Where a database is, as libpq takes it."""

    def __init__(self, url: str) -> None:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        self.url = url
        try:
            _check(url)
            self.parameters: Mapping[str, Any] = conninfo_to_dict(url)
        except (psycopg.Error, ValueError):
            # Without its cause: libpq repeats the piece that it does not understand, which may be of the password.
            raise InvalidValueError(
                "the store's address is no URL of a PostgreSQL database: in a user or password, write @ as %40,"
                " / as %2F, : as %3A, ? as %3F, # as %23 and % as %25",
                hint="postgresql://user@host:5432/database, with the password in PGPASSFILE or PGPASSWORD",
            ) from None

    def __str__(self) -> str:
        """The address for a person: without a password, and without settings that are seldom of interest."""
        given = self.parameters
        user = f"{given['user']}@" if given.get("user") else ""
        port = f":{given['port']}" if given.get("port") else ""
        return f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"

    def without_password(self, text: str) -> str:
        """A text of libpq or the server, with its secrets taken out."""
        for name in _MAYBE_SECRET:
            if self.parameters.get(name):
                text = text.replace(self.parameters[name], "***")
        return text


def _check(url: str) -> None:
    """Raise `ValueError` where libpq may take a piece of the password for something else, and show it."""
    _, _, rest = url.partition("://")
    authority, *path = re.split(r"[/?#]", rest, maxsplit=1)
    user, _, hosts = authority.rpartition("@")
    if "@" in user or (not user and any("@" in piece for piece in path)):
        raise ValueError("more than one @, or one in the wrong place")
    for host in hosts.split(","):
        port = re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?", host)
        if port is None:
            raise ValueError("a port that is no number")
