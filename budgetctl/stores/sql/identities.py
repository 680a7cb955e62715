"""Identities of calls: who was charged for a call already, and what a call is that has used more than was known.

All records of one call share an identity. The first of them is charged; a later one with more usage makes up the
difference, at the rates of the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.errors import CannotPriceError, KeyConflictError
from budgetctl.ledger.counts import relation
from budgetctl.ledger.matching import means
from budgetctl.ledger.store import ChargeRequest
from budgetctl.ledger.values import Entry
from budgetctl.money import ZERO, Picodollars, format_usd
from budgetctl.stores.sql.documents import from_json
from budgetctl.stores.sql.rows import ENTRY_COLUMNS, ENTRY_JOINS, entry_from_row
from budgetctl.stores.sql.transaction import Transaction

_FAR_US = 24 * 3600 * 10**6
"""Records of one call are not further apart: the same id a day later is another call."""


class Known(NamedTuple):
    """The first entry of a call, and all that was recorded of the call since.

    `usage` is the newest one, `cost` what all of it has cost, without corrections and refunds. `corrected` is the
    difference that corrections of its price have made.
    """

    account_id: int
    user: str
    entry: Entry
    usage: Mapping[str, Any] | None
    cost: Picodollars
    corrected: Picodollars


def find(tx: Transaction, identities: Sequence[bytes]) -> tuple[Known | None, list[bytes]]:
    """The call that has one of these identities, or None and those that are unknown.

    Where the first identity is unknown, another one names the call only if it has been the first itself: two calls of
    different ids may have a further one in common.
    """
    unknown = []
    for place, identity in enumerate(identities):
        row = tx.one(
            "SELECT account, number, is_first FROM identities WHERE project = :project AND digest = :digest",
            digest=identity,
        )
        if row is None:
            unknown.append(identity)
        elif place == 0 or row[2]:
            return _known(tx, row[0], row[1]), []
    return None, unknown


def _known(tx: Transaction, account_id: int, number: int) -> Known:
    row = tx.one(
        f"SELECT acc.name, {ENTRY_COLUMNS} FROM entries e"
        f" JOIN accounts acc ON acc.project = e.project AND acc.account = e.account {ENTRY_JOINS}"
        " WHERE e.project = :project AND e.account = :account AND e.number = :number",
        account=account_id,
        number=number,
    )
    if row is None:
        raise TypeError(f"an identity names the entry {number}, which is not there")
    entry = entry_from_row(row[1:])
    usage, cost, corrected = entry.usage, int(entry.amount), 0
    # The plus keeps SQLite from reading all entries of the user in their order.
    for amount, text in tx.all(
        "SELECT c.amount, c.usage FROM entries c WHERE c.project = :project AND c.account = :account"
        " AND c.refers_to = :number AND c.kind = 'adjustment' ORDER BY +c.number",
        account=account_id,
        number=number,
    ):
        if text is None:
            corrected += amount
        else:
            usage, cost = from_json(text), cost + amount
    return Known(account_id, row[0], entry, usage, Picodollars(cost), Picodollars(corrected))


def is_grown(known: Known, request: ChargeRequest) -> bool:
    """Whether a record says that a call has used more than was known."""
    return bool(request.usage and known.usage) and relation(known.usage or {}, request.usage or {}) == "more"


def conflict(known: Known, request: ChargeRequest) -> KeyConflictError | None:
    """The error for a record that says more of a call, and does not look like a record of the same call."""
    entry = known.entry
    if not is_grown(known, request):
        return None
    if not _is_same_model(entry.model, request):
        return _conflict(known, f"for {entry.model}, and not for {request.model}")
    if request.at_us is not None and abs(request.at_us - entry.at_us) > _FAR_US:
        return _conflict(known, "more than a day from then")
    return None


def grown_by(known: Known, request: ChargeRequest) -> Picodollars:
    """The cost of what a call has used more than was known, at the rates of its first entry.

    Where these are not recorded, or do not cover the usage, it is what the request costs more than was charged.
    """
    from budgetctl.pricing import price_as_recorded

    try:
        now = price_as_recorded(request.usage or {}, known.entry.pricing or {}, known.entry.at_us)
    except CannotPriceError:  # of tools, whose rates are not recorded
        now = None
    more = request.amount - known.corrected if now is None else now
    return Picodollars(max(more - known.cost, ZERO))


def note(
    tx: Transaction, identities: Sequence[bytes], account_id: int, number: int, unknown: Sequence[bytes] = ()
) -> None:
    """Keep those identities of a call that are new. Sorted, so that two who do so wait for each other in turn.

    Those of a new call that were `unknown` when it was looked for must be so still: somebody else, who has noted one in
    the meantime, has charged the call too. Then it is a violation, after which a driver tries again.
    """
    for identity in sorted(set(identities)):
        tx.run(
            "INSERT INTO identities (project, digest, account, number, is_first)"
            " VALUES (:project, :digest, :account, :number, :is_first)"
            + ("" if identity in unknown else " ON CONFLICT DO NOTHING"),
            digest=identity,
            account=account_id,
            number=number,
            is_first=int(identity == identities[0]),
        )


def _is_same_model(model: str | None, request: ChargeRequest) -> bool:
    if model is None or request.model is None or model == request.model:
        return True
    return means(model, request.names or "") or means(request.model, model)


def _conflict(known: Known, what: str) -> KeyConflictError:
    return KeyConflictError(
        f"{known.user} was charged {format_usd(known.cost)} for this call already {what}: entry {known.entry.number};"
        " nothing was added",
        hint="if it is another call: --again charges it",
    )
