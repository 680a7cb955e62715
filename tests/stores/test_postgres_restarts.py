"""A PostgreSQL server may be killed at any moment: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import restarting


def test_every_step_is_taken_once_though_the_server_is_killed_in_the_middle_of_them():
    restarting.restarted(processes=4, steps=12, restarts=2)
