"""Prices hostile cases in a process of its own, as the command line does, under watch.

    python -m support.hostile_run FD COUNT SEED…

A report is written to the file descriptor FD, which the caller has opened: JSON with the numbers of ends, every fault,
and every action beside pricing.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from budgetctl.cli.costs import CostOptions, price_of
from budgetctl.errors import BudgetctlError
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.litellm import installed, litellm_rules
from budgetctl.pricing.litellm.fence import fenced
from budgetctl.pricing.rules.rates import RATES
from support.hostile import Case, case

COUNTS = [name for name, default in Usage._field_defaults.items() if type(default) is int]
_LONGEST_MESSAGE = 1_000


class NeedsLitellmError(BaseException):
    """A case needs the import of litellm. No `except Exception` of a library stops this error."""


class _NotYet:
    """A finder before all others of modules, which puts the import of litellm off."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "litellm":
            raise NeedsLitellmError


# The watch


_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    "os.rename os.remove os.rmdir os.mkdir os.link os.symlink os.truncate os.chmod os.chown os.utime shutil. tempfile."
).split()
_PROCESSES = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.", "webbrowser.")


class Watch:
    """The actions of this process beside computing, as `event: arguments`: while litellm is imported, and else."""

    def __init__(self) -> None:
        self.seen: dict[str, Counter[str]] = {"import": Counter(), "pricing": Counter()}
        self.phase = "pricing"
        self.is_on = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count an action; this is an audit hook."""
        if self.is_on and _is_of_note(event, arguments):
            shown = " ".join(str(argument)[:120] for argument in arguments[:2])
            self.seen[self.phase][f"{event}: {shown}"] += 1


def _is_of_note(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        _, mode, flags = arguments
        return bool(set(mode or "") & set("wax+")) or bool(isinstance(flags, int) and flags & _WRITES)
    return event.startswith(("socket.", *_CHANGES, *_PROCESSES))


@contextmanager
def _watching(watch: Watch, phase: str) -> Iterator[None]:
    watch.phase, watch.is_on = phase, True
    try:
        yield
    finally:
        watch.is_on = False


# The judgement


def judged(given: Case) -> tuple[str, str | None]:
    """The end of a case in a word, and the fault in it, None where there is none."""
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.content))
    options = CostOptions(response="-", model=given.model, provider=given.provider, input_text=given.sent)
    try:
        price = price_of(options)
    except BudgetctlError as error:
        return type(error).__name__, _wrong_with_error(error)
    except Exception as error:  # noqa: BLE001 - such faults are looked for
        return "fault", f"{type(error).__name__}: {error}"[:500]
    return str(price.pricing.get("source")), _wrong_with_price(price)


def _wrong_with_error(error: BudgetctlError) -> str | None:
    for text in filter(lambda text: text is not None, (error.message, error.hint)):
        if not text.strip() or len(text.splitlines()) != 1 or len(text) > _LONGEST_MESSAGE:
            return f"not one short line: {type(error).__name__} of {len(text)} characters: {text[:300]!r}"
    if "Traceback" in error.message or "object at 0x" in error.message:
        return f"not clear: {error.message[:300]!r}"
    return None


def _wrong_with_price(price: Price) -> str | None:
    usage = price.usage
    counts = {name: getattr(usage, name) for name in COUNTS}
    if not all(type(value) is int and value >= 0 for value in counts.values()):
        return f"impossible counts: {counts}"
    if not isinstance(price.amount, Picodollars) or price.amount < 0:
        return f"impossible amount: {price.amount!r}"
    if price.amount == 0 and usage.cost != 0 and not _is_said_to_be_free(price):
        return f"silently free: {counts} at {dict(price.pricing)}"
    json.dumps(usage.to_json(), allow_nan=False)
    json.dumps(dict(price.pricing), allow_nan=False)
    return None


def _is_said_to_be_free(price: Price) -> bool:
    """Whether no tokens were used, or the map has 0 for all rates of those that were."""
    rates = price.pricing.get("rates") or {}
    used = [kind for kind in RATES if getattr(price.usage, kind)]
    return all(next((rates[name] for name in RATES[kind] if name in rates), None) == 0 for kind in used)


# The run


def run(cases: Iterable[tuple[int, int]], watch: Watch) -> dict[str, Any]:
    """The report on cases. Those that need litellm come last, as if each of the others had a process of its own."""
    ends: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    later: list[tuple[int, int]] = []

    def judge(seed: int, number: int) -> None:
        given = case(seed, number)
        with _watching(watch, "pricing"):
            end, wrong = judged(given)
        ends[end] += 1
        if wrong:
            faults.append({"seed": seed, "number": number, "wrong": wrong, "case": repr(given)[:3_000]})

    installed.directory()  # looks for litellm's module, without importing it
    sys.meta_path.insert(0, _NotYet())
    for one in cases:
        try:
            judge(*one)
        except NeedsLitellmError:
            later.append(one)
    del sys.meta_path[0]
    with _watching(watch, "import"), fenced():
        import litellm  # noqa: F401
    for one in later:
        judge(*one)
    return {"ends": ends, "faults": faults, "by_litellm": len(later), "done": watch.seen}


def main() -> None:
    """Run as a program."""
    descriptor, count, *seeds = map(int, sys.argv[1:])
    with fenced():
        pass  # posts its guards, so that the watch, which comes after them, is told of the actions that they let pass
    litellm_rules.digest()  # written to the cache now, before the watch
    watch = Watch()
    sys.addaudithook(watch)
    report = json.dumps(run(itertools.product(seeds, range(count)), watch))
    with os.fdopen(descriptor, "w") as stream:
        stream.write(report)


if __name__ == "__main__":
    main()
