"""Keep people, agents and scripts that call LLM APIs inside a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budgetctl.manager import BudgetManager as BudgetManager
    from budgetctl.money import Picodollars as Picodollars

__version__ = "0.1.0"
__all__ = ["BudgetManager", "Picodollars", "__version__"]

_HOMES = {"BudgetManager": "budgetctl.manager", "Picodollars": "budgetctl.money"}


def __getattr__(name: str) -> Any:
    """Import the public names on first use: the command line starts without those it does not need."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
