"""`budgetctl upgrade`."""

from __future__ import annotations

from typing import Annotated

import typer

from budgetctl.cli.session import Session
from budgetctl.errors import InvalidValueError
from budgetctl.stores.location import is_database


def upgrade(
    session: Session,
    prune: Annotated[bool, typer.Option("--prune", help="Drop the functions of all other versions.")] = False,
) -> None:
    """Bring a PostgreSQL database up to date, as the owner of its tables.

    $ budgetctl upgrade --store postgresql://budgetctl@db.example/budgets
    $ budgetctl upgrade --store postgresql://budgetctl@db.example/budgets --prune

    It makes tables and functions of this version that are not there, and lets all roles that may use the tables use the
    functions. Whoever opens the store does that by itself, if the role may; this is for where it may not.
    """
    if not is_database(session.location):
        raise InvalidValueError(
            "upgrade is for PostgreSQL databases: a file is brought up to date by whoever opens it, and the store of a"
            " server by the server",
            hint="--store postgresql://user@host:5432/database",
        )
    pruned = session.store.upgrade(prune=prune)  # type: ignore[attr-defined]
    session.output.document(
        {"store": session.store.location(), "pruned": pruned},  # type: ignore[attr-defined]
        lambda: "\n".join(["the database is up to date", *(f"dropped {name}" for name in pruned)]),
    )
