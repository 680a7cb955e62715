"""`budgetctl token`."""

from __future__ import annotations

import re
import sys
import time
from contextlib import closing, suppress
from typing import Annotated, Any

import typer

from budgetctl.cli.completing import token_names
from budgetctl.cli.session import Session
from budgetctl.cli.views.tokens import TOKEN_COLUMNS, TOKEN_FIELDS, called, token_document
from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.names import DEFAULT_PROJECT, check_project, check_token
from budgetctl.stores.location import is_server

_DAY_US = 86_400_000_000
_LONGEST_LINE = 4096
_DAYS = re.compile(r"([1-9]\d{0,4})d")

Which = Annotated[
    str,
    typer.Argument(
        metavar="TOKEN", show_default=False, help="Its name, its id, or how the id begins.", autocompletion=token_names
    ),
]


def create(
    session: Session,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What it is called, as in ci.")] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="It may look, and change nothing.")] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DAYS", help="After so long it is of no use, as in 90d.")
    ] = None,
) -> None:
    """Make a token for a project of the server, and show it this once.

    $ budgetctl token create --project team-a --name ci --expires 90d

    Whoever has it may use that project, and no other. What is kept of it here cannot be used in its place. No two
    tokens of a project have the same name; one that is revoked or has expired does not count.
    """
    from budgetctl.server.tokens.token import new_token

    now_us = time.time_ns() // 1000
    expires_us = None if expires is None else now_us + _days_us(expires)
    token, text = new_token(
        check_project(session.project),
        now_us,
        name=None if name is None else check_token(name),
        read_only=read_only,
        expires_us=expires_us,
    )
    with closing(_tokens(session)) as kept:
        kept.add(token)
    session.output.document({**token_document(token, now_us), "token": text}, lambda: text, is_needed=True)
    session.note(f"{called(token)}, for the project {token.project}; it is not shown again")
    _note_new_project(session)


def list_tokens(session: Session) -> None:
    """List the tokens of the server.

    $ budgetctl token list
    $ budgetctl token list --project team-a

    Those of all projects, or of the one that is named; what they are kept by does not tell what they are. Days are in
    UTC; --json has the times. A server notes the last use within about a minute.
    """
    now_us = time.time_ns() // 1000
    with closing(_tokens(session)) as kept:
        documents = [token_document(token, now_us) for token in kept.tokens() if session.named in (None, token.project)]
    if not session.output.documents(documents, TOKEN_COLUMNS, TOKEN_FIELDS):
        session.note(
            "no token yet: budgetctl token create" if session.named is None else f"no token of {session.named}"
        )


def revoke(session: Session, which: Which) -> None:
    """Make a token useless, at once.

    $ budgetctl token revoke ci --project team-a
    $ budgetctl token revoke 3f9c21ab07

    A name is looked for in the project, an id and its first digits (four or more) in all of them.
    """
    from budgetctl.server.tokens.token import choose

    now_us = time.time_ns() // 1000
    with closing(_tokens(session)) as kept:
        try:
            found = choose(kept.tokens(), which, session.project, now_us)
        except BudgetctlError:
            session.forget_project()  # it may be in another one, which the list of all shows
            raise
        token = kept.revoke(found.token_id, now_us)._replace(used_us=found.used_us)
    session.output.document(
        token_document(token, now_us), lambda: f"{called(token)}: revoked; it was for the project {token.project}"
    )


def save(session: Session) -> None:
    """Keep a token from stdin, for the server that --store names.

    $ budgetctl token save --store https://budgets.example < token.txt

    It is for the project, and sent to that address and to no other. BUDGETCTL_TOKEN and BUDGETCTL_TOKEN_FILE go
    before it.
    """
    from budgetctl.server.tokens.token import is_whole
    from budgetctl.stores.remote.credentials import store_token

    if not is_server(session.location):
        raise InvalidValueError("a token is kept for a server", hint="budgetctl token save --store https://…")
    if sys.stdin.isatty():
        session.note("paste the token, and press Enter")
    text = sys.stdin.readline(_LONGEST_LINE).strip()
    if not is_whole(text):
        raise InvalidValueError(
            "this is no token: one is a line that begins with bctl_, and has 59 characters",
            hint="paste all of what budgetctl token create has printed",
        )
    path = store_token(str(session.location), check_project(session.named or DEFAULT_PROJECT), text)
    session.output.document({"path": str(path)}, lambda: f"kept in {path}")


def _note_new_project(session: Session) -> None:
    """Note that the project of a token has no budget, which may be a typing error. A store may not be there yet."""
    with suppress(BudgetctlError):
        if not session.store.exists():
            session.note(f"the project {session.project} has no budget yet")


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
