"""Tokens of a server: documents, and the columns of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import timestamp
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.server.tokens.token import Token

TOKEN_FIELDS = "id name project read_only status created_at expires_at last_used_at revoked_at".split()


def token_document(token: Token, now_us: int) -> dict[str, Any]:
    """The document of a token of a server, without its digest."""
    return {
        "id": token.token_id,
        "name": token.name,
        "project": token.project,
        "read_only": token.read_only,
        "status": token.status(now_us),
        "created_at": rfc3339(token.created_us),
        "expires_at": timestamp(token.expires_us),
        "last_used_at": timestamp(token.used_us),
        "revoked_at": timestamp(token.revoked_us),
    }


def called(token: Token) -> str:
    """A token as a sentence names it: `3f9c21ab07 (ci)`."""
    return token.token_id if token.name is None else f"{token.token_id} ({token.name})"


def _day(field: str, heading: str) -> Column:
    """A day in UTC, so that the table fits a terminal; JSON has the seconds."""
    return Column(heading, lambda document: (document[field] or "never")[:10])


TOKEN_COLUMNS = (
    columns.text("id"),
    columns.name("name"),
    columns.name("project"),
    Column("MAY", lambda document: "read" if document["read_only"] else "write"),
    columns.text("status"),
    _day("created_at", "CREATED"),
    _day("expires_at", "EXPIRES"),
    _day("last_used_at", "LAST USED"),
)
