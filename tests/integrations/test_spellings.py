"""A limit on a model holds for each of its spellings, whichever door a call comes through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import OverBudgetError
from budgetctl.ledger.matching import means
from budgetctl.pricing.prices.catalog import target_of

MESSAGES = [{"role": "user", "content": "hi"}]

HOLDS = [
    ("gpt-4o*", "openai/gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("GPT-4o", "azure/gpt-4o"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("claude-*", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
    ("claude-*", "bedrock/us-east-1/anthropic.claude-v2:1"),
    ("bedrock/*", "us.anthropic.claude-sonnet-4-20250514-v1:0"),
]
HOLDS_NOT = [("gpt-4o", "gpt-4o-mini"), ("azure/*", "gpt-4o"), ("openai/*", "azure/gpt-4o")]
TABLE = [(*row, True) for row in HOLDS] + [(*row, False) for row in HOLDS_NOT]


@pytest.fixture
def litellm() -> Iterator[Any]:
    """litellm, without callbacks when the test ends."""
    import litellm

    yield litellm
    litellm.logging_callback_manager._reset_all_callbacks()


@pytest.fixture(params=["file", "server"])
def budgets(request: pytest.FixtureRequest) -> Iterator[BudgetManager]:
    """Budgets in a file of this machine, and on a server."""
    store = request.getfixturevalue("serve")().open("p") if request.param == "server" else None
    manager = BudgetManager("p", store=store)
    manager.create("alice", "1000")
    yield manager
    manager.close()


def limit_of(budgets: BudgetManager) -> Any:
    """Alice's second limit."""
    return budgets.budget("alice").standings[1].limit


@pytest.mark.parametrize(("pattern", "model", "holds"), TABLE)
def test_in_the_library(budgets: BudgetManager, pattern: str, model: str, holds: bool) -> None:
    budgets.add_limit("alice", "1", models=pattern, name="few")
    budgets.charge("alice", "1", model=model)
    assert limit_of(budgets).spent == 10**12 * holds
    assert budgets.check("alice", "1", model=model).allowed is not holds
    if holds:
        with pytest.raises(OverBudgetError):
            budgets.reserve("alice", "1", model=model)
    else:
        hold = budgets.reserve("alice", "1", model=model)
        assert (limit_of(budgets).held, budgets.commit(hold.hold_id, "1").entry.model) == (0, model)


@pytest.mark.parametrize(("pattern", "model", "holds"), TABLE)
def test_on_the_command_line(run_main: Any, pattern: str, model: str, holds: bool) -> None:
    run_main("create", "alice", "1000")
    run_main("limit", "add", "alice", "1", "--model", pattern, "--name", "few")
    run_main("update-cost", "alice", "--cost", "1", "--model", model)
    denied = 3 if holds else 0
    assert run_main("check", "alice", "--cost", "1", "--model", model) == denied
    assert run_main("reserve", "alice", "1", "--model", model) == denied
    assert run_main("run", "alice", "--model", model, "--amount", "1", "--", "true") == (125 if holds else 0)


