"""`python -m budgetctl`."""

from __future__ import annotations

from budgetctl.cli import main

main()
