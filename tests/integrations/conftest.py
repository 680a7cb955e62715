"""litellm as it is, a guard around it, and a logger behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from budgetctl import BudgetManager

SILENT = """{"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": [%s]}"""
DELTAS = (
    '{"index": 0, "delta": {"role": "assistant", "content": "hello"}}',
    '{"index": 0, "delta": {"content": " world"}}',
    '{"index": 0, "delta": {}, "finish_reason": "stop"}',
)


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
