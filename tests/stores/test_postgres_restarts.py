"""A PostgreSQL server that is killed and starts again while processes write to it, and a server of ours before it."""

from __future__ import annotations

import pytest

from support.restarting import restarted


@pytest.mark.parametrize("over_http", [False, True])
def test_every_step_of_four_processes_is_taken_once_through_restarts(over_http):
    restarted(processes=4, steps=12, restarts=2, over_http=over_http)
