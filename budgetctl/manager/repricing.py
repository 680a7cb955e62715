"""Corrections of charges that were made at a wrong price, or without one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from budgetctl.errors import CannotPriceError
from budgetctl.ledger.corrections import Correction, CorrectionRequest
from budgetctl.ledger.values import UNKNOWN_PRICE, Entry, Price
from budgetctl.pricing import is_reproduced, price_recorded
from budgetctl.stores import Store

_BY_PRICE = frozenset({"litellm", "user", UNKNOWN_PRICE})
"""The sources of prices that may have been wrong. Costs that were stated, or billed by the provider, are right."""

_BATCH = 500


def reprice(
    store: Store, model: str, *, user: str | None, since_us: int | None, note: str | None, dry_run: bool
) -> Iterator[Correction]:
    """Correct charges for models of a pattern to their costs by the prices of now: see `BudgetManager.reprice`."""
    wrong: list[tuple[CorrectionRequest, Correction]] = []
    failures: list[CannotPriceError] = []
    left_alone = 0
    for name, entry, before in store.charges(model, user=user, since_us=since_us):
        if (entry.pricing or {}).get("source") not in _BY_PRICE:
            continue
        try:
            price: Price = price_recorded(entry.usage or {}, entry.pricing or {}, entry.at_us)
        except CannotPriceError as error:
            failures.append(error)
            continue
        if price.amount == before and not entry.is_unpriced:
            continue
        if not _is_to_correct(entry):
            left_alone += 1
            continue
        wrong.append(
            (
                CorrectionRequest(name, entry.number, price.amount, price.pricing, note, before),
                Correction(name, entry.number, entry.at_us, entry.model, before, price.amount),
            )
        )
        if len(wrong) == _BATCH:
            yield from _corrected(store, wrong, dry_run=dry_run)
            wrong.clear()
    yield from _corrected(store, wrong, dry_run=dry_run)
    if left_alone:
        what = "1 charge was" if left_alone == 1 else f"{left_alone:,} charges were"
        warnings.warn(
            f"{what} left alone: the recorded counts do not cost the recorded amount at the recorded rates",
            stacklevel=2,
        )
    if failures:
        what = "1 charge still has" if len(failures) == 1 else f"{len(failures):,} charges still have"
        raise CannotPriceError(f"{what} no price: {failures[0].message}", hint=failures[0].hint)


def _is_to_correct(entry: Entry) -> bool:
    """Whether the price makes the difference, and not a usage that was recorded incompletely."""
    if entry.is_unpriced or (entry.pricing or {}).get("source") == UNKNOWN_PRICE:
        return True
    try:
        return is_reproduced(entry.usage or {}, entry.pricing or {}, entry.amount, entry.at_us)
    except CannotPriceError:
        return False


def _corrected(store: Store, wrong: list[tuple[CorrectionRequest, Correction]], *, dry_run: bool) -> list[Correction]:
    if dry_run or not wrong:
        return [correction for _, correction in wrong]
    return store.correct([request for request, _ in wrong])
