"""The JSON documents of results: field names that scripts rely on. Times are RFC 3339 in UTC, amounts USD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.ledger import decisions
from budgetctl.ledger.values import (
    UNKNOWN_PRICE,
    Budget,
    Charge,
    ClosedWindow,
    Entry,
    Price,
    ProjectSummary,
    Reset,
    Standing,
    Usage,
)
from budgetctl.money import Picodollars
from budgetctl.periods import rfc3339

if TYPE_CHECKING:
    from budgetctl.ledger.corrections import Correction, Crossing, Difference
    from budgetctl.ledger.holds import Decision, Hold
    from budgetctl.ledger.top_ups import Left
    from budgetctl.pricing.prices.own_prices import OwnPrice
    from budgetctl.pricing.prices.quotes import Quote, Sources, Trust
    from budgetctl.server.tokens.token import Token
    from budgetctl.stores.sqlite.backups import Backup

BUDGET_FIELDS = (
    "project user budget spent held remaining used_percent duration align timezone window_start resets_at models status"
    " created_at updated_at parent topped_up"
).split()
ENTRY_FIELDS = "entry_id at kind cost model usage pricing note closed refers_to unpriced".split()
CORRECTION_FIELDS = "user entry_id at model cost_before cost corrected_by counted".split()
CROSSING_FIELDS = "user limit threshold used_percent spent amount topped_up remaining resets_at".split()
DIFFERENCE_FIELDS = "user what limit generation model stored posted".split()
HOLD_FIELDS = "hold user amount state model note created_at expires_at resolved_at entry_id".split()
TOP_UP_FIELDS = "entry_id at limit amount left expires_at note".split()
RESET_FIELDS = "user spent window_start window_end reset_at".split()
PRICE_FIELDS = "key source provider per rates others".split()
TOKEN_FIELDS = "id project read_only status created_at expires_at revoked_at".split()
BACKUP_FIELDS = "projects store file size_bytes".split()
PROJECT_FIELDS = "project users spent size_bytes store".split()


def budget_document(budget: Budget) -> dict[str, Any]:
    """A budget as it stands now."""
    limit = budget.limit
    return {
        "project": budget.project,
        "user": budget.user,
        "budget": limit.amount,
        "spent": limit.spent,
        "held": limit.held,
        "remaining": budget.remaining,
        "used_percent": decisions.used_percent(limit),
        "duration": limit.duration,
        "align": limit.align,
        "timezone": limit.zone,
        "window_start": rfc3339(limit.window_start_us),
        "resets_at": _time(limit.window_end_us),
        "models": dict(budget.models),
        "status": decisions.status(limit),
        "created_at": rfc3339(budget.created_us),
        "updated_at": rfc3339(budget.updated_us),
        "parent": budget.parent,
        "topped_up": limit.topped_up,
        # Of a page of many budgets they are not read.
        **({"limits": [limit_document(standing) for standing in budget.standings]} if budget.standings else {}),
    }


def limit_document(standing: Standing) -> dict[str, Any]:
    """A limit that a user's charges may count against; `user` is whose it is, null for the project's."""
    user, limit = standing
    return {
        "user": user or None,
        "name": limit.name,
        "amount": limit.amount,
        "topped_up": limit.topped_up,
        "topped_up_until": _time(limit.topped_up_until_us),
        "spent": limit.spent,
        "held": limit.held,
        "remaining": limit.remaining,
        "duration": limit.duration,
        "models": limit.models,
        "warn_at": list(limit.warn_at),
        "window_start": rfc3339(limit.window_start_us),
        "resets_at": _time(limit.window_end_us),
        "status": decisions.status(limit),
    }


def decision_document(decision: Decision) -> dict[str, Any]:
    """Whether a cost would be allowed, and by which limit that is decided."""
    limit = decision.binding.limit
    return {
        "user": decision.user,
        "allowed": decision.allowed,
        "cost": decision.cost,
        "remaining": limit.remaining,
        "resets_at": _time(limit.window_end_us),
        "limit": limit_document(decision.binding),
    }


def hold_document(hold: Hold) -> dict[str, Any]:
    """Money that is, or was, set aside."""
    return {
        "hold": hold.hold_id,
        "user": hold.user,
        "amount": hold.amount,
        "state": hold.state,
        "model": hold.model,
        "note": hold.note,
        "created_at": rfc3339(hold.created_us),
        "expires_at": rfc3339(hold.expires_us),
        "resolved_at": _time(hold.resolved_us),
        "entry_id": hold.number,
    }


def charge_document(charge: Charge, price: Price) -> dict[str, Any]:
    """A charge, and where it leaves the budget. A replayed one answers what was charged before."""
    return {
        "user": charge.budget.user,
        "charged": not charge.replayed,
        "cost": charge.entry.amount,
        "model": charge.entry.model,
        "usage": usage_document(price.usage.to_json()),
        "entry_id": charge.entry.number,
        **_left(charge.budget),
        "unpriced": charge.entry.is_unpriced,
    }


def estimate_document(price: Price, budget: Budget | None) -> dict[str, Any]:
    """What a call would cost, and what the user would then have spent."""
    document: dict[str, Any] = {
        "cost": price.amount,
        "model": price.model,
        "input_tokens": price.usage.total_input,
        "output_tokens": price.usage.total_output,
    }
    if budget is None:
        return document
    projected = Picodollars(budget.limit.spent + price.amount)
    remaining = Picodollars(budget.remaining - price.amount)
    return {"user": budget.user, **document, "projected": projected, "remaining": remaining}


def dry_charge_document(price: Price, budget: Budget) -> dict[str, Any]:
    """What `charge_document` would say, of a charge that was not made."""
    return {
        "user": budget.user,
        "charged": False,
        "cost": price.amount,
        "model": price.model,
        "usage": usage_document(price.usage.to_json()),
        "entry_id": None,
        **_left(budget),
        "unpriced": price.pricing.get("source") == UNKNOWN_PRICE,
    }


def usage_document(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What was recorded of a usage, and what its counts add up to. None where only a cost was stated."""
    if not usage:
        return None
    # A caller of the library may have recorded a mapping of any kind.
    counts = Usage(**{name: usage[name] for name in Usage._fields if isinstance(usage.get(name), int)})
    document = {"input_tokens": counts.total_input, "output_tokens": counts.total_output, **usage}
    if counts.cost is not None:
        document["cost"] = Picodollars(counts.cost)
    return document


