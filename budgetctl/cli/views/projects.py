"""Projects that have a store: documents, and the columns of their table."""

from __future__ import annotations

from typing import Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.ledger.values import ProjectSummary

PROJECT_FIELDS = "project users spent size_bytes store".split()


def project_document(summary: ProjectSummary) -> dict[str, Any]:
    """The document of a project's store."""
    return {
        "project": summary.project,
        "users": summary.users,
        "spent": summary.spent,
        "size_bytes": summary.size_bytes,
        "store": summary.location,
    }


PROJECT_COLUMNS = (
    columns.name("project"),
    Column("USERS", lambda document: f"{document['users']:,}", is_number=True),
    columns.usd("spent"),
    columns.size(),
    columns.name("store"),
)
