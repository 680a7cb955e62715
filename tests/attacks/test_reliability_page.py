"""What docs/reliability.md promises is tested where it says so."""

from __future__ import annotations

import re
from pathlib import Path

from support.places import ROOT


def test_every_test_and_benchmark_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", page))
    named |= {f"benchmarks/{name}" for name in re.findall(r"`(\w+\.py)`", page)}
    assert len(named) > 30
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_every_attack_is_on_the_page() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    attacks = {f"tests/attacks/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert {name for name in attacks if f"`{name}`" not in page} == {"tests/attacks/test_reliability_page.py"}