def entry_document(entry: Entry) -> dict[str, Any]:
    """A line of the ledger."""
    return {
        "entry_id": entry.number,
        "at": rfc3339(entry.at_us),
        "kind": entry.kind,
        "cost": entry.amount,
        "model": entry.model,
        "usage": usage_document(entry.usage),
        "pricing": entry.pricing,
        "note": entry.note,
        "closed": None if entry.closed is None else {"limit": entry.closed.limit, **_closed(entry.closed)},
        "refers_to": entry.refers_to,
        "unpriced": entry.is_unpriced,
    }


def correction_document(correction: Correction) -> dict[str, Any]:
    """What an entry had cost, what it costs now, and the entry that makes up the difference."""
    return {
        "user": correction.user,
        "entry_id": correction.number,
        "at": rfc3339(correction.at_us),
        "model": correction.model,
        "cost_before": correction.before,
        "cost": correction.after,
        "corrected_by": correction.entry,
        "counted": correction.is_counted,
    }


def crossing_document(crossing: Crossing) -> dict[str, Any]:
    """That a threshold of a limit is crossed; `user` is null for the project's."""
    limit = crossing.standing.limit
    return {
        "user": crossing.standing.user or None,
        "limit": limit.name,
        "threshold": crossing.percent,
        "used_percent": decisions.used_percent(limit),
        "spent": limit.spent,
        "amount": limit.amount,
        "topped_up": limit.topped_up,
        "remaining": limit.remaining,
        "resets_at": _time(limit.window_end_us),
    }


def refund_document(charge: Charge) -> dict[str, Any]:
    """What was taken back, and where that leaves the budget."""
    return {
        "user": charge.budget.user,
        "refunded": Picodollars(-charge.entry.amount),
        "refers_to": charge.entry.refers_to,
        "entry_id": charge.entry.number,
        **_left(charge.budget),
    }


