"""What a charge takes when users have many limits: 1,000 users with one limit each, and with ten.

Run it as `python benchmarks/limits.py`; it prints medians, and their ratio within this run.
"""

from __future__ import annotations

import random
import statistics
import tempfile
from pathlib import Path

from charge import median_s

from budgetctl import BudgetManager

USERS = 1_000
LIMITS = (1, 10)
ROUNDS = 30
CALLS_A_ROUND = 40


def filled(directory: str, limits: int) -> BudgetManager:
    """A store whose users have so many limits."""
    manager = BudgetManager("p", store=Path(directory, f"{limits}.db"))
    manager.migrate({f"user-{number}": {"total_budget": 1000} for number in range(USERS)})
    for number in range(USERS):
        for more in range(1, limits):
            manager.add_limit(f"user-{number}", "100", duration="monthly", name=f"limit {more}")
    return manager


def main() -> None:
    """Charge in turns, and print what it took."""
    chosen = random.Random(1)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        managers = {limits: filled(directory, limits) for limits in LIMITS}
        times: dict[int, list[float]] = {limits: [] for limits in LIMITS}
        for round_number in range(ROUNDS + 1):
            users = [f"user-{chosen.randrange(USERS)}" for _ in range(CALLS_A_ROUND)]
            for limits, manager in managers.items():
                median = median_s(lambda user, manager=manager: manager.charge(user, "0.0001", model="m"), users)
                if round_number:
                    times[limits].append(median)
        base = statistics.median(times[1])
        for limits, values in times.items():
            median = statistics.median(values)
            print(f"{limits:>3} limits a user  {median * 1e6:8.0f} µs  {median / base:5.2f} x")
        for manager in managers.values():
            manager.close()


if __name__ == "__main__":
    main()
