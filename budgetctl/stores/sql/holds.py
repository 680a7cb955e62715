"""Money set aside before a call, inside a write transaction: made, let go, and looked up.

A hold is a row of its own, and one more for each limit that it counts against (`hold_postings`), whose sum is the
limit's `held`. An expired one counts for nothing: whoever next opens the limit for writing removes its rows.
"""

from __future__ import annotations

from budgetctl.errors import HoldResolvedError, KeyConflictError, UnknownHoldError
from budgetctl.ledger import windows
from budgetctl.ledger.holds import Hold, HoldRequest, HoldState
from budgetctl.money import Picodollars, format_usd
from budgetctl.periods import rfc3339
from budgetctl.stores.sql.account import Account
from budgetctl.stores.sql.entries import model_key
from budgetctl.stores.sql.rows import HOLDER_COLUMNS, Holder, find_holder
from budgetctl.stores.sql.transaction import Row, Transaction

_COLUMNS = "o.name, h.name, o.amount, o.state, o.created_us, o.expires_us, o.resolved_us, m.name, o.note, o.number"
_FROM = (
    "FROM holds o JOIN holders h ON h.project = o.project AND h.holder = o.holder"
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
    """The same. Raises `UnknownHoldError`."""
    hold = find_hold(tx, hold_id)
    if hold is None:
        raise UnknownHoldError(f"there is no hold {hold_id!r}", hint="budgetctl holds")
    return hold


def hold_key(tx: Transaction, hold_id: str) -> int:
    """The place of a hold among all, oldest first. Raises `UnknownHoldError`."""
    known_hold(tx, hold_id)
    row = tx.one("SELECT o.hold FROM holds o WHERE o.project = :project AND o.name = :name", name=hold_id)
    return int(row[0]) if row else 0


def account_of(tx: Transaction, hold: Hold) -> Account:
    """The account that the hold was made for, also when that is deleted, whoever has its name by now."""
    holder = _holder_of(tx, hold)
    if holder.deleted_us:
        tx.require_whole_project()  # a deleted account is in nobody's chain of locks
    return Account.of(tx, holder, is_told=True)


def _holder_of(tx: Transaction, hold: Hold) -> Holder:
    row = tx.one(
        f"SELECT {HOLDER_COLUMNS} FROM holds o JOIN holders h ON h.project = o.project AND h.holder = o.holder"
        " WHERE o.project = :project AND o.name = :name",
        name=hold.hold_id,
    )
    if row is None:
        raise TypeError(f"the hold {hold.hold_id!r} is nobody's")
    return Holder(*row)


def holds_of(
    tx: Transaction, holder: Holder | None, *, resolved: bool, after: int, page: int
) -> list[tuple[int, Hold]]:
    """A page of holds with their keys, oldest first: those that count now, or all of them."""
    rows = tx.all(
        f"SELECT o.hold, {_COLUMNS} {_FROM} WHERE o.project = :project AND o.hold > :after"
        + ("" if resolved else " AND o.state = 'open' AND o.expires_us > :now")
        + ("" if holder is None else " AND o.holder = :holder")
        + " ORDER BY o.hold LIMIT :page",
        holder=None if holder is None else holder.holder,
        after=after,
        page=page,
    )
    return [(key, _hold(tuple(columns), tx.now_us)) for key, *columns in rows]


def reserve(tx: Transaction, request: HoldRequest) -> Hold:
    """Set money aside, if all limits allow it. The same request again answers the hold that it made."""
    earlier = find_hold(tx, request.hold_id)
    if earlier is not None:
        asked = (request.user, request.amount, request.model)
        is_same = (earlier.user, earlier.amount, earlier.model) == asked
        if not is_same or _holder_of(tx, earlier).holder != find_holder(tx, request.user).holder:
            raise KeyConflictError(
                f"the hold {request.hold_id!r} was made before, of {format_usd(earlier.amount)} for {earlier.user};"
                " nothing was set aside",
                hint="give each call a hold of its own",
            )
        return earlier
    account = Account.open(tx, request.user)
    decision = windows.decide(request.user, account.standings(), request.amount, request.names, tx.now_us)
    if not decision.allowed:
        raise windows.refusal(decision)
    expires_us = tx.now_us + request.ttl_us
    key = tx.insert(
        "INSERT INTO holds (project, name, holder, amount, model, state, note, created_us, expires_us)"
        " VALUES (:project, :name, :holder, :amount, :model, 'open', :note, :now, :expires) RETURNING hold",
        name=request.hold_id,
        holder=account.holder.holder,
        amount=request.amount,
        model=None if request.model is None else model_key(tx, request.model),
        note=request.note,
        expires=expires_us,
    )
    for limit_id in account.hold(request.amount, request.names):
        tx.run(
            "INSERT INTO hold_postings (project, limit_id, expires_us, hold, amount)"
            " VALUES (:project, :limit_id, :expires, :hold, :amount)",
            limit_id=limit_id,
            expires=expires_us,
            hold=key,
            amount=request.amount,
        )
    account.save()
    return known_hold(tx, request.hold_id)


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


def expire_all(tx: Transaction, holder: Holder) -> None:
    """Let go of all that is set aside for a holder, without looking at its limits.

    As with a hold whose time is over, its call may be under way, and what that costs is still to be committed.
    """
    for limit_id, amount in tx.all(
        # A cross join keeps the tables in this order: from the postings on, all of them would be read.
        "SELECT p.limit_id, SUM(p.amount) FROM holds o CROSS JOIN hold_postings p"
        " WHERE o.project = :project AND o.holder = :holder AND p.hold = o.hold GROUP BY p.limit_id",
        holder=holder.holder,
    ):
        tx.run(
            "UPDATE limits SET held = held - :amount WHERE project = :project AND limit_id = :limit_id",
            limit_id=limit_id,
            amount=amount,
        )
    tx.run(
        "DELETE FROM hold_postings WHERE (project, hold) IN"
        " (SELECT o.project, o.hold FROM holds o WHERE o.project = :project AND o.holder = :holder)",
        holder=holder.holder,
    )
    tx.run(
        "UPDATE holds SET state = 'expired' WHERE project = :project AND holder = :holder"
        " AND state NOT IN ('committed', 'released')",
        holder=holder.holder,
    )


def refuse_resolved(hold: Hold, wanted: HoldState) -> None:
    """Raise `HoldResolvedError` for a hold that was resolved in another way than is wanted now."""
    if hold.resolved_us is None or hold.state == wanted:
        return
    at = rfc3339(hold.resolved_us)
    if wanted == "committed":
        raise HoldResolvedError(
            f"the hold {hold.hold_id!r} was released at {at}; nothing was charged",
            hint=f"budgetctl update-cost {hold.user} --cost 0.05",
        )
    raise committed_otherwise(hold)


def committed_otherwise(hold: Hold) -> HoldResolvedError:
    """The error for a hold that was committed, and not with what is wanted now."""
    at = "" if hold.resolved_us is None else f" at {rfc3339(hold.resolved_us)}"
    return HoldResolvedError(
        f"the hold {hold.hold_id!r} was committed{at}, as entry {hold.number} of {hold.user}; nothing was changed"
    )
