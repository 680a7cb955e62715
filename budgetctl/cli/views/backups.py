"""Backups: documents, the columns of their table, and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns

if TYPE_CHECKING:
    from budgetctl.stores.sqlite.backups import Backup, Restored

BACKUP_FIELDS = "projects store file size_bytes".split()


def backup_document(backup: Backup) -> dict[str, Any]:
    """The document of a backup that was made."""
    return {
        "projects": backup.projects,
        "store": str(backup.store),
        "file": str(backup.file),
        "size_bytes": backup.size_bytes,
    }


BACKUP_COLUMNS = (
    Column("PROJECTS", lambda document: ", ".join(document["projects"]) or "-", is_name=True),
    columns.size(),
    columns.name("file"),
)


def backed_up(backup: Backup) -> str:
    """The sentence for a backup that was made."""
    return f"{', '.join(backup.projects)}: backed up to {backup.file} ({backup.size_bytes:,} bytes)"


def restored_document(restored: Restored) -> dict[str, Any]:
    """The document of a backup that was put back, with the file that has the store from before."""
    return {
        "projects": restored.projects,
        "store": str(restored.store),
        "file": str(restored.file),
        "replaced": None if restored.replaced is None else str(restored.replaced),
    }


def put_back(restored: Restored) -> str:
    """The sentence for a backup that was put back."""
    text = f"{', '.join(restored.projects)}: restored from {restored.file}"
    return text if restored.replaced is None else f"{text}; what was there is in {restored.replaced}"
