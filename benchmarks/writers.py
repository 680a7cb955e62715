"""How long writers wait for each other: many processes that charge one store at once.

    python benchmarks/writers.py [PROCESSES] [CHARGES]

Every process has started, and opened the store, before all are let go together.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time

from budgetctl import BudgetManager

WRITER = """
import sys, time
from budgetctl import BudgetManager

manager = BudgetManager("p", store=sys.argv[1])
manager.budget("alice")
print("ready", flush=True)
sys.stdin.readline()
longest_s = 0.0
for _ in range(int(sys.argv[2])):
    began = time.perf_counter()
    manager.charge("alice", "0.01", model="gpt-4o")
    longest_s = max(longest_s, time.perf_counter() - began)
print(longest_s)
"""


def main() -> None:
    """Print the longest wait of all, and what was counted."""
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    charges = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as directory:
        manager = BudgetManager("p", store=f"{directory}/")
        manager.create("alice", "1000000")
        command = [sys.executable, "-c", WRITER, f"{directory}/", str(charges)]
        writers = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        for writer in writers:
            writer.stdout.readline()
        began = time.perf_counter()
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        waits = [float(writer.communicate()[0]) for writer in writers]
        took_s = time.perf_counter() - began
        counted = int(manager.budget("alice").limit.spent) // 10**10
        manager.close()
    print(f"{processes} processes x {charges} charges in {took_s:.2f} s, {counted} counted")
    print(f"longest wait {max(waits):.3f} s, the median writer's longest {statistics.median(waits):.3f} s")


if __name__ == "__main__":
    main()
