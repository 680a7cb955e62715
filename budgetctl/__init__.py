"""Keep people, agents and scripts that call LLM APIs inside a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budgetctl.errors import AlreadyExistsError as AlreadyExistsError
    from budgetctl.errors import BudgetctlError as BudgetctlError
    from budgetctl.errors import CannotPriceError as CannotPriceError
    from budgetctl.errors import ClockError as ClockError
    from budgetctl.errors import HoldResolvedError as HoldResolvedError
    from budgetctl.errors import InvalidResponseError as InvalidResponseError
    from budgetctl.errors import InvalidValueError as InvalidValueError
    from budgetctl.errors import KeyConflictError as KeyConflictError
    from budgetctl.errors import NotAuthorisedError as NotAuthorisedError
    from budgetctl.errors import NotFoundError as NotFoundError
    from budgetctl.errors import OverBudgetError as OverBudgetError
    from budgetctl.errors import ProviderError as ProviderError
    from budgetctl.errors import StoreBusyError as StoreBusyError
    from budgetctl.errors import StoreUnavailableError as StoreUnavailableError
    from budgetctl.errors import UnknownHoldError as UnknownHoldError
    from budgetctl.errors import UnknownProjectError as UnknownProjectError
    from budgetctl.errors import UnknownUserError as UnknownUserError
    from budgetctl.ledger.holds import Decision as Decision
    from budgetctl.ledger.holds import Hold as Hold
    from budgetctl.ledger.values import Budget as Budget
    from budgetctl.ledger.values import Charge as Charge
    from budgetctl.ledger.values import Entry as Entry
    from budgetctl.ledger.values import Limit as Limit
    from budgetctl.ledger.values import Price as Price
    from budgetctl.ledger.values import ProjectSummary as ProjectSummary
    from budgetctl.ledger.values import Reset as Reset
    from budgetctl.ledger.values import Usage as Usage
    from budgetctl.manager import BudgetManager as BudgetManager
    from budgetctl.manager.asynchronous import AsyncBudgetManager as AsyncBudgetManager
    from budgetctl.money import Picodollars as Picodollars

__version__ = "0.1.0"

_HOMES = {
    "manager": ("BudgetManager",),
    "manager.asynchronous": ("AsyncBudgetManager",),
    "money": ("Picodollars",),
    "ledger.values": ("Budget", "Charge", "Entry", "Limit", "Price", "ProjectSummary", "Reset", "Usage"),
    "ledger.holds": ("Decision", "Hold"),
    "errors": (
        "AlreadyExistsError",
        "BudgetctlError",
        "CannotPriceError",
        "ClockError",
        "HoldResolvedError",
        "InvalidResponseError",
        "InvalidValueError",
        "KeyConflictError",
        "NotAuthorisedError",
        "NotFoundError",
        "OverBudgetError",
        "ProviderError",
        "StoreBusyError",
        "StoreUnavailableError",
        "UnknownHoldError",
        "UnknownProjectError",
        "UnknownUserError",
    ),
}
"""Modules below this one → the public names that come from there."""

__all__ = ["__version__", *sorted(name for names in _HOMES.values() for name in names)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import the public names on first use: the command line starts without those it does not need."""
    for module, names in _HOMES.items():
        if name in names:
            import importlib

            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
