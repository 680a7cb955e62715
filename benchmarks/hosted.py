"""Whether litellm's own hosted clients lose or double any spend: four processes that update quickly, all at once.

    python benchmarks/hosted.py [RUNS] [UPDATES]

Each run is four bursts of so many updates by each process: at first, after a window has passed, after a manual reset,
and after loading again; in turn on an empty project and on an existing one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.hosting import litellm_clients, run_bursts


def main() -> None:
    """Print by how much each run's ledger differs from what was spent, and fail if one does."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    updates = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    is_right = True
    with litellm_clients(4) as clients:
        for number in range(runs):
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as directory:
                difference, resets = run_bursts(clients, Path(directory) / "p.db", updates, is_empty=number % 2 == 0)
            is_right &= difference == 0
            took_s = time.perf_counter() - began
            print(f"run {number + 1}: difference {difference} picodollars, {resets} resets, {took_s:.1f} s", flush=True)
    sys.exit(not is_right)


if __name__ == "__main__":
    main()
