"""Many requests in one write transaction, each by itself all or nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, ReleaseRequest, Request
from budgetctl.money import Picodollars
from budgetctl.stores.sql import operations
from budgetctl.stores.sql.transaction import Transaction
from budgetctl.stores.sqlite.file import VALUE_ERRORS, refused_value

T = TypeVar("T")
Check = Callable[[Picodollars], None]
"""Raises `InvalidValueError` for an amount that is too much for one entry of the store."""


def apply(tx: Transaction, project: str, requests: Sequence[Request], check: Check) -> list[Answer | BudgetctlError]:
    """Do all requests in their order, and answer each.

    Successive charges share their reads and writes. If one of them fails, they are done one by one.
    """
    answers: list[Answer | BudgetctlError] = []
    for are_charges, group in itertools.groupby(requests, lambda request: isinstance(request, ChargeRequest)):
        some = list(group)
        together = _charged_together(tx, project, some, check) if are_charges and len(some) > 1 else None
        answers += together or [_attempt(tx, partial(_perform, tx, project, each, check)) for each in some]
    return answers


def apply_all(tx: Transaction, project: str, requests: Sequence[Request], check: Check) -> list[Answer]:
    """Do all requests in their order. Raises the first error, which says its `place`."""
    for place, request in enumerate(requests):
        try:
            _check(request, check)
        except BudgetctlError as error:
            error.place = place
            raise
    return operations.perform_all(tx, project, requests)


def _charged_together(
    tx: Transaction, project: str, requests: Sequence[Request], check: Check
) -> list[Answer | BudgetctlError] | None:
    charges = [request for request in requests if isinstance(request, ChargeRequest)]

    def charge_all() -> list[Answer | BudgetctlError]:
        for charge in charges:
            check(charge.amount)
        return [*operations.charge_all(tx, project, charges)]

    answers = _attempt(tx, charge_all)
    return None if isinstance(answers, BudgetctlError) else answers


def _perform(tx: Transaction, project: str, request: Request, check: Check) -> Answer:
    _check(request, check)
    return operations.perform(tx, project, request)


def _check(request: Request, check: Check) -> None:
    if not isinstance(request, ReleaseRequest):
        check(request.charge.amount if isinstance(request, CommitRequest) else request.amount)


def _attempt(tx: Transaction, action: Callable[[], T]) -> T | BudgetctlError:
    """The answer of an action, or its error. An error takes back the changes of this action and of no other."""
    tx.run("SAVEPOINT attempt")
    try:
        return action()
    except (BudgetctlError, *VALUE_ERRORS) as error:
        tx.run("ROLLBACK TO attempt")
        tx.keys.clear()  # of rows that are gone
        return error if isinstance(error, BudgetctlError) else refused_value(error)
    finally:
        tx.run("RELEASE attempt")