@pytest.fixture
def run_main(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `budgetctl` in this process, and return its exit code."""
    from budgetctl.cli import main

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        capsys.readouterr()
        return int(ended.value.code or 0)

    return run


@pytest.mark.parametrize(("pattern", "model", "holds"), TABLE)
def test_through_the_guard(litellm: Any, budgets: BudgetManager, pattern: str, model: str, holds: bool) -> None:
    from budgetctl.integrations.litellm import Guard

    guard = Guard(budgets)
    budgets.add_limit("alice", "1", models=pattern, name="few")
    guard.completion("alice", model=model, messages=MESSAGES, max_tokens=20, mock_response="hello")
    assert (limit_of(budgets).spent > 0, limit_of(budgets).held) == (holds, 0)
    budgets.charge("alice", "1", model=model)
    if holds:
        with pytest.raises(litellm.BudgetExceededError):
            guard.completion("alice", model=model, messages=MESSAGES, max_tokens=20, mock_response="hello")


@pytest.mark.parametrize(("pattern", "model", "holds"), TABLE)
def test_in_the_hook_of_the_proxy(litellm: Any, budgets: BudgetManager, pattern: str, model: str, holds: bool) -> None:
    fastapi = pytest.importorskip("fastapi", reason="litellm's proxy is not installed")
    from budgetctl.integrations.litellm import BudgetctlLogger

    logger = BudgetctlLogger(budgets)
    budgets.add_limit("alice", "1", models=pattern, name="few")
    answer = litellm.completion(model=model, messages=MESSAGES, mock_response="hello")
    logger.log_success_event({"model": model, "user": "alice"}, answer, None, None)
    assert (limit_of(budgets).spent > 0) is holds
    budgets.charge("alice", "1", model=model)
    ask = logger.async_pre_call_hook(SimpleNamespace(), None, {"model": model, "user": "alice"}, "completion")
    if holds:
        with pytest.raises(fastapi.HTTPException):
            asyncio.run(ask)
    else:
        asyncio.run(ask)


def test_a_seller_that_is_stated_beside_the_model_is_asked_and_charged(litellm: Any, budgets: BudgetManager) -> None:
    from budgetctl.integrations.litellm import Guard

    budgets.add_limit("alice", "1", models="azure/*", name="few")
    call = {"model": "gpt-4o", "custom_llm_provider": "azure", "messages": MESSAGES, "mock_response": "hello"}
    Guard(budgets).completion("alice", **call, max_tokens=20)
    assert limit_of(budgets).spent > 0
    assert not budgets.check("alice", "1", model="gpt-4o", provider="azure").allowed


def test_an_alias_for_the_newest_model_counts_where_that_does(budgets: BudgetManager) -> None:
    newest = target_of("claude-opus-latest", None)
    if newest is None:
        pytest.skip("this litellm has no names for the newest models")
    budgets.add_limit("alice", "1", models=newest, name="few")
    for alias in ("claude-opus-latest", "anthropic/claude-opus-latest", "bedrock/claude-opus-latest"):
        budgets.charge("alice", "0.5", model=alias)
        assert not budgets.check("alice", "1", model=alias).allowed
    assert limit_of(budgets).spent == 15 * 10**11


def test_an_alias_stands_for_what_litellm_resolves_it_to() -> None:
    import litellm

    for alias in ("claude-opus-latest", "anthropic/claude-opus-latest", "azure/gpt-sol-latest", "gpt-4o"):
        target = target_of(alias, None)
        if target is not None:
            assert target.rpartition("/")[2] == litellm.get_llm_provider(alias)[0]


def test_what_a_router_was_asked_for_counts_where_its_deployment_is_another_model(
    litellm: Any, budgets: BudgetManager
) -> None:
    from budgetctl.integrations.litellm import BudgetctlLogger

    budgets.add_limit("alice", "1", models="house", name="few")
    called = {"model": "gpt-4o", "custom_llm_provider": "azure", "user": "alice"}
    answer = litellm.completion(model="azure/gpt-4o", messages=MESSAGES, mock_response="hello")
    told = {**called, "litellm_params": {"metadata": {"model_group": "house"}}}
    BudgetctlLogger(budgets).log_success_event(told, answer, None, None)
    entry = next(budgets.history("alice"))
    assert (limit_of(budgets).spent, entry.model) == (entry.amount, "gpt-4o")


def test_litellm_takes_the_same_seller_for_each_bare_name_of_its_map() -> None:
    import litellm

    compared = 0
    for name in litellm.model_cost:
        if "/" in name:
            continue
        try:
            _, seller, _, _ = litellm.get_llm_provider(name)
        except litellm.BadRequestError:
            continue  # it asks for one
        compared += 1
        assert means(f"{seller}/*", name), (seller, name)
        others = {"openai", "anthropic", "azure", "vertex_ai", "bedrock", "groq"} - {
            str(seller).removeprefix("text-completion-")
        }
        assert not any(means(f"{other}/*", name) for other in others), (seller, name)
    assert compared > 400
