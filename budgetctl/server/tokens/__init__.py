"""The tokens of a server, in a file beside its stores or in its database."""

from __future__ import annotations

import os
from pathlib import Path

from budgetctl.directories import data_directory
from budgetctl.names import DEFAULT_PROJECT
from budgetctl.server.tokens.files import FileTokens
from budgetctl.server.tokens.token import TokenStore
from budgetctl.stores import open_store
from budgetctl.stores.location import is_database, is_directory, store_path


def open_tokens(location: str | os.PathLike[str] | None) -> TokenStore:
    """The tokens of a server over the stores at a location, as `--store` names it."""
    if is_database(location):
        open_store(location, DEFAULT_PROJECT)  # which says it when psycopg is not there
        from budgetctl.server.tokens.postgres import PostgresTokens

        return PostgresTokens(str(location))
    if location is not None and not is_directory(location):
        path = store_path(location, DEFAULT_PROJECT)
        return FileTokens(path.with_name(path.name + ".tokens.json"))
    # Not the file of a project: those end in `.db`.
    return FileTokens((data_directory() if location is None else Path(location).expanduser()) / "tokens.json")
