"""Decisions on whether a cost would be allowed: documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budgetctl.cli.views.budgets import limit_document
from budgetctl.cli.views.times import timestamp

if TYPE_CHECKING:
    from budgetctl.ledger.holds import Decision


def decision_document(decision: Decision) -> dict[str, Any]:
    """The document of a decision, with the limit that decides it."""
    limit = decision.binding.limit
    return {
        "user": decision.user,
        "allowed": decision.allowed,
        "cost": decision.cost,
        "remaining": limit.remaining,
        "resets_at": timestamp(limit.window_end_us),
        "reason": decision.reason,
        "frees_at": timestamp(decision.frees_us),
        "holds": decision.holds,
        "limit": limit_document(decision.binding),
    }
