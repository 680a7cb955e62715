"""Opening a file by SQLite, as it is: nothing is asked or changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

BACKUP_ID = 0x62646762
"""The application id in the header of a backup ("bdgb"). It has no log, and becomes a store with the first write."""


def open_file(path: Path, mode: str, wait_s: float = 0) -> sqlite3.Connection:
    """A connection to a file, as SQLite makes it."""
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=wait_s,
    )


def is_backup(connection: sqlite3.Connection) -> bool:
    """Whether the file is a backup, which becomes a store with the first write."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(application_id == BACKUP_ID)
