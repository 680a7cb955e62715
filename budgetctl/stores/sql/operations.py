"""The operations that have to be fast, inside a write transaction: charge, reserve, commit, release.

A driver does them where its database has nothing better. Drivers whose database has are tested against them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from budgetctl.errors import KeyConflictError
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, Request
from budgetctl.ledger.values import Charge, Entry, IdempotencyKey
from budgetctl.money import format_usd
from budgetctl.stores.sql import holds
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.rows import ENTRY_COLUMNS, ENTRY_JOINS, entry_from_row
from budgetctl.stores.sql.transaction import Transaction


def perform(tx: Transaction, project: str, request: Request) -> Answer:
    """Do a request. Raises as the methods of `Store` do, and may have changed rows before."""
    if isinstance(request, ChargeRequest):
        return charge(tx, project, request)
    if isinstance(request, HoldRequest):
        return holds.reserve(tx, request)
    if isinstance(request, CommitRequest):
        return commit(tx, project, request)
    return release(tx, request.hold_id)


def charge(tx: Transaction, project: str, request: ChargeRequest) -> Charge:
    """Record a cost, once for each key."""
    account = Account.open(tx, request.user, is_told=True)
    entry, is_new = _charged(tx, account, request)
    account.save()
    return Charge(entry, account.budget(project), replayed=not is_new)


def charge_all(tx: Transaction, project: str, requests: Sequence[ChargeRequest]) -> list[Charge]:
    """Record many costs. Each user is read and written once, so that all answers have the budget after all charges.

    Raises as a single charge does, and may have recorded others before.
    """
    opened: dict[int, Account] = {}
    users: dict[str, Account] = {}
    made = []
    for request in requests:
        account = users.get(request.user)
        if account is None:
            account = users[request.user] = Account.open(tx, request.user, opened, is_told=True)
        made.append((request.user, *_charged(tx, account, request)))
    for account in users.values():
        account.save()
    budgets = {user: account.budget(project) for user, account in users.items()}
    return [Charge(entry, budgets[user], replayed=not is_new) for user, entry, is_new in made]


def commit(tx: Transaction, project: str, request: CommitRequest) -> Charge:
    """Record what a call did cost, and let go of what was set aside for it."""
    hold = holds.known_hold(tx, request.hold_id)
    holds.refuse_resolved(hold, "committed")
    asked = request.charge
    if asked.model is None:
        asked = asked._replace(model=hold.model, called=())
    elif hold.model is not None:
        asked = asked._replace(called=(hold.model, *asked.called))
    account = holds.account_of(tx, hold)
    try:
        entry, is_new = _charged(tx, account, asked, held=holds.limits_of_hold(tx, hold))
    except KeyConflictError as error:
        raise holds.committed_otherwise(hold) from error
    if is_new:
        holds.resolve(tx, account, hold, "committed", entry.number)
    account.save()
    return Charge(entry, account.budget(project), replayed=not is_new)


def release(tx: Transaction, hold_id: str) -> Hold:
    """Let go of what was set aside."""
    hold = holds.known_hold(tx, hold_id)
    holds.refuse_resolved(hold, "released")
    if hold.state != "released":
        account = holds.account_of(tx, hold)
        holds.resolve(tx, account, hold, "released")
        account.save()
    return holds.known_hold(tx, hold_id)


def _charged(
    tx: Transaction, account: Account, request: ChargeRequest, held: Collection[int] = ()
) -> tuple[Entry, bool]:
    """The entry of a charge, and whether it is new: the same key again answers the entry of the first time.

    The entry counts in the limits in which its hold has money, whatever the name of the answer's model.
    """

    def post() -> Entry:
        return account.post(
            "spend",
            request.amount,
            model=request.model,
            usage=request.usage,
            pricing=request.pricing,
            note=request.note,
            names=request.names,
            held=held,
        )

    return once(tx, account, request.key, post)


def once(
    tx: Transaction, account: Account, key: IdempotencyKey | None, make: Callable[[], Entry]
) -> tuple[Entry, bool]:
    """The entry that `make` makes, and whether it is new: the same key again answers the entry of the first time."""
    if key is None:
        return make(), True
    account_id = account.row.account_id
    earlier = _replayed(tx, account_id, key)
    if earlier is not None:
        return earlier, False
    entry = make()
    tx.run(
        "INSERT INTO idempotency_keys (project, account, kind, digest, request, number)"
        " VALUES (:project, :account, :kind, :digest, :request, :number)",
        account=account_id,
        kind=key.kind,
        digest=key.digest,
        request=key.request,
        number=entry.number,
    )
    return entry, True


def _replayed(tx: Transaction, account_id: int, key: IdempotencyKey) -> Entry | None:
    """The entry that the key made before. Raises `KeyConflictError` when it was for another request."""
    row = tx.one(
        f"SELECT k.request, {ENTRY_COLUMNS} FROM idempotency_keys k"
        " JOIN entries e ON e.project = k.project AND e.account = k.account AND e.number = k.number"
        f" {ENTRY_JOINS}"
        " WHERE k.project = :project AND k.account = :account AND k.kind = :kind AND k.digest = :digest",
        account=account_id,
        kind=key.kind,
        digest=key.digest,
    )
    if row is None:
        return None
    entry = entry_from_row(row[1:])
    if row[0] != key.request:
        raise KeyConflictError(
            f"this key was used before for another request, entry {entry.number} of {format_usd(entry.amount)};"
            " nothing was added",
            hint="give each call a key of its own",
        )
    return entry
