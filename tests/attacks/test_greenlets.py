"""Threads that are none, as those of gevent's patches: one that blocks would stop all others."""

from __future__ import annotations

import _thread
import threading
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import StoreBusyError
from budgetctl.stores import SqliteStore


def test_who_waits_for_the_store_blocks_in_nothing_and_gives_up_in_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (BudgetManager("p", store=SqliteStore(home / "p.db", "p", wait_s=0.2)) for _ in range(2))
    first.create("alice", "10")
    start = _thread.start_new_thread

    def start_greenlet(*arguments: Any) -> int:
        return start(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", start_greenlet)
    with first._store.write(), pytest.raises(StoreBusyError):
        second.charge("alice", "1")
    assert not [thread for thread in threading.enumerate() if thread.name == "budgetctl-lock"]
    assert second.charge("alice", "1").budget.limit.spent
    first.close()
    second.close()
