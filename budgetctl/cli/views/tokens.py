"""Tokens of a server: documents, and the columns of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import timestamp
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.server.tokens.token import Token

TOKEN_FIELDS = "id project read_only status created_at expires_at revoked_at".split()


def token_document(token: Token, now_us: int) -> dict[str, Any]:
    """The document of a token of a server, without its digest."""
    expired = token.expires_us is not None and token.expires_us <= now_us
    return {
        "id": token.token_id,
        "project": token.project,
        "read_only": token.read_only,
        "status": "revoked" if token.revoked_us is not None else "expired" if expired else "valid",
        "created_at": rfc3339(token.created_us),
        "expires_at": timestamp(token.expires_us),
        "revoked_at": timestamp(token.revoked_us),
    }


TOKEN_COLUMNS = (
    columns.text("id"),
    columns.name("project"),
    Column("MAY", lambda document: "read" if document["read_only"] else "read, write"),
    columns.text("status"),
    columns.time("created_at", "CREATED (UTC)"),
    columns.time("expires_at", "EXPIRES (UTC)"),
)
