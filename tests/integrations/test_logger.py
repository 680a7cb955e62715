"""A callback of litellm's that charges its users."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from typing import Any

import pytest

from budgetctl import BudgetManager, Picodollars
from support.mock_calls import COST, MESSAGES, MODEL, PROMPT, call, spent
from support.waiting import eventually


@pytest.fixture
def logged(litellm: Any) -> list[str]:
    """The ids of the responses that litellm has told all of its callbacks of: the last one notes them here."""
    from litellm.integrations.custom_logger import CustomLogger

    ids: list[str] = []

    class Last(CustomLogger):
        def log_success_event(self, response_obj: Any, **_: Any) -> None:
            ids.append(response_obj.id)

    litellm.callbacks = [Last()]
    return ids


@pytest.fixture
def logger(litellm: Any, budgets: BudgetManager, logged: list[str]) -> Any:
    """A callback that litellm has."""
    from budgetctl.integrations.litellm import BudgetctlLogger

    made = BudgetctlLogger(budgets)
    litellm.callbacks = [made, *litellm.callbacks]
    return made


def test_a_call_is_charged_to_its_user(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    litellm.completion(**call(user="alice"))
    eventually(lambda: spent(budgets) == COST)


def test_a_user_in_the_metadata_goes_first(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    litellm.completion(**call(user="someone-the-provider-sees", metadata={"user": "alice"}))
    eventually(lambda: spent(budgets) == COST)


def test_users_are_charged_apart(logger: Any, logged: list[str], budgets: BudgetManager, litellm: Any) -> None:
    litellm.completion(**call(user="alice"))
    eventually(lambda: logged)
    assert (spent(budgets, "alice"), spent(budgets, "bob")) == (COST, 0)


def test_an_asynchronous_call_is_charged_to_its_user(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    async def make() -> None:
        await litellm.acompletion(**call(user="alice"))
        await asyncio.to_thread(eventually, lambda: spent(budgets) == COST)

    asyncio.run(make())


def test_a_stream_is_charged_once_to_its_user(
    logger: Any, logged: list[str], budgets: BudgetManager, litellm: Any
) -> None:
    for _ in litellm.completion(**call(user="alice", stream=True, mock_response="hello world")):
        pass
    eventually(lambda: logged)
    assert spent(budgets) == PROMPT + 2 * 10_000_000


def test_a_stream_that_does_not_say_what_was_used_is_charged_to_its_user(
    logger: Any, budgets: BudgetManager, litellm: Any, silent_server: str
) -> None:
    arguments = {"model": MODEL, "messages": MESSAGES, "api_key": "x", "api_base": silent_server}
    for _ in litellm.completion(**arguments, stream=True, user="alice"):
        pass
    eventually(lambda: spent(budgets) == PROMPT + 2 * 10_000_000)


def test_an_asynchronous_stream_is_charged_to_its_user(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    async def read() -> None:
        async for _ in await litellm.acompletion(**call(user="alice", stream=True, mock_response="hello world")):
            pass
        await asyncio.to_thread(eventually, lambda: spent(budgets) == PROMPT + 2 * 10_000_000)

    asyncio.run(read())


def test_the_same_response_is_charged_once(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    response = litellm.completion(**call())
    for _ in range(2):
        logger.log_success_event({"user": "alice", "model": MODEL}, response, None, None)
    assert spent(budgets) == COST


def test_an_unknown_user_is_logged(
    logger: Any, budgets: BudgetManager, litellm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "budgetctl"):
        assert litellm.completion(**call(user="nobody")).choices
        eventually(lambda: "nobody" in caplog.text)


def test_a_cached_answer_costs_its_user_nothing(
    logger: Any, logged: list[str], budgets: BudgetManager, litellm: Any, cache: None
) -> None:
    for calls in (1, 2):
        litellm.completion(**call(user="alice", caching=True))
        eventually(lambda calls=calls: len(logged) == calls)
    assert spent(budgets) == COST


def test_a_router_of_ones_own_names_is_charged_by_the_model_called(
    logger: Any, budgets: BudgetManager, litellm: Any
) -> None:
    deployment = {"model": f"openai/{MODEL}", "api_key": "x", "mock_response": "hello"}
    router = litellm.Router([{"model_name": "gpt-4o-mini", "litellm_params": deployment}])
    router.completion("gpt-4o-mini", MESSAGES, user="alice")
    eventually(lambda: spent(budgets) == COST)


def test_prices_given_to_a_router_are_charged(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    own = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    deployment = {"model": "openai/house-model", "api_key": "x", "mock_response": "hello", **own}
    router = litellm.Router([{"model_name": "house", "litellm_params": deployment}])
    router.completion("house", MESSAGES, user="alice")
    eventually(lambda: spent(budgets) == Picodollars(50_000_000_000))


def test_a_model_without_a_price_is_recorded_to_be_repriced(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    litellm.completion(**call(model="openai/nobody-knows-it", user="alice"))
    eventually(lambda: [entry.is_unpriced for entry in budgets.history("alice")] == [True])


def run_calls(count: int, *, last: str) -> str:
    """Make so many asynchronous calls of alice's in a program with a logger, and return what it says on stderr."""
    program = (
        "import asyncio, litellm\n"
        "from budgetctl import BudgetManager\n"
        "from budgetctl.integrations.litellm import BudgetctlLogger\n"
        "logger = BudgetctlLogger(BudgetManager('default'))\n"
        "litellm.callbacks = [logger]\n"
        "async def main():\n"
        f"    calls = [litellm.acompletion(**{call(user='alice')!r}) for _ in range({count})]\n"
        "    await asyncio.gather(*calls)\n"
        f"    {last}\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, timeout=120, capture_output=True, text=True)
    return done.stderr


def test_all_calls_are_charged_that_were_flushed_before_the_loop_ends(budgets: BudgetManager) -> None:
    assert run_calls(300, last="await logger.flush()") == ""
    assert spent(budgets) == 300 * COST


def test_what_litellm_did_not_tell_before_the_program_ends_is_said(budgets: BudgetManager) -> None:
    said = run_calls(700, last="pass")
    untold = 700 - spent(budgets) // COST
    assert untold > 0
    assert said.startswith(f"litellm has begun {untold} calls whose end it has not told BudgetctlLogger")
    assert said.count("\n") == 1


def test_a_flushed_stream_is_charged(logger: Any, budgets: BudgetManager, litellm: Any) -> None:
    async def read() -> None:
        async for _ in await litellm.acompletion(**call(user="alice", stream=True, mock_response="hello world")):
            pass
        await logger.flush()

    asyncio.run(read())
    assert spent(budgets) == PROMPT + 2 * 10_000_000


def test_calls_that_failed_or_were_charged_are_told(logger: Any, litellm: Any) -> None:
    async def make() -> None:
        await litellm.acompletion(**call(user="alice"))
        with pytest.raises(litellm.RateLimitError):
            await litellm.acompletion(**call(user="alice", mock_response="litellm.RateLimitError"))
        await logger.flush()

    asyncio.run(make())
    litellm.completion(**call(user="alice"))
    eventually(lambda: logger.untold() == 0)


def test_the_core_imports_no_integration() -> None:
    code = "import sys, budgetctl.manager, budgetctl.cli; print(*(m for m in sys.modules if 'integrations' in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
