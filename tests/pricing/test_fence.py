"""That asking litellm has no other effect: nothing printed, logged or dialled, and nothing imported early."""

import json
import logging
import socket
import subprocess
import sys
import threading

import pytest

from budgetctl.errors import CannotPriceError
from budgetctl.pricing import price_prompt, price_text, price_tokens
from budgetctl.pricing.litellm.fence import fenced


def run(code):
    """Run Python code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_pricing_loads_nothing_heavy():
    heavy = ["litellm", "pydantic", "httpx", "rich", "asyncio", "importlib.metadata"]
    code = f"import sys, json, budgetctl.pricing; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    assert json.loads(run(code).stdout) == []


def test_a_first_price_prints_and_dials_nothing():
    code = """
import sys
dialled = []
def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        dialled.append(arguments)
sys.addaudithook(listen)
from budgetctl.errors import CannotPriceError
from budgetctl.pricing import price_text, price_tokens
for model in ("no-such-model", "huggingface/x", "github_copilot/gpt-4o", "gpt-4o"):
    try:
        price_tokens(model, 1, 1)
        price_text(model, "Hi", "Hello")
    except CannotPriceError:
        pass
sys.exit(repr(dialled) if dialled else 0)
"""
    done = run(code)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_unknown_provider_prints_nothing(litellm, monkeypatch, capfd):
    monkeypatch.setattr(litellm, "suppress_debug_info", False)
    with pytest.raises(CannotPriceError):
        price_tokens("nobody/no-such-model", 1, 1)
    with pytest.raises(CannotPriceError):
        price_text("nobody/no-such-model", "Hi", "Hello")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_tokenizer_that_litellm_does_not_ship_is_not_fetched(litellm):
    """By itself litellm tries for most of a minute, and then counts as here."""
    assert litellm.utils.huggingface_tokenizer_kind("replicate/meta/llama-2-7b") is not None
    key = next(key for key in litellm.model_cost if "llama-3" in key and _has_price(litellm.model_cost[key]))
    assert price_prompt(key, "hello world").usage.uncached_input == 2


def _has_price(entry):
    return entry.get("input_cost_per_token") and entry.get("output_cost_per_token")


def test_connections_are_refused_inside_and_only_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with fenced(), pytest.raises(ConnectionRefusedError, match="without the network"):
            socket.create_connection(address)
        socket.create_connection(address).close()


def test_prints_are_dropped_inside_and_only_there(capsys):
    with fenced():
        sys.stdout.write("inside\n")
        with fenced():
            sys.stdout.write("nested\n")
        sys.stdout.write("still inside\n")
    sys.stdout.write("outside\n")
    assert capsys.readouterr().out == "outside\n"


def test_logs_of_litellm_are_dropped_inside_and_only_there(caplog):
    logger = logging.getLogger("LiteLLM")
    logger.addHandler(caplog.handler)
    try:
        with fenced():
            logger.error("inside")
        logger.error("outside")
    finally:
        logger.removeHandler(caplog.handler)
    assert {record.message for record in caplog.records} == {"outside"}


def test_other_threads_keep_their_output_and_connections(capsys):
    entered, done = threading.Event(), threading.Event()

    def stay_inside():
        with fenced():
            sys.stdout.write("inside\n")
            entered.set()
            done.wait(10)

    thread = threading.Thread(target=stay_inside)
    thread.start()
    try:
        assert entered.wait(10)
        sys.stdout.write("beside\n")
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
    finally:
        done.set()
        thread.join()
    sys.stdout.write("after\n")
    assert capsys.readouterr().out == "beside\nafter\n"


def test_stdout_is_as_before_however_threads_overlap():
    before = sys.stdout
    inside = threading.Barrier(8)

    def overlap():
        with fenced():
            inside.wait(10)

    threads = [threading.Thread(target=overlap) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is before
