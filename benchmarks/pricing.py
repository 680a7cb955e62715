"""What pricing a response costs: in a process that goes on, in one command, and through litellm.

    python benchmarks/pricing.py [ROUNDS]

Run it with the interpreter of an environment that has budgetctl's dependencies. All commands take turns within one
run, and medians are compared, so that a busy machine slows them all alike. litellm's own command takes part in every
fifth round only.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

from budgetctl.models import Usage
from budgetctl.pricing import price_response, price_usage, read_usage

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "openai-chat.json"
QUESTION = "Write a haiku about a small budget."
ANSWER = "Coins in a thin purse / each one counted, none to waste / spring costs nothing yet"
THROUGH_LITELLM = """
import sys
from budgetctl.cli import main
from budgetctl.pricing import catalog
catalog.find = lambda model, provider: None
main(sys.argv[1:])
"""


def main() -> None:
    """Print the medians and their ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    in_process()
    whole_commands(rounds)


def in_process() -> None:
    """One response, already parsed, whose model has been priced before."""
    body = json.loads(EXAMPLE.read_text())
    usage = read_usage(body)
    print(f"price of a response     {_microseconds(lambda: price_response(body)):7.1f} µs")
    print(f"  of that, read usage   {_microseconds(lambda: read_usage(body)):7.1f} µs")
    print(f"  of that, price usage  {_microseconds(lambda: price_usage(usage)):7.1f} µs")
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # not one from the network
    import litellm

    from budgetctl.pricing.litellm_pricing import price_usage as price_by_litellm

    plain = Usage(model="gpt-4o", uncached_input=1204, text_output=87)
    price_by_litellm(plain)
    print(f"litellm imported        {_microseconds(lambda: price_response(body)):7.1f} µs")
    cost = _microseconds(lambda: litellm.completion_cost(completion_response=body), number=200)
    print(f"litellm.completion_cost {cost:7.1f} µs")


def whole_commands(rounds: int) -> None:
    """`update-cost` with a response and with text against `show`, and against a response through litellm."""
    # Whether bytecode is cached decides on much of a start, so what the caller's environment says of it is left out.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BUDGETCTL"))}
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as directory:
        environment["XDG_DATA_HOME"] = directory
        program = [sys.executable, "-m", "budgetctl"]
        update = ["update-cost", "alice", "--response", str(EXAMPLE), "--again", "--json"]
        text = ["update-cost", "alice", "--input-text", QUESTION, "--output-text", ANSWER, "--json", "--model"]
        commands = {
            "show": [*program, "show", "alice", "--json"],
            "update-cost --cost": [*program, "update-cost", "alice", "--cost", "0.0001", "--json"],
            "update-cost --response": [*program, *update],
            "text, for gpt-4o": [*program, *text, "gpt-4o"],
            "text, for gpt-4": [*program, *text, "gpt-4"],
            "text, for Claude": [*program, *text, "claude-sonnet-4-5"],
            "through litellm": [sys.executable, "-c", THROUGH_LITELLM, *update],
        }
        subprocess.run([*program, "create", "alice", "1000"], env=environment, check=True, capture_output=True)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for round_number in range(rounds + 1):
            for name, command in commands.items():
                if name == "through litellm" and round_number % 5:
                    continue
                start = time.perf_counter()
                subprocess.run(command, env=environment, check=True, capture_output=True)
                if round_number:  # the first one compiles
                    times[name].append(time.perf_counter() - start)
        base = statistics.median(times["show"])
        for name, values in times.items():
            median = statistics.median(values)
            print(f"{name:<23} {median * 1000:7.1f} ms  {median / base:6.2f} x")


def _microseconds(work: Callable[[], object], number: int = 2000) -> float:
    """The median of repeated runs."""
    return statistics.median(timeit.repeat(work, number=number, repeat=9)) / number * 1e6


if __name__ == "__main__":
    main()
