"""Budgets for litellm's users: `Guard` around their calls, `BudgetctlLogger` behind them and in litellm's proxy.

Use only one of the two for a call, else it is charged twice. The proxy's configuration names `proxy_logger`:

    litellm_settings:
      callbacks: budgetctl.integrations.litellm.proxy_logger

`proxy_logger` keeps the budgets of `$BUDGETCTL_PROJECT` (by default `default`) in `$BUDGETCTL_STORE` (by default in
the platform's data directory).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from budgetctl.environment import variable
from budgetctl.integrations.litellm_guard import Guard
from budgetctl.integrations.litellm_logger import BudgetctlLogger
from budgetctl.integrations.litellm_streams import AsyncGuardedStream, GuardedStream
from budgetctl.manager import BudgetManager
from budgetctl.names import DEFAULT_PROJECT

if TYPE_CHECKING:
    proxy_logger: BudgetctlLogger

__all__ = ["AsyncGuardedStream", "BudgetctlLogger", "Guard", "GuardedStream", "proxy_logger"]

_lock = threading.Lock()


def __getattr__(name: str) -> BudgetctlLogger:
    """Make `proxy_logger` on its first use: an import for `Guard` alone opens no store."""
    if name != "proxy_logger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _lock:
        if "proxy_logger" not in globals():
            manager = BudgetManager(variable("BUDGETCTL_PROJECT") or DEFAULT_PROJECT)
            globals()["proxy_logger"] = BudgetctlLogger(manager)
    made: BudgetctlLogger = globals()["proxy_logger"]
    return made
