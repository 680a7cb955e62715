"""What is left when processes that charge and reserve are killed at any moment."""

from __future__ import annotations

from support.killing import killed_rounds

ROUNDS = 4


def test_what_killed_processes_had_acknowledged_is_there_exactly_once(home):
    # The first round may end before anybody has done anything.
    assert sum(killed_rounds(home / "p.db", ROUNDS, seed=1)) > ROUNDS
