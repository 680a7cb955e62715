"""Attacks: kill, cut, drip, park, flip bits, jump the clock. Each ends in a clear error, and nothing is lost.

Those that take minutes are marked `long`; `pytest -m long tests/attacks` runs them. What an attack leaves to chance it
draws from `chance`, so that a run can be repeated by its seed.
"""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that only the seed of the run and the name of the test decide; the seed is shown on failure."""
    seed = os.environ["BUDGETCTL_ATTACK_SEED"]
    print(f"repeat with BUDGETCTL_ATTACK_SEED={seed}")  # noqa: T201 - pytest shows it beside a failure
    return random.Random(f"{seed} {request.node.nodeid}")
