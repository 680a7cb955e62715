"""What starting costs: whole commands against a one-command Typer script that reads the same row.

    python benchmarks/startup.py [ROUNDS]

Run it with the interpreter of an environment that budgetctl is installed in. All commands take turns within one run,
and medians are compared, so that a busy machine slows them all alike.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCRIPT = '''
import json
import sqlite3
import typer

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

@app.command()
def show(user: str, store: str = typer.Option(...), as_json: bool = typer.Option(False, "--json")) -> None:
    """Show a row."""
    row = sqlite3.connect(store).execute(
        "SELECT acc.name, l.amount, l.spent, l.window_end_us FROM accounts acc JOIN limits l ON l.account = acc.account"
        " WHERE acc.name = ?", (user,)
    ).fetchone()
    print(json.dumps(row))

app()
'''


def main() -> None:
    """Print the medians and their ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    program = str(Path(sys.executable).with_name("budgetctl"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BUDGETCTL"))}
    with tempfile.TemporaryDirectory() as directory:
        environment["XDG_DATA_HOME"] = directory
        script = Path(directory, "script.py")
        script.write_text(SCRIPT)
        store = Path(directory, "budgetctl", "default.db")
        create = [program, "create", "alice", "10", "--duration", "monthly"]
        subprocess.run(create, env=environment, check=True, capture_output=True)
        commands = {
            "Typer script": [sys.executable, str(script), "alice", "--store", str(store), "--json"],
            "show --json": [program, "show", "alice", "--json"],
            "check": [program, "check", "alice"],
            "update-cost --cost": [program, "update-cost", "alice", "--cost", "0.0001", "--json"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for round_number in range(rounds + 1):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, env=environment, check=True, capture_output=True)
                if round_number:  # the first one compiles
                    times[name].append(time.perf_counter() - start)
        base = statistics.median(times["Typer script"])
        for name, values in times.items():
            median = statistics.median(values)
            print(f"{name:<20} {median * 1000:6.1f} ms  {median / base:5.2f} x")
        print(f"memory of show       {_peak_mib(commands['show --json'], environment):6.1f} MiB")


def _peak_mib(command: list[str], environment: dict[str, str]) -> float:
    """The largest resident size of the command alone: in a child, as `RUSAGE_CHILDREN` keeps the largest of all."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], env=environment, check=True, capture_output=True)
    return int(done.stdout) / 1024


if __name__ == "__main__":
    main()
