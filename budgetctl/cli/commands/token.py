"""`budgetctl token`."""

from __future__ import annotations

import re
import sys
import time
from contextlib import closing
from typing import Annotated, Any

import typer

from budgetctl.cli.session import Session
from budgetctl.cli.views.tokens import TOKEN_COLUMNS, TOKEN_FIELDS, token_document
from budgetctl.errors import InvalidValueError
from budgetctl.names import check_project
from budgetctl.stores.location import is_server

_DAY_US = 86_400_000_000
_LONGEST_LINE = 4096
_DAYS = re.compile(r"([1-9]\d{0,4})d")

TokenId = Annotated[str, typer.Argument(metavar="ID", show_default=False, help="The token's id, as list shows it.")]


def create(
    session: Session,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may look, and change nothing.")] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DAYS", help="After so long it is of no use, as in 90d.")
    ] = None,
) -> None:
    """Make a token for a project of the server, and show it this once.

    $ budgetctl token create --project team-a --expires 90d

    Whoever has it may use that project, and no other. What is kept of it here cannot be used in its place.
    """
    from budgetctl.server.tokens.token import new_token

    now_us = time.time_ns() // 1000
    expires_us = None if expires is None else now_us + _days_us(expires)
    token, text = new_token(check_project(session.project), now_us, read_only=read_only, expires_us=expires_us)
    with closing(_tokens(session)) as tokens:
        tokens.add(token)
    session.output.document({**token_document(token, now_us), "token": text}, lambda: text, is_needed=True)
    session.note(f"for the project {token.project}; it is not shown again")


def list_tokens(session: Session) -> None:
    """List the tokens of the server.

    $ budgetctl token list

    Those of all projects; what they are kept by does not tell what they are.
    """
    now_us = time.time_ns() // 1000
    with closing(_tokens(session)) as tokens:
        documents = [token_document(token, now_us) for token in tokens.tokens()]
    session.output.documents(documents, TOKEN_COLUMNS, TOKEN_FIELDS)


def revoke(session: Session, token_id: TokenId) -> None:
    """Make a token useless, at once.

    $ budgetctl token revoke 3f9c21ab07
    """
    now_us = time.time_ns() // 1000
    with closing(_tokens(session)) as tokens:
        token = tokens.revoke(token_id, now_us)
    session.output.document(
        token_document(token, now_us), lambda: f"{token.token_id}: revoked; it was for the project {token.project}"
    )


def save(session: Session) -> None:
    """Keep a token from stdin, for the server that --store names.

    $ budgetctl token save --store https://budgets.example < token.txt

    It is for the project, and sent to that address and to no other. BUDGETCTL_TOKEN and BUDGETCTL_TOKEN_FILE go
    before it.
    """
    from budgetctl.stores.remote.credentials import store_token

    if not is_server(session.location):
        raise InvalidValueError("a token is kept for a server", hint="budgetctl token save --store https://…")
    if sys.stdin.isatty():
        session.note("paste the token, and press Enter")
    path = store_token(str(session.location), check_project(session.project), sys.stdin.readline(_LONGEST_LINE))
    session.output.document({"path": str(path)}, lambda: f"kept in {path}")


def _tokens(session: Session) -> Any:
    from budgetctl.server.tokens import open_tokens

    if is_server(session.location):
        raise InvalidValueError(
            "tokens are made where the server's stores are", hint="budgetctl token list --store PATH"
        )
    return open_tokens(session.location)


def _days_us(text: str) -> int:
    match = _DAYS.fullmatch(text.strip().lower())
    if match is None:
        raise InvalidValueError(f"{text!r} is not a number of days", hint="budgetctl token create --expires 90d")
    return int(match[1]) * _DAY_US


token = {"create": create, "list": list_tokens, "revoke": revoke, "save": save}
