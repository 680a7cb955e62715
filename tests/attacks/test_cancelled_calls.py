"""Callers that go away between an answer and its charge: what was answered is charged, and nothing else is held."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.waiting import eventually

CALLS = 40
CALL = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hi there"}],
    "max_tokens": 50,
    "mock_response": "hello",
}


@pytest.fixture
def budgets() -> Iterator[BudgetManager]:
    """Alice with $10."""
    manager = BudgetManager("default")
    manager.create("alice", "10")
    yield manager
    manager.close()


@pytest.fixture
def guard(budgets: BudgetManager) -> Any:
    """A guard around calls."""
    from budgetctl.integrations.litellm import Guard

    return Guard(budgets)


@pytest.fixture
def store_in_use() -> Iterator[Callable[[], contextlib.AbstractContextManager[None]]]:
    """Have another writer hold the store for a while, from a thread of its own."""
    other = BudgetManager("default")

    @contextlib.contextmanager
    def hold() -> Iterator[None]:
        is_held, is_enough = threading.Event(), threading.Event()

        def write() -> None:
            with other._store.write():
                is_held.set()
                is_enough.wait(60)

        thread = threading.Thread(target=write)
        thread.start()
        assert is_held.wait(60)
        try:
            yield
        finally:
            is_enough.set()
            thread.join()

    yield hold
    other.close()


def is_somebody_waiting() -> bool:
    """Whether somebody in this process stands in line for the store."""
    return any(thread.name == "budgetctl-lock" for thread in threading.enumerate())


def charges(budgets: BudgetManager) -> int:
    """How many charges there are."""
    return sum(entry.kind == "spend" for entry in budgets.history("alice"))


async def soon(condition: Callable[[], Any]) -> None:
    """Wait for what tasks and threads do, and let them."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def cancel(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel them, and wait until they have ended by that."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)


async def _call(guard: Any) -> None:
    await guard.acompletion("alice", **CALL)


async def _read_stream(guard: Any) -> None:
    async for _ in await guard.acompletion("alice", stream=True, **CALL):
        pass


async def _close_stream(guard: Any) -> None:
    async with await guard.acompletion("alice", stream=True, **CALL) as stream:
        await anext(stream)


@pytest.mark.parametrize("use", [_call, _read_stream, _close_stream])
def test_answers_whose_callers_are_cancelled_are_charged(
    guard: Any, budgets: BudgetManager, store_in_use: Any, monkeypatch: pytest.MonkeyPatch, use: Any
) -> None:
    import litellm

    answer, answered, is_held = litellm.acompletion, [], threading.Event()

    async def answer_together(**arguments: Any) -> Any:
        answered.append(await answer(**arguments))
        response = answered[-1]
        while not is_held.is_set():
            await asyncio.sleep(0.01)
        return response

    monkeypatch.setattr(litellm, "acompletion", answer_together)

    async def attack() -> None:
        tasks = [asyncio.create_task(use(guard)) for _ in range(CALLS)]
        await soon(lambda: len(answered) == CALLS)
        with store_in_use():
            is_held.set()
            await soon(is_somebody_waiting)
            await cancel(tasks)

    asyncio.run(attack())
    eventually(lambda: (charges(budgets), list(budgets.holds())) == (CALLS, []))


def test_calls_cancelled_before_they_are_made_hold_nothing(
    guard: Any, budgets: BudgetManager, store_in_use: Any
) -> None:
    async def attack() -> None:
        with store_in_use():
            tasks = [asyncio.create_task(_call(guard)) for _ in range(CALLS)]
            await soon(is_somebody_waiting)
            await cancel(tasks)

    asyncio.run(attack())
    eventually(lambda: not list(budgets.holds()))
    assert charges(budgets) == 0


def test_a_loop_that_ends_meanwhile_leaves_nothing_held(guard: Any, budgets: BudgetManager, store_in_use: Any) -> None:
    async def attack(holding: contextlib.ExitStack) -> None:
        holding.enter_context(store_in_use())
        task = asyncio.create_task(_call(guard))
        await soon(is_somebody_waiting)
        threading.Thread(target=lambda: (eventually(task.done), holding.close())).start()

    with contextlib.ExitStack() as holding:
        asyncio.run(attack(holding))
    eventually(lambda: not list(budgets.holds()))


def test_a_charge_that_waits_outlasts_a_ctrl_c(
    guard: Any, budgets: BudgetManager, store_in_use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm

    answer = litellm.completion
    with contextlib.ExitStack() as holding:

        def interrupt_the_charge() -> None:
            eventually(is_somebody_waiting)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            holding.close()

        def answer_and_be_interrupted(**arguments: Any) -> Any:
            answered = answer(**arguments)
            holding.enter_context(store_in_use())
            threading.Thread(target=interrupt_the_charge).start()
            return answered

        monkeypatch.setattr(litellm, "completion", answer_and_be_interrupted)
        with pytest.raises(KeyboardInterrupt):
            guard.completion("alice", **CALL)
    assert (charges(budgets), list(budgets.holds())) == (1, [])


def test_a_stream_interrupted_before_its_first_chunk_is_charged_for_the_prompt(
    guard: Any, budgets: BudgetManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = guard.completion("alice", stream=True, **CALL)

    def interrupted(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(stream._stream), "__next__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert (charges(budgets), list(budgets.holds())) == (1, [])
