"""A request for each operation of the server."""

from __future__ import annotations

from typing import Any

from budgetctl.wire.calls import CALLS
from support.serving import Running

DIGEST = "0" * 32
LIMIT = {
    "limit_id": 1,
    "name": "total",
    "amount_picodollars": 10,
    "duration": None,
    "align": "rolling",
    "zone": "UTC",
    "models": None,
    "anchor_us": 0,
    "generation": 1,
    "window_start_us": 0,
    "window_end_us": None,
    "spent_picodollars": 0,
}

REQUESTS: dict[str, dict[str, Any]] = {
    "charge": {"user": "alice", "amount_picodollars": 1},
    "reserve": {"user": "alice", "amount_picodollars": 1, "hold_id": "h", "ttl_us": 60_000_000},
    "commit": {"hold_id": "held", "amount_picodollars": 1},
    "release": {"hold_id": "held"},
    "apply": {"requests": [{"charge": {"user": "alice", "amount_picodollars": 1}}]},
    "check": {"user": "alice"},
    "budget": {"user": "alice"},
    "history": {"user": "alice"},
    "charges": {"model": "*"},
    "create_budget": {"user": "bob", "amount_picodollars": 10, "if_exists": "error"},
    "create_budgets": {"changes": [["carl", {"amount_picodollars": 10}]]},
    "change_budget": {"user": "alice", "amount_picodollars": 99, "duration": "daily"},
    "add_limit": {"user": "alice", "name": "more", "amount_picodollars": 5},
    "remove_limit": {"user": "alice", "name": "extra"},
    "delete_budget": {"user": "dora"},
    "reset": {"user": "alice"},
    "reset_next": {},
    "report_resets": {"place": 1},
    "refund": {"user": "alice", "number": 1},
    "top_up": {"user": "alice", "limit": "total", "amount_picodollars": 1},
    "top_ups": {"user": "alice"},
    "correct": {"requests": [{"user": "alice", "number": 1, "amount_picodollars": 7, "pricing": {}}]},
    "claim": {"standing": {"user": "alice", "limit": LIMIT}, "percent": 80},
    "tell": {"standing": {"user": "alice", "limit": LIMIT}, "percent": 80},
    "forget": {"standing": {"user": "alice", "limit": LIMIT}, "percent": 80},
}
"""Operation → parameters with which it succeeds on the project of `fill`. Operations without any are left out."""


def fill(store: Any) -> None:
    """Fill a project with users, an entry, a limit and a hold, so that every operation can succeed."""
    for user in ("alice", "dora"):
        store.create_budget(user, change(amount_picodollars=10**12), if_exists="error")
    store.charge(CALLS["charge"].parameters.read({"user": "alice", "amount_picodollars": 5, "model": "m",
                                                  "usage": {"x": 1}}, "", strict=True)["request"])  # fmt: skip
    store.add_limit("alice", "extra", change(amount_picodollars=10**12), None)
    store.reserve(
        CALLS["reserve"].parameters.read({**REQUESTS["reserve"], "hold_id": "held"}, "", strict=True)["request"]
    )


def change(**fields: Any) -> Any:
    """The change of a budget that states these fields."""
    return CALLS["change_budget"].parameters.read({"user": "u", **fields}, "", strict=True)["change"]


def ask(running: Running, name: str, project: str | None = "p", **headers: str) -> Any:
    """The answer of a server to the operation of that name."""
    call = CALLS[name]
    document = {} if project is None else {"project": project}
    document |= REQUESTS.get(name, {})
    if call.writes:
        return running.ask("POST", call.path, document, **headers)
    query = "&".join(f"{key}={value}" for key, value in document.items())
    return running.ask("GET", f"{call.path}?{query}", **headers)
