"""What `kill -9` costs: 8 processes that charge, reserve, commit and release are killed at random moments.

    python benchmarks/crashing.py [ROUNDS] [SEED]

After each round the store has to be sound, and in the end every acknowledged step has to be there exactly once.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.killing import PROCESSES, killed_rounds


def main() -> None:
    """Print how many rounds were survived, and how many steps had been acknowledged in them."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        acknowledged = list(killed_rounds(Path(directory) / "p.db", rounds, seed))
    took_s = time.perf_counter() - began
    print(f"{len(acknowledged)} rounds, {len(acknowledged) * PROCESSES} killed processes in {took_s:.0f} s")
    print(f"{sum(acknowledged)} steps acknowledged: all there exactly once, and the store sound after each round")


if __name__ == "__main__":
    main()
