"""The operations that have to be fast, inside a write transaction: charge, reserve, commit, release.

A driver does them where its database has nothing better. Drivers whose database has are tested against them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from budgetctl.errors import BudgetctlError, KeyConflictError
from budgetctl.ledger.counts import token_counts
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import Answer, ChargeRequest, CommitRequest, Request
from budgetctl.ledger.values import Budget, Charge, Entry, EntryKind, IdempotencyKey
from budgetctl.money import Picodollars, format_usd
from budgetctl.stores.sql import holds, identities
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.identities import Known
from budgetctl.stores.sql.rows import ENTRY_COLUMNS, ENTRY_JOINS, account_row, entry_from_row
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


def perform_all(tx: Transaction, project: str, requests: Sequence[Request]) -> list[Answer]:
    """Do requests in their order. Raises the first error, which says its `place`, and may have done others before."""
    answers: list[Answer] = []
    for are_charges, group in itertools.groupby(requests, lambda request: isinstance(request, ChargeRequest)):
        begin, some = len(answers), list(group)
        try:
            if are_charges:
                answers += charge_all(tx, project, cast("list[ChargeRequest]", some))
            else:
                for request in some:
                    answers.append(perform(tx, project, request))
        except BudgetctlError as error:
            error.place = begin + error.place if are_charges and error.place is not None else len(answers)
            raise
    return answers


def charge(tx: Transaction, project: str, request: ChargeRequest) -> Charge:
    """Record a cost, once for each key and for each call."""
    opened: dict[int, Account] = {}
    account = Account.open(tx, request.user, opened, is_told=True)
    made = _charged(tx, account, request, opened)
    for each in opened.values():
        each.save()
    return _answer(made, account.budget(project))


def charge_all(tx: Transaction, project: str, requests: Sequence[ChargeRequest]) -> list[Charge]:
    """Record many costs. Each user is read and written once, so that all answers have the budget after all charges.

    Raises as a single charge does, and may have recorded others before.
    """
    opened: dict[int, Account] = {}
    users: dict[str, Account] = {}
    made: list[tuple[str, _Made]] = []
    try:
        for request in requests:
            account = users.get(request.user)
            if account is None:
                account = users[request.user] = Account.open(tx, request.user, opened, is_told=True)
            made.append((request.user, _charged(tx, account, request, opened)))
    except BudgetctlError as error:
        error.place = len(made)
        raise
    for account in opened.values():
        account.save()
    budgets = {user: account.budget(project) for user, account in users.items()}
    return [_answer(each, budgets[user]) for user, each in made]


def commit(tx: Transaction, project: str, request: CommitRequest) -> Charge:
    """Record what a call did cost, and let go of what was set aside for it."""
    hold = holds.known_hold(tx, request.hold_id)
    holds.refuse_resolved(hold, "committed")
    asked = request.charge
    if asked.model is None:
        asked = asked._replace(model=hold.model, called=())
    elif hold.model is not None:
        asked = asked._replace(called=(hold.model, *asked.called))
    opened: dict[int, Account] = {}
    account = holds.account_of(tx, hold, opened)
    try:
        made = _charged(tx, account, asked, opened, hold)
    except KeyConflictError as error:
        raise holds.committed_otherwise(hold) from error
    if hold.state != "committed":
        holds.resolve(tx, account, hold, "committed", made.number)
    for each in opened.values():
        each.save()
    return _answer(made, account.budget(project))


def release(tx: Transaction, hold_id: str) -> Hold:
    """Let go of what was set aside."""
    hold = holds.known_hold(tx, hold_id)
    holds.refuse_resolved(hold, "released")
    if hold.state != "released":
        account = holds.account_of(tx, hold)
        holds.resolve(tx, account, hold, "released")
        account.save()
    return holds.known_hold(tx, hold_id)


class _Made(NamedTuple):
    """The entry of a charge, whether it is new, and the number in the user's ledger that stands for the charge.

    `owner` is another user who was charged before, and `cost` what the call has cost in all, where an identity says
    that it was known before. `number` is None where the entry is another user's.
    """

    entry: Entry
    is_new: bool
    number: int | None
    owner: str | None = None
    cost: Picodollars | None = None


def _answer(made: _Made, budget: Budget) -> Charge:
    return Charge(made.entry, budget, not made.is_new, made.owner, made.cost)


def _charged(
    tx: Transaction, account: Account, request: ChargeRequest, opened: dict[int, Account], hold: Hold | None = None
) -> _Made:
    """Charge an account, once for each key and for each call. `opened` are all accounts that are open."""
    if request.at_us is not None:
        request = request._replace(at_us=min(request.at_us, tx.now_us))
    if request.key is None and not request.identities:
        return _first(tx, account, request, hold)
    account_id = account.row.account_id
    earlier = None if request.key is None else _replayed(tx, account_id, request.key)
    known, unknown = identities.find(tx, () if request.is_again else request.identities)
    if earlier is not None:
        is_known = known is not None and (known.account_id, known.entry.number) == (account_id, earlier.number)
        return _Made(earlier, False, earlier.number, cost=known.cost if known and is_known else None)
    if known is not None and hold is not None and identities.conflict(known, request):
        known = None  # the call of a hold was made: it costs what it costs
    made = _first(tx, account, request, hold) if known is None else _again(tx, account, request, known, opened)
    if request.key is not None and made.number is not None:
        _keep_key(tx, account_id, request.key, made.number)
    if request.identities:
        owner_id, number = (account_id, made.number) if known is None else (known.account_id, known.entry.number)
        identities.note(tx, request.identities, owner_id, number or 0, unknown)
    return made


def _first(tx: Transaction, account: Account, request: ChargeRequest, hold: Hold | None) -> _Made:
    """Charge a call that nobody was charged for.

    The entry counts in the limits in which its hold has money, whatever the name of the answer's model.
    """
    if hold is None:
        entry = _post(account, request)
    else:
        entry = _post(account, request, hold=hold.hold_id, held=holds.limits_of_hold(tx, hold))
    return _Made(entry, True, entry.number)


def _again(
    tx: Transaction, account: Account, request: ChargeRequest, known: Known, opened: dict[int, Account]
) -> _Made:
    """Charge what a call has used more than was known, to whoever was charged for it."""
    is_own = known.account_id == account.row.account_id
    owner = None if is_own else known.user
    number = known.entry.number if is_own else None
    fault = identities.conflict(known, request)
    if fault is not None:
        raise fault
    if not identities.is_grown(known, request):
        return _Made(known.entry, False, number, owner, known.cost)
    if not is_own:
        tx.require_whole_project()
        account = Account.of(tx, account_row(tx, known.account_id), opened, is_told=True)
    more = identities.grown_by(known, request)
    entry = _post(
        account,
        request._replace(amount=more, pricing=None, model=known.entry.model or request.model),
        kind="adjustment",
        refers_to=known.entry.number,
        known=token_counts(known.usage or {}),
    )
    return _Made(entry, True, number, owner, Picodollars(known.cost + more))


def _post(account: Account, request: ChargeRequest, *, kind: EntryKind = "spend", **more: Any) -> Entry:
    if request.key is not None and request.key.text is not None:
        more["caller_key"] = request.key.text
    return account.post(
        kind,
        request.amount,
        model=request.model,
        usage=request.usage,
        pricing=request.pricing,
        note=request.note,
        names=request.names,
        at_us=request.at_us,
        **more,
    )


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
    _keep_key(tx, account_id, key, entry.number)
    return entry, True


def _keep_key(tx: Transaction, account_id: int, key: IdempotencyKey, number: int) -> None:
    tx.run(
        "INSERT INTO idempotency_keys (project, account, kind, digest, request, number)"
        " VALUES (:project, :account, :kind, :digest, :request, :number)",
        account=account_id,
        kind=key.kind,
        digest=key.digest,
        request=key.request,
        number=number,
    )


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
