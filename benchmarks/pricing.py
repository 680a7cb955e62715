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

from budgetctl.ledger.values import Usage
from budgetctl.pricing import price_response, price_usage, read_usage

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "openai-chat.json"
FORMATS = ("openai-chat", "anthropic-message", "openai-responses", "gemini-generate-content")
QUESTION = "Write a haiku about a small budget."
ANSWER = "Coins in a thin purse / each one counted, none to waste / spring costs nothing yet"
THROUGH_LITELLM = """
import sys
from budgetctl.cli import main
from budgetctl.pricing.prices import catalog
catalog.find_in = lambda files, model, provider: None
main(sys.argv[1:])
"""


def main() -> None:
    """Print the medians and their ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    in_process()
    whole_commands(rounds)


def in_process() -> None:
    """Responses of each format, already parsed, whose models have been priced before."""
    for name in FORMATS:
        body = json.loads((ROOT / "examples" / f"{name}.json").read_text())
        usage = read_usage(body)
        whole, reading, pricing = _medians(
            lambda body=body: price_response(body),
            lambda body=body: read_usage(body),
            lambda usage=usage: price_usage(usage),
        )
        print(f"{name:<23} {whole:7.1f} µs  (read usage {reading:.1f}, price usage {pricing:.1f})")
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # not one from the network
    import litellm

    from budgetctl.pricing.litellm.asking import price_usage as price_by_litellm

    body = json.loads(EXAMPLE.read_text())
    plain = Usage(model="gpt-4o", uncached_input=1204, text_output=87)
    price_by_litellm(plain)
    whole, cost = _medians(
        lambda: price_response(body), lambda: litellm.completion_cost(completion_response=body), number=20
    )
    print(f"litellm imported        {whole:7.1f} µs")
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


def _medians(*works: Callable[[], object], number: int = 100, repeat: int = 400) -> list[float]:
    """The medians of repeated runs in microseconds. They take turns, so that a busy machine slows them all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeat):
        for work, found in zip(works, times, strict=True):
            found.append(timeit.timeit(work, number=number) / number * 1e6)
    return [statistics.median(found) for found in times]


if __name__ == "__main__":
    main()
