"""What tables a SQLite file has."""

from __future__ import annotations

import re
import sqlite3


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Each table and index by its name, as the words and signs of its SQL, without comments and quotes."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(re.findall(r"\w+|[^\w\s\"]", re.sub(r"--.*", "", sql))) for name, sql in found}
