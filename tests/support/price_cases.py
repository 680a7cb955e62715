"""Prices bodies of tests/pricing/cases as the command line does, in one process, and prints the results as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from budgetctl.cli.costs import CostOptions, price_of
from budgetctl.cli.views.charges import notes_of
from budgetctl.errors import BudgetctlError
from support.places import PRICING

CASES = PRICING / "cases"


def priced(case: dict[str, Any]) -> dict[str, Any]:
    """The result of a case: an amount with its usage and the notes, or an error."""
    options = CostOptions(response=str(CASES / case["file"]), model=case.get("model"), provider=case.get("provider"))
    try:
        price = price_of(options)
    except BudgetctlError as error:
        return {"error": error.message}
    return {
        "picodollars": int(price.amount),
        "usage": price.usage.to_json(),
        "notes": notes_of(price),
        "estimated": price.pricing.get("estimated", False),
    }


if __name__ == "__main__":
    json.dump([priced(case) for case in json.load(sys.stdin)], sys.stdout)
