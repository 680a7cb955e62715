"""The store's work in threads: the event loop never blocks, and work that has begun is done, whoever goes away."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_few = threading.BoundedSemaphore(32)
"""How many threads work at once: a program that ends drops a thousand streams, for which no server has connections."""


async def finish(work: Callable[[], T]) -> T:
    """Wait for work in a thread. A caller who is cancelled meanwhile stops waiting, and the work goes on.

    Where no thread can be had any more, as in a loop of litellm's at exit, the work is done at once.
    """
    try:
        # A future and no task: at its end `asyncio.run` cancels tasks, and waits for threads.
        working = asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, work)
    except RuntimeError:
        return work()
    return await asyncio.shield(working)


def leave(work: Callable[[], object]) -> None:
    """Have work done that nobody waits for.

    It is done in a thread of its own: garbage is collected at any moment, also inside the store's own locks, and the
    collector closes streams and coroutines. At exit it is done at once, as the program would not wait for a thread.
    """
    if threading.main_thread().is_alive():
        try:
            threading.Thread(target=_do_in_turn, args=(work,), name="budgetctl-left").start()
        except RuntimeError:  # there are too many
            work()
    else:
        work()


def _do_in_turn(work: Callable[[], object]) -> None:
    with _few:
        work()
