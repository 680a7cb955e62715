"""Budgets around litellm's own functions, and behind them: the real litellm, with its mock responses."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from budgetctl import BudgetManager, Picodollars
from budgetctl.errors import HoldResolvedError, InvalidValueError, OverBudgetError, UnknownUserError
from support.waiting import eventually

MODEL = "gpt-4o"
MESSAGES = [{"role": "user", "content": "hi there"}]
COST = Picodollars(225_000_000)
"""litellm says of a mock response that it used 10 tokens in and 20 out, whatever its text."""
PROMPT = Picodollars(22_500_000)
"""9 tokens in, which is what the messages are."""


@pytest.fixture
def litellm() -> Iterator[Any]:
    """litellm, without callbacks, a cache, and what a router has registered when the test ends."""
    import litellm

    prices = {model: (entry, dict(entry)) for model, entry in litellm.model_cost.items()}
    yield litellm
    litellm.logging_callback_manager._reset_all_callbacks()
    litellm.cache = None
    for model in litellm.model_cost.keys() - prices.keys():
        del litellm.model_cost[model]
    for model, (entry, content) in prices.items():  # the same objects: litellm tells names for another model by them
        entry.clear()
        entry.update(content)
        litellm.model_cost[model] = entry
    litellm.utils._invalidate_model_cost_lowercase_map()


@pytest.fixture
def cache(litellm: Any) -> None:
    """A cache of answers that litellm has."""
    pytest.importorskip("fastapi", reason="litellm's cache imports its proxy: pip install 'budgetctl[proxy-test]'")
    litellm.cache = litellm.Cache()


@pytest.fixture
def budgets() -> Iterator[BudgetManager]:
    """Alice with $10, and bob with too little for any call."""
    manager = BudgetManager("default")
    manager.create("alice", "10")
    manager.create("bob", "0.00001")
    yield manager
    manager.close()


SILENT = """{"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [%s]}"""
DELTAS = (
    '{"index": 0, "delta": {"role": "assistant", "content": "hello"}}',
    '{"index": 0, "delta": {"content": " world"}}',
    '{"index": 0, "delta": {}, "finish_reason": "stop"}',
)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server whose streams do not say what was used."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for data in (*(SILENT % delta for delta in DELTAS), "[DONE]"):
                self.wfile.write(f"data: {data}\n\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def guard(litellm: Any, budgets: BudgetManager) -> Any:
    """A guard around calls."""
    from budgetctl.integrations.litellm import Guard

    return Guard(budgets)


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


def call(**arguments: Any) -> dict[str, Any]:
    """The arguments of a small call."""
    return {"model": MODEL, "messages": MESSAGES, "max_tokens": 50, "mock_response": "hello"} | arguments


def spent(manager: BudgetManager, user: str = "alice") -> Picodollars:
    """What the user has spent."""
    return manager.budget(user).limit.spent


def is_done(manager: BudgetManager, user: str = "alice") -> bool:
    """Whether something was charged, and nothing is set aside any more."""
    return spent(manager, user) > 0 and not list(manager.holds(user))


# Guard


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


# Streams


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


# BudgetctlLogger


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
