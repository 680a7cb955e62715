"""Whether the clock can be right, judged by the times in the ledger.

A clock that is years ahead would roll every window to its time, let every hold go, and begin new windows in the future.
So a clock is not believed when it is further ahead of the ledger than anybody leaves a ledger unused: no window is
rolled and no hold expires until somebody says that the clock is right.
"""

from __future__ import annotations

from budgetctl.errors import ClockError
from budgetctl.periods import local_minute
from budgetctl.stores.sql.transaction import Transaction

MAX_PAUSE_US = 3 * 366 * 24 * 3600 * 10**6
"""How long a ledger may have been left alone: three years. `is_doubtful` in `functions.sql` has it too."""

_YEAR_US = 365.25 * 24 * 3600 * 10**6

# The newest of each, as they were made: of more, a clock that was wrong for a while would have to be right again.
_NEWEST = (
    "SELECT n.at_us FROM (SELECT {at} AS at_us FROM {table} WHERE project = :project ORDER BY {key} DESC LIMIT 20) n"
)
_NEWEST_OF_ALL = " UNION ALL ".join(
    [
        _NEWEST.format(at="COALESCE(recorded_us, at_us)", table="entries", key="entry"),
        _NEWEST.format(at="created_us", table="holds", key="hold"),
        _NEWEST.format(at="updated_us", table="accounts", key="account"),
        _NEWEST.format(at="window_start_us", table="limits", key="limit_id"),
    ]
)


def check(tx: Transaction, since_us: int = 0) -> None:
    """Raise `ClockError` if the clock cannot be right, neither by the time `since_us` nor by the ledger."""
    if tx.now_us - since_us <= MAX_PAUSE_US:
        return
    known_us = _known_us(tx, since_us)
    if tx.now_us - known_us > MAX_PAUSE_US:
        raise ClockError(
            f"the clock says {_shown(tx.now_us)}, which is {(tx.now_us - known_us) / _YEAR_US:.0f} years after all that"
            f" the ledger knows ({_shown(known_us)}): nothing was changed. Set it right, or say that it is",
            hint="budgetctl reset-due --clock-is-right",
        )


def hold_still(tx: Transaction, since_us: int = 0) -> None:
    """Set the transaction's time to the latest in the ledger if the clock cannot be right.

    This is for operations that are never refused: an event that has happened is recorded in the windows as they are.
    """
    if tx.now_us - since_us > MAX_PAUSE_US:
        known_us = _known_us(tx, since_us)
        if tx.now_us - known_us > MAX_PAUSE_US:
            tx.now_us = known_us


def confirm(tx: Transaction) -> None:
    """Note that the clock is right now, as somebody says."""
    tx.run("UPDATE projects SET confirmed_us = :now WHERE project = :project")


def _known_us(tx: Transaction, since_us: int) -> int:
    """The latest time in the ledger, or the first found by which the clock can be right."""
    row = tx.one("SELECT created_us, confirmed_us FROM projects WHERE project = :project")
    if row is None:
        return tx.now_us
    known_us: int = max(since_us, *row)
    if tx.now_us - known_us > MAX_PAUSE_US:
        row = tx.one(f"SELECT MAX(k.at_us) FROM ({_NEWEST_OF_ALL}) k")
        known_us = max(known_us, (row and row[0]) or 0)
    return known_us


def _shown(at_us: int) -> str:
    return local_minute(at_us, "UTC")
