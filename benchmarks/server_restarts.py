"""Kills and restarts a PostgreSQL server while processes write to it, more often than the suite has time for.

    python benchmarks/server_restarts.py [PROCESSES] [STEPS] [RESTARTS]

First straight, then through a server of ours, which is killed and started again in turn with the database. A step is a
charge, a reservation that is committed, and a refund, none of them with a key.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.restarting import restarted


def main() -> None:
    """Do it, and say how it went."""
    processes, steps, restarts = [*map(int, sys.argv[1:]), *(16, 200, 10)[len(sys.argv) - 1 :]]
    for how, over_http in (("straight", False), ("over HTTP", True)):
        began = time.monotonic()
        restarted(processes, steps, restarts, over_http=over_http)
        print(
            f"{how}: {processes} processes x {steps} steps through {restarts} restarts:"
            f" each once, in {time.monotonic() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
