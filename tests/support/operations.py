"""Short forms of operations of a store."""

from __future__ import annotations

from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import parse_amount

DAY_US = 86_400_000_000


def usd(text):
    return parse_amount(text)


def create(store, user="alice", amount="10", **terms):
    return store.create_budget(user, BudgetChange(amount=usd(amount), **terms), if_exists="error")[0]


def charge(store, amount, user="alice", **more):
    return store.charge(ChargeRequest(user, usd(amount), **more))


def key(text, request="same", kind="caller"):
    return IdempotencyKey(kind, text.ljust(16).encode(), request.ljust(16).encode())
