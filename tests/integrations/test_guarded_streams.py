"""Streams of litellm's that a guard is around."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from typing import Any

from budgetctl import BudgetManager
from support.mock_calls import MESSAGES, MODEL, PROMPT, call, spent
from support.waiting import eventually


def is_done(manager: BudgetManager, user: str = "alice") -> bool:
    """Whether something was charged, and nothing is set aside any more."""
    return spent(manager, user) > 0 and not list(manager.holds(user))


def test_a_stream_is_charged_at_its_end(guard: Any, budgets: BudgetManager) -> None:
    text = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in guard.completion("alice", **call(stream=True, mock_response="hello world"))
    )
    assert text == "hello world"
    assert spent(budgets) == PROMPT + 2 * 10_000_000
    assert list(budgets.holds()) == []


def test_a_stream_that_does_not_say_what_was_used_is_charged_by_its_text(
    guard: Any, budgets: BudgetManager, silent_server: str
) -> None:
    for _ in guard.completion(
        "alice", model=MODEL, messages=MESSAGES, stream=True, api_key="x", api_base=silent_server
    ):
        pass
    assert spent(budgets) == PROMPT + 2 * 10_000_000


def test_a_stream_is_not_charged_before(guard: Any, budgets: BudgetManager) -> None:
    stream = guard.completion("alice", **call(stream=True))
    next(stream)
    assert spent(budgets) == 0
    stream.close()


def test_a_stream_is_charged_to_the_budget_that_was_deleted_meanwhile(guard: Any, budgets: BudgetManager) -> None:
    budgets.cap("100")
    stream = guard.completion("alice", **call(stream=True, mock_response="hello world"))
    next(stream)
    budgets.delete_budget("alice")
    list(stream)
    (entry,) = budgets.history("alice")
    assert budgets.cap().limit.spent == entry.amount > 0


def test_a_closed_stream_is_charged_for_what_came(guard: Any, budgets: BudgetManager) -> None:
    with guard.completion("alice", **call(stream=True, mock_response="hello world " * 50)) as stream:
        next(stream)
    assert spent(budgets) == PROMPT + 10_000_000
    assert list(stream) == []


def test_a_stream_closed_before_its_first_chunk_is_charged_for_the_prompt(guard: Any, budgets: BudgetManager) -> None:
    guard.completion("alice", **call(stream=True)).close()
    assert spent(budgets) == PROMPT


def test_a_forgotten_stream_is_charged(guard: Any, budgets: BudgetManager) -> None:
    for _ in guard.completion("alice", **call(stream=True)):
        break
    gc.collect()
    eventually(lambda: is_done(budgets))


def test_an_asynchronous_stream_is_charged_at_its_end(guard: Any, budgets: BudgetManager) -> None:
    async def read() -> None:
        async for _ in await guard.acompletion("alice", **call(stream=True, mock_response="hello world")):
            pass

    asyncio.run(read())
    assert spent(budgets) == PROMPT + 2 * 10_000_000


def test_a_closed_asynchronous_stream_is_charged_for_what_came(guard: Any, budgets: BudgetManager) -> None:
    async def read() -> None:
        async with await guard.acompletion("alice", **call(stream=True, mock_response="hello world " * 50)) as stream:
            await anext(stream)

    asyncio.run(read())
    assert spent(budgets) == PROMPT + 10_000_000


def test_a_forgotten_asynchronous_stream_is_charged(guard: Any, budgets: BudgetManager) -> None:
    async def read() -> None:
        async for _ in await guard.acompletion("alice", **call(stream=True)):
            break

    asyncio.run(read())
    gc.collect()
    eventually(lambda: is_done(budgets))


def test_a_stream_that_is_open_at_exit_is_charged(budgets: BudgetManager) -> None:
    program = (
        "from budgetctl import BudgetManager\n"
        "from budgetctl.integrations.litellm import Guard\n"
        f"stream = Guard(BudgetManager('default')).completion('alice', **{call(stream=True)!r})\n"
        "next(stream)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert is_done(budgets)
