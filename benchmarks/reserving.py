"""Whether a limit holds when everybody reserves at the same moment: 64 processes, $0.05 each, against $1.00.

    python benchmarks/reserving.py [RUNS] [PROCESSES]

Exactly 20 succeed in every run, also where they are of 8 users under one team, or no more than any limit allows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from budgetctl import BudgetManager
from support.crowd import CASES, Crowd
from support.soundness import assert_sound


def main() -> None:
    """Print for each case how many succeeded in each run, and fail if any of them is wrong."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    is_right = True
    with Crowd(processes) as crowd:
        for name, (users, set_up, allowed) in CASES.items():
            counts, began = [], time.perf_counter()
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as directory:
                    path = Path(directory) / "p.db"
                    manager = BudgetManager("p", store=path)
                    set_up(manager)
                    asked = [(users[number % len(users)], "0.05", None) for number in range(processes)]
                    counts.append(crowd.reserve(path, asked).count("open"))
                    manager.close()
                    assert_sound(path)
            took_s = time.perf_counter() - began
            is_right &= set(counts) == {allowed}
            print(f"{name}: of {processes}, {allowed} shall succeed, in {runs} runs did {counts} ({took_s:.1f} s)")
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
