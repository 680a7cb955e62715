"""Values of bookkeeping: filters of entries, corrections, differences, soft limits that are crossed.

They are not in `ledger.values`, since the common commands need none of them, and each takes a fraction of a millisecond
to define.
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
    """The cost of an entry `before` and `after` its correction to the prices of now.

    `entry` is the number of the entry that makes up the difference. `is_counted` says whether that entry counts in a
    window that is still open; else it is history only. Both are None when nothing was written.
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
    """The right cost of a user's entry: `amount`, by `pricing`.

    `before` is its cost as far as it was known: where that has changed meanwhile, nothing is corrected.
    """

    user: str
    number: int
    amount: Picodollars
    pricing: Mapping[str, Any]
    note: str | None = None
    before: Picodollars | None = None


class Difference(NamedTuple):
    """A counter (`spent`, `held`, `spent by model`) or the record of a `closed` window that is not what was posted."""

    user: str
    what: str
    limit: str
    generation: int
    model: str | None
    stored: Picodollars
    posted: Picodollars


class Crossing(NamedTuple):
    """A soft limit that is crossed: `percent` of the limit are spent."""

    standing: Standing
    percent: int
