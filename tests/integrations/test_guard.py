"""A guard around litellm's own functions: the real litellm, with its mock responses."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from budgetctl import BudgetManager, Picodollars
from budgetctl.errors import HoldResolvedError, InvalidValueError, OverBudgetError, UnknownUserError
from support.mock_calls import COST, MESSAGES, MODEL, call, spent


def test_a_call_is_charged_what_it_cost(guard: Any, budgets: BudgetManager) -> None:
    response = guard.completion("alice", **call())
    assert response.choices[0].message.content == "hello"
    assert spent(budgets) == COST


def test_a_call_leaves_nothing_set_aside(guard: Any, budgets: BudgetManager) -> None:
    guard.completion("alice", **call())
    assert list(budgets.holds("alice")) == []


def test_an_asynchronous_call_is_charged(guard: Any, budgets: BudgetManager) -> None:
    asyncio.run(guard.acompletion("alice", **call()))
    assert (spent(budgets), list(budgets.holds())) == (COST, [])


def test_the_event_loop_goes_on_while_the_store_is_busy(guard: Any, budgets: BudgetManager) -> None:
    other = BudgetManager("default")

    async def make() -> Any:
        with other._store.write():
            calling = asyncio.create_task(guard.acompletion("alice", **call()))
            for _ in range(100):
                await asyncio.sleep(0)
            assert not calling.done()
        return await calling

    assert asyncio.run(make()).choices
    other.close()


def test_what_is_set_aside_is_the_prompt_and_the_longest_answer(guard: Any, budgets: BudgetManager) -> None:
    stream = guard.completion("alice", **call(stream=True, max_tokens=100, n=2))
    (hold,) = budgets.holds("alice")
    assert hold.amount == budgets.estimate(MODEL, MESSAGES, max_output_tokens=200).amount
    stream.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_completion_tokens": 1, "max_tokens": 1000},
        {"max_completion_tokens": 1000, "max_tokens": 1},
        {"max_tokens": 1, "extra_body": {"max_tokens": 1000}},
        {"max_tokens": 100, "extra_body": {"n": 10}},
        {"max_tokens": "1000", "n": "1"},
    ],
)
def test_of_several_bounds_on_an_answer_the_largest_is_set_aside(
    guard: Any, budgets: BudgetManager, arguments: dict[str, Any]
) -> None:
    with guard.completion("alice", **call(stream=True, **arguments)):
        (hold,) = budgets.holds()
    assert hold.amount >= 1000 * Picodollars(10_000_000)


@pytest.mark.parametrize("bound", [0, -5, True, "many"])
def test_a_bound_that_means_nothing_sets_the_models_own_maximum_aside(
    guard: Any, budgets: BudgetManager, bound: Any
) -> None:
    with guard.completion("alice", **call(stream=True, max_tokens=bound)):
        (hold,) = budgets.holds()
    assert hold.amount > 16_000 * Picodollars(10_000_000)


@pytest.mark.parametrize("model", [None, "", " ", 5, ["gpt-4o"]])
def test_a_call_without_the_name_of_a_model_is_refused_clearly(guard: Any, budgets: BudgetManager, model: Any) -> None:
    with pytest.raises(InvalidValueError, match="model"):
        guard.completion("alice", **call(model=model))
    assert list(budgets.holds(resolved=True)) == []


def test_without_a_maximum_the_models_own_is_set_aside(guard: Any, budgets: BudgetManager) -> None:
    stream = guard.completion("alice", **call(stream=True, max_tokens=None))
    (hold,) = budgets.holds("alice")
    assert hold.amount == budgets.estimate(MODEL, MESSAGES, max_output_tokens=16_384).amount
    stream.close()


def test_a_denied_call_raises_litellms_error(guard: Any, litellm: Any) -> None:
    with pytest.raises(litellm.BudgetExceededError, match=r"left of the budget of \$0\.00001") as denied:
        guard.completion("bob", **call())
    assert (denied.value.current_cost, denied.value.max_budget) == (0, 0.00001)
    assert isinstance(denied.value.__cause__, OverBudgetError)


def test_a_denied_call_is_not_made(guard: Any, litellm: Any) -> None:
    called: list[Any] = []
    litellm.input_callback = [lambda *_: called.append(1)]
    with pytest.raises(litellm.BudgetExceededError):
        guard.completion("bob", **call(mock_response=AssertionError("it was called")))
    assert not called


def test_a_denied_asynchronous_call_raises_too(guard: Any, litellm: Any) -> None:
    with pytest.raises(litellm.BudgetExceededError):
        asyncio.run(guard.acompletion("bob", **call()))


def test_one_users_calls_cost_another_nothing(guard: Any, budgets: BudgetManager) -> None:
    budgets.create("carol", "10")
    guard.completion("alice", **call())
    assert spent(budgets, "carol") == 0


def test_an_unknown_user_is_refused(guard: Any) -> None:
    with pytest.raises(UnknownUserError):
        guard.completion("nobody", **call())


@pytest.mark.parametrize("failure", [Exception("boom"), "litellm.RateLimitError"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_call_costs_nothing(guard: Any, budgets: BudgetManager, failure: Any, stream: bool) -> None:
    with pytest.raises(Exception, match=r"boom|RateLimit"):
        for _ in guard.completion("alice", **call(mock_response=failure, stream=stream)):
            pass
    assert (spent(budgets), list(budgets.holds())) == (0, [])


def test_a_failed_asynchronous_call_costs_nothing(guard: Any, budgets: BudgetManager, litellm: Any) -> None:
    with pytest.raises(litellm.RateLimitError):
        asyncio.run(guard.acompletion("alice", **call(mock_response="litellm.RateLimitError")))
    assert (spent(budgets), list(budgets.holds())) == (0, [])


def test_a_hold_of_a_call_that_was_made_makes_no_other(guard: Any) -> None:
    guard.completion("alice", hold_id="job-17", **call())
    with pytest.raises(HoldResolvedError, match="committed already"):
        guard.completion("alice", hold_id="job-17", **call())


def test_calls_stop_once_the_budget_is_spent(guard: Any, budgets: BudgetManager, litellm: Any) -> None:
    budgets.set("alice", amount="0.001")
    for _ in range(4):
        guard.completion("alice", **call(max_tokens=20))
    with pytest.raises(litellm.BudgetExceededError):
        guard.completion("alice", **call(max_tokens=20))
    assert spent(budgets) == 4 * COST


def test_calls_of_all_stop_once_the_cap_is_spent(guard: Any, budgets: BudgetManager, litellm: Any) -> None:
    budgets.cap("0.0005")
    budgets.create("carol", "10")
    guard.completion("alice", **call(max_tokens=20))
    guard.completion("carol", **call(max_tokens=20))
    with pytest.raises(litellm.BudgetExceededError, match="the project's budget"):
        guard.completion("alice", **call(max_tokens=20))


def test_an_answer_of_the_cache_costs_nothing(guard: Any, budgets: BudgetManager, cache: None) -> None:
    for _ in range(2):
        guard.completion("alice", **call(caching=True))
    assert (spent(budgets), list(budgets.holds())) == (COST, [])
