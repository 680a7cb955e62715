"""Values of what looks back at the ledger: filters, corrections, differences, soft limits that are crossed.

Apart from `models`, since the common commands need none of them, and each takes a fraction of a millisecond to define.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from budgetctl.ledger.values import EntryKind, Standing
from budgetctl.money import Picodollars


class HistoryFilter(NamedTuple):
    """Which entries of a ledger are wanted: from and up to an instant, of a kind, for models of a pattern."""

    since_us: int | None = None
    until_us: int | None = None
    kind: EntryKind | None = None
    model: str | None = None


class Correction(NamedTuple):
    """What an entry's cost was, and what it is by the prices of now. `entry` is the one that makes up the difference.

    `is_counted` says whether that counts in a window that is still open; else it is history only. Both are None when
    nothing was written.
    """

    user: str
    number: int
    at_us: int
    model: str | None
    before: Picodollars
    after: Picodollars
    entry: int | None = None
    is_counted: bool | None = None


class CorrectionRequest(NamedTuple):
    """That the user's entry of that number cost `amount`, by `pricing`."""

    user: str
    number: int
    amount: Picodollars
    pricing: Mapping[str, Any]
    note: str | None = None


class Difference(NamedTuple):
    """A counter (`spent`, `held`, `spent by model`), or a `closed` window's record, that is not what was posted."""

    user: str
    what: str
    limit: str
    generation: int
    model: str | None
    stored: Picodollars
    posted: Picodollars


class Crossing(NamedTuple):
    """That so many percent of a limit are spent."""

    standing: Standing
    percent: int
