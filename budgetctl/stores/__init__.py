"""The stores that budgets are kept in, and how the store of a location is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from budgetctl.directories import data_directory
from budgetctl.errors import InvalidValueError
from budgetctl.ledger.store import Store
from budgetctl.names import DEFAULT_PROJECT, check_project
from budgetctl.stores.location import (
    check_slashes,
    is_database,
    is_directory,
    is_server,
    project_files,
    store_path,
)
from budgetctl.stores.sqlite.store import DEFAULT_WAIT_S, SqliteStore

__all__ = ["DEFAULT_WAIT_S", "SqliteStore", "Store", "open_store", "project_stores"]


def open_store(location: str | os.PathLike[str] | None, project: str, *, wait_s: float = DEFAULT_WAIT_S) -> Store:
    """The store of a project at a location as `--store` names it. Nothing is opened or made yet.

    `wait_s` is how many seconds a writer waits for others. Raises `InvalidValueError` for a bad name or location.
    """
    project = check_project(project)
    if is_server(location):
        from budgetctl.stores.remote.store import open_http_store

        return open_http_store(str(location), project, wait_s=wait_s)
    if is_database(location):
        return _postgres_store(str(location), project, wait_s)
    return SqliteStore(store_path(location, project), project, wait_s=wait_s)


def project_stores(location: str | os.PathLike[str] | None, *, wait_s: float = DEFAULT_WAIT_S) -> Iterator[Store]:
    """A store for each project at the location: of a directory's files, a file, a database, or a server.

    A server names the projects that the token is for.
    """
    if is_server(location):
        from budgetctl.stores.remote.store import http_stores

        yield from http_stores(str(location), wait_s=wait_s)
        return
    if is_database(location):
        with closing(open_store(location, DEFAULT_PROJECT, wait_s=wait_s)) as any_project:
            names = any_project.projects()  # type: ignore[attr-defined]
        yield from (open_store(location, name, wait_s=wait_s) for name in names)
        return
    if location is not None:
        check_slashes(location)
    if location is not None and not is_directory(location):
        path = store_path(location, DEFAULT_PROJECT)
        for name in SqliteStore(path, DEFAULT_PROJECT, wait_s=wait_s).projects():
            yield SqliteStore(path, name, wait_s=wait_s)
        return
    for name, path in project_files(data_directory() if location is None else Path(location).expanduser()):
        yield SqliteStore(path, name, wait_s=wait_s)


def _postgres_store(url: str, project: str, wait_s: float) -> Store:
    """The driver for PostgreSQL is there if psycopg is."""
    try:
        from budgetctl.stores.postgres.store import PostgresStore
    except ImportError as error:
        raise InvalidValueError(
            "a PostgreSQL store needs psycopg, which is not installed", hint="pip install 'budgetctl[postgres]'"
        ) from error
    return PostgresStore(url, project, wait_s=wait_s)
