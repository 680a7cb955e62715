"""Money set aside before a call, inside a write transaction: made, let go, and looked up.

A hold is a row of its own, and one more for each limit that it counts against (`hold_postings`), whose sum is the
limit's `held`. An expired one counts for nothing: whoever next opens the limit for writing removes its rows.
"""

from __future__ import annotations

import shlex
from functools import partial

from budgetctl.errors import HoldResolvedError, KeyConflictError, UnknownHoldError
from budgetctl.ledger import decisions
from budgetctl.ledger.holds import Hold, HoldRequest, HoldState
from budgetctl.money import Picodollars, format_usd
from budgetctl.periods import rfc3339
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.entries import model_key
from budgetctl.stores.sql.rows import ACCOUNT_COLUMNS, AccountRow, find_account
from budgetctl.stores.sql.standings import freeing
from budgetctl.stores.sql.transaction import Row, Transaction

_COLUMNS = "o.name, acc.name, o.amount, o.state, o.created_us, o.expires_us, o.resolved_us, m.name, o.note, o.number"
_FROM = (
    "FROM holds o JOIN accounts acc ON acc.project = o.project AND acc.account = o.account"
    " LEFT JOIN models m ON m.project = o.project AND m.model = o.model"
)


def _hold(row: Row, now_us: int) -> Hold:
    """A hold from `_COLUMNS`, as it stands now."""
    hold = Hold(*row)
    is_expired = hold.state == "open" and hold.expires_us <= now_us
    return hold._replace(amount=Picodollars(hold.amount), state="expired" if is_expired else hold.state)


def find_hold(tx: Transaction, hold_id: str) -> Hold | None:
    """The hold of that id."""
    row = tx.one(f"SELECT {_COLUMNS} {_FROM} WHERE o.project = :project AND o.name = :name", name=hold_id)
    return None if row is None else _hold(row, tx.now_us)


def known_hold(tx: Transaction, hold_id: str) -> Hold:
    """The hold of that id. Raises `UnknownHoldError`."""
    hold = find_hold(tx, hold_id)
    if hold is None:
        raise UnknownHoldError(f"there is no hold {hold_id!r}", hint="budgetctl holds")
    return hold


def hold_key(tx: Transaction, hold_id: str) -> int:
    """The place of a hold among all, oldest first. Raises `UnknownHoldError`."""
    known_hold(tx, hold_id)
    row = tx.one("SELECT o.hold FROM holds o WHERE o.project = :project AND o.name = :name", name=hold_id)
    return int(row[0]) if row else 0


def account_of(tx: Transaction, hold: Hold, opened: dict[int, Account] | None = None) -> Account:
    """The account that the hold was made for, also when it is deleted and its name is another account's by now."""
    account = _account_row(tx, hold)
    if account.deleted_us:
        tx.require_whole_project()  # a deleted account is in nobody's chain of locks
    return Account.of(tx, account, opened, is_told=True)


def _account_row(tx: Transaction, hold: Hold) -> AccountRow:
    row = tx.one(
        f"SELECT {ACCOUNT_COLUMNS} FROM holds o"
        " JOIN accounts acc ON acc.project = o.project AND acc.account = o.account"
        " WHERE o.project = :project AND o.name = :name",
        name=hold.hold_id,
    )
    if row is None:
        raise TypeError(f"the hold {hold.hold_id!r} is nobody's")
    return AccountRow(*row)


def holds_of(
    tx: Transaction, account: AccountRow | None, *, resolved: bool, after: int, page: int
) -> list[tuple[int, Hold]]:
    """A page of holds with their keys, oldest first: those that count now, or also those that have ended."""
    rows = tx.all(
        f"SELECT o.hold, {_COLUMNS} {_FROM} WHERE o.project = :project AND o.hold > :after"
        + ("" if resolved else " AND o.state = 'open' AND o.expires_us > :now")
        + ("" if account is None else " AND o.account = :account")
        + " ORDER BY o.hold LIMIT :page",
        account=None if account is None else account.account_id,
        after=after,
        page=page,
    )
    return [(key, _hold(tuple(columns), tx.now_us)) for key, *columns in rows]


