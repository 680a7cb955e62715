"""What `kill -9` of the server costs: processes charge, reserve, commit and release through it while it is killed.

    python benchmarks/server_crashing.py [PROCESSES] [STEPS] [OUTAGES] [SEED]

In the end every step has to be there exactly once, and the store sound.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.outages import survive


def main() -> None:
    """Print how long it took."""
    given = [int(argument) for argument in sys.argv[1:]]
    processes, steps, outages, seed = [*given, *(16, 200, 10, 1)[len(given) :]]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        survive(Path(directory), count=processes, steps=steps, outages=outages, seed=seed)
    took_s = time.perf_counter() - began
    print(f"{processes} processes x {steps} steps, {outages} killed servers in {took_s:.0f} s: each step once")


if __name__ == "__main__":
    main()