def top_up_document(charge: Charge) -> dict[str, Any]:
    """Extra money that was given, and where that leaves the budget. A replayed one answers what was given before."""
    return {
        "user": charge.budget.user,
        "added": not charge.replayed,
        "amount": charge.entry.amount,
        "entry_id": charge.entry.number,
        "topped_up": charge.budget.limit.topped_up,
        **_left(charge.budget),
    }


def left_document(left: Left) -> dict[str, Any]:
    """What is left of a top-up."""
    return {
        "entry_id": left.number,
        "at": rfc3339(left.at_us),
        "limit": left.limit,
        "amount": left.amount,
        "left": left.left,
        "expires_at": _time(left.expires_us),
        "note": left.note,
    }


def backup_document(backup: Backup) -> dict[str, Any]:
    """A backup that was made."""
    return {
        "projects": backup.projects,
        "store": str(backup.store),
        "file": str(backup.file),
        "size_bytes": backup.size_bytes,
    }


def difference_document(difference: Difference) -> dict[str, Any]:
    """A counter that is not the sum of what was posted to it."""
    return {**difference._asdict(), "user": difference.user or None}


def reset_document(reset: Reset) -> dict[str, Any]:
    """A reset, and what the closed window had spent; `user` is null for the project's."""
    return {"user": reset.user or None, **_closed(reset.closed), "reset_at": rfc3339(reset.at_us)}


def project_document(summary: ProjectSummary) -> dict[str, Any]:
    """A project's store."""
    return {
        "project": summary.project,
        "users": summary.users,
        "spent": summary.spent,
        "size_bytes": summary.size_bytes,
        "store": summary.location,
    }


def token_document(token: Token, now_us: int) -> dict[str, Any]:
    """A token of the server; never what it is made of."""
    expired = token.expires_us is not None and token.expires_us <= now_us
    return {
        "id": token.token_id,
        "project": token.project,
        "read_only": token.read_only,
        "status": "revoked" if token.revoked_us is not None else "expired" if expired else "valid",
        "created_at": rfc3339(token.created_us),
        "expires_at": _time(token.expires_us),
        "revoked_at": _time(token.revoked_us),
    }


def own_price_document(price: OwnPrice) -> dict[str, Any]:
    """What a user has set for a model."""
    return {"model": price.model, "per": price.per, "rates": price.stated()}


def quote_document(quote: Quote) -> dict[str, Any]:
    """What a model costs: `rates` are USD for `per` tokens, `others` what stands in litellm's price map beside them."""
    return {
        "key": quote.key,
        "source": quote.source,
        "provider": quote.provider,
        "per": quote.per,
        "rates": dict(quote.rates),
        "others": dict(quote.others),
    }


def price_sources_document(sources: Sources) -> dict[str, Any]:
    """The files that prices come from."""
    return {
        "own": {"path": str(sources.own), "models": sources.own_models},
        "map": {
            "path": None if sources.map is None else str(sources.map),
            "models": sources.map_models,
            "litellm_version": sources.version,
            "installed_at": _time(sources.installed_us),
        },
        "rules": trust_document(sources.trust),
    }


def trust_document(trust: Trust) -> dict[str, Any]:
    """Why litellm is not asked for each price."""
    return {
        "trusted_by": trust.by,
        "digest": trust.digest,
        "proofs": None if trust.proofs is None else str(trust.proofs),
        "proven_models": trust.proven_models,
    }


def proving_document(trust: Trust, proven: Sequence[str], asked: Sequence[str]) -> dict[str, Any]:
    """What `prices prove` proved, and the models for which litellm is asked all the same."""
    return {**trust_document(trust), "proven": len(proven), "asked": list(asked)}


def _left(budget: Budget) -> dict[str, Any]:
    return {"spent": budget.limit.spent, "remaining": budget.remaining, "status": decisions.status(budget.limit)}


def _closed(closed: ClosedWindow) -> dict[str, Any]:
    return {
        "spent": closed.spent,
        "window_start": rfc3339(closed.start_us),
        "window_end": rfc3339(closed.end_us),
    }


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