def reserve(tx: Transaction, request: HoldRequest) -> Hold:
    """Set money aside, if all limits allow it. The same request again answers the hold of the first time."""
    earlier = find_hold(tx, request.hold_id)
    if earlier is not None:
        if not _is_for(tx, earlier, request):
            raise KeyConflictError(
                f"the hold {request.hold_id!r} was made before, of {format_usd(earlier.amount)} for {earlier.user};"
                " nothing was set aside",
                hint="give each call a hold of its own",
            )
        return earlier
    account = Account.open(tx, request.user)
    decision = decisions.decide(
        request.user, account.standings(), request.needed, request.names, tx.now_us, partial(freeing, tx)
    )
    if not decision.allowed:
        raise decisions.refusal(decision)
    amount, expires_us = request.granted(decision.binding.limit.remaining), tx.now_us + request.ttl_us
    key = tx.insert(
        "INSERT INTO holds"
        " (project, name, account, amount, model, state, note, created_us, expires_us, at_most, at_least)"
        " VALUES (:project, :name, :account, :amount, :model, 'open', :note, :now, :expires, :at_most, :at_least)"
        " RETURNING hold",
        name=request.hold_id,
        account=account.row.account_id,
        amount=amount,
        model=None if request.model is None else model_key(tx, request.model),
        note=request.note,
        expires=expires_us,
        at_most=None if request.at_least is None else request.amount,
        at_least=request.at_least,
    )
    for limit_id in account.hold(amount, request.names):
        tx.run(
            "INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)"
            " VALUES (:project, :limit_id, :expires, :hold, :amount)",
            limit_id=limit_id,
            expires=expires_us,
            hold=key,
            amount=amount,
        )
    account.save()
    user, model = account.row.name, request.model
    return Hold(request.hold_id, user, amount, "open", tx.now_us, expires_us, None, model, request.note)


def _is_for(tx: Transaction, hold: Hold, request: HoldRequest) -> bool:
    """Whether a hold was made by the same request before: one of as much as was there may have less."""
    row = tx.one(
        "SELECT o.account, COALESCE(o.at_most, o.amount), o.at_least FROM holds o"
        " WHERE o.project = :project AND o.name = :name",
        name=hold.hold_id,
    )
    account = find_account(tx, request.user).account_id
    at_least = None if request.at_least is None else int(request.at_least)
    return row == (account, int(request.amount), at_least) and (hold.user, hold.model) == (request.user, request.model)


def resolve(tx: Transaction, account: Account, hold: Hold, state: HoldState, number: int | None = None) -> None:
    """Let the money of a hold go, and note how it ended."""
    postings = tx.all(
        "DELETE FROM hold_postings WHERE (project, hold) IN"
        " (SELECT o.project, o.hold FROM holds o WHERE o.project = :project AND o.name = :name)"
        " RETURNING limit_id, amount",
        name=hold.hold_id,
    )
    for limit_id, amount in postings:
        account.let_go(limit_id, Picodollars(amount))
    tx.run(
        "UPDATE holds SET state = :state, number = :number, resolved_us = :now"
        " WHERE project = :project AND name = :name",
        state=state,
        number=number,
        name=hold.hold_id,
    )


def limits_of_hold(tx: Transaction, hold: Hold) -> list[int]:
    """The keys of the limits in which a hold sets money aside now."""
    rows = tx.all(
        "SELECT p.limit_id FROM holds o JOIN hold_postings p ON p.project = o.project AND p.hold = o.hold"
        " WHERE o.project = :project AND o.name = :name",
        name=hold.hold_id,
    )
    return [limit_id for (limit_id,) in rows]


def expire_all(tx: Transaction, account: AccountRow) -> None:
    """Let all holds of an account expire, without looking at its limits.

    As with a hold whose time is over, its call may be under way, and its cost may still be committed.
    """
    for limit_id, amount in tx.all(
        # A cross join keeps the tables in this order: from the postings on, all of them would be read.
        "SELECT p.limit_id, SUM(p.amount) FROM holds o CROSS JOIN hold_postings p"
        " WHERE o.project = :project AND o.account = :account AND p.hold = o.hold GROUP BY p.limit_id",
        account=account.account_id,
    ):
        tx.run(
            "UPDATE limits SET held = held - :amount WHERE project = :project AND limit_id = :limit_id",
            limit_id=limit_id,
            amount=amount,
        )
    tx.run(
        "DELETE FROM hold_postings WHERE (project, hold) IN"
        " (SELECT o.project, o.hold FROM holds o WHERE o.project = :project AND o.account = :account)",
        account=account.account_id,
    )
    tx.run(
        "UPDATE holds SET state = 'expired' WHERE project = :project AND account = :account"
        " AND state NOT IN ('committed', 'released')",
        account=account.account_id,
    )


def refuse_resolved(hold: Hold, wanted: HoldState) -> None:
    """Raise `HoldResolvedError` for a hold that was resolved otherwise than it is to be resolved now."""
    if hold.resolved_us is None or hold.state == wanted:
        return
    at = rfc3339(hold.resolved_us)
    if wanted == "committed":
        raise HoldResolvedError(
            f"the hold {hold.hold_id!r} was released at {at}; nothing was charged",
            hint=f"budgetctl update-cost {shlex.quote(hold.user)} --cost 0.05",
        )
    raise committed_otherwise(hold)


def committed_otherwise(hold: Hold) -> HoldResolvedError:
    """The error for a hold that was committed with another cost than it is to be committed with now."""
    at = "" if hold.resolved_us is None else f" at {rfc3339(hold.resolved_us)}"
    return HoldResolvedError(
        f"the hold {hold.hold_id!r} was committed{at}, as entry {hold.number} of {hold.user}; nothing was changed"
    )
