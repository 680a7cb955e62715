"""`budgetctl projects`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from budgetctl.cli.cells import Document
from budgetctl.cli.problems import warn
from budgetctl.cli.session import Session
from budgetctl.cli.views.projects import PROJECT_COLUMNS, PROJECT_FIELDS, project_document
from budgetctl.errors import BudgetctlError
from budgetctl.stores import project_stores


def projects(session: Session) -> None:
    """List the projects that have a store, with their users, what is spent, and their size.

    $ budgetctl projects
    """

    def summaries() -> Iterator[Document]:
        for store in project_stores(session.location, wait_s=session.wait_s):
            with closing(store):
                try:
                    yield project_document(store.summary())
                except BudgetctlError as error:
                    warn(error)

    if not session.output.documents(summaries(), PROJECT_COLUMNS, PROJECT_FIELDS):
        session.note("no projects yet: budgetctl create alice --budget 10")
