"""Budgets in litellm's proxy: a real one, with one mock model and no database."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from budgetctl import BudgetManager, Picodollars
from support.pages import ROOT, blocks
from support.waiting import eventually

for _module in ("fastapi", "uvicorn", "apscheduler", "orjson"):
    pytest.importorskip(_module, reason="litellm's proxy is not installed: pip install 'budgetctl[proxy-test]'")

COST = Picodollars(225_000_000)
"""10 tokens in and 20 out, which litellm says of every mock response, at the price of gpt-4o."""
STREAM = Picodollars(30_000_000)
"""The prompt's 8 tokens, and one of the answer."""
CONFIGURATION = "\n".join(
    line.replace("os.environ/OPENAI_API_KEY", "x, mock_response: hello")
    for _, _, lines in blocks(ROOT / "README.md", "yaml")
    for line in lines
)
"""That of the README, but for the provider."""

START_S = 120


class Proxy:
    """A running proxy, and the project whose budgets it keeps."""

    def __init__(self, port: int, key: str, store: Path) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._key = key
        self.budgets = BudgetManager("team", store=store)

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/health/liveliness", timeout=5):
                return True
        except OSError:
            return False

    def post(self, **body: Any) -> tuple[int, str]:
        """Ask for a chat completion: the status, and the body of the answer."""
        request = urllib.request.Request(
            f"{self._url}/v1/chat/completions",
            json.dumps({"model": "cheap", "messages": [{"role": "user", "content": "hi"}], **body}).encode(),
            {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def spent(self, user: str) -> Picodollars:
        """What the user has spent."""
        return self.budgets.budget(user).limit.spent


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy for the tests of this module: it takes some ten seconds to start."""
    directory = tmp_path_factory.mktemp("proxy")
    (directory / "config.yaml").write_text(CONFIGURATION)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key, store = f"sk-{secrets.token_hex(32)}", directory / "team.db"
    names = {"LITELLM_MASTER_KEY": key, "BUDGETCTL_PROJECT": "team", "BUDGETCTL_STORE": str(store)}
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    program = [sys.executable, "-c", "from litellm import run_server; run_server()"]
    arguments = ["--config", str(directory / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with (directory / "log").open("w+") as log:
        process = subprocess.Popen(
            [*program, *arguments], cwd=directory, env=kept | names, stdout=log, stderr=subprocess.STDOUT
        )
        running = Proxy(port, key, store)
        try:
            deadline = time.monotonic() + START_S
            while not running.is_up():
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the proxy did not start:\n{(directory / 'log').read_text()[-3000:]}")
                time.sleep(0.1)
            yield running
        finally:
            running.budgets.close()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_a_request_is_answered_and_charged_to_its_user(proxy: Proxy) -> None:
    proxy.budgets.create("alice", "10")
    status, body = proxy.post(user="alice")
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "hello")
    eventually(lambda: proxy.spent("alice") == COST)


def test_a_user_with_nothing_left_is_answered_422(proxy: Proxy) -> None:
    proxy.budgets.create("broke", "0")
    status, body = proxy.post(user="broke")
    assert status == 422
    assert "broke: $0.00 is left of the budget of $0.00" in json.loads(body)["error"]["message"]


def test_a_denied_request_is_not_charged(proxy: Proxy) -> None:
    proxy.budgets.create("poor", "0")
    proxy.budgets.create("next", "10")
    assert proxy.post(user="poor")[0] == 422
    proxy.post(user="next")
    eventually(lambda: proxy.spent("next") == COST)
    assert proxy.spent("poor") == 0


def test_a_user_is_denied_once_the_budget_is_spent(proxy: Proxy) -> None:
    proxy.budgets.create("carol", "0.0002")
    assert proxy.post(user="carol")[0] == 200
    eventually(lambda: proxy.spent("carol") == COST)
    assert proxy.post(user="carol")[0] == 422


def test_a_stream_is_charged_once(proxy: Proxy) -> None:
    proxy.budgets.create("dave", "10")
    status, body = proxy.post(user="dave", stream=True)
    assert (status, body.splitlines()[-2]) == (200, "data: [DONE]")
    eventually(lambda: proxy.spent("dave") == STREAM)


def test_a_stream_is_denied_too(proxy: Proxy) -> None:
    proxy.budgets.create("erin", "0")
    assert proxy.post(user="erin", stream=True)[0] == 422


def test_a_user_in_the_metadata_is_charged(proxy: Proxy) -> None:
    proxy.budgets.create("frank", "10")
    assert proxy.post(metadata={"user": "frank"})[0] == 200
    eventually(lambda: proxy.spent("frank") == COST)


@pytest.mark.parametrize("name", ["metadata", "litellm_metadata"])
def test_a_request_cannot_say_whose_its_key_is(proxy: Proxy, name: str) -> None:
    proxy.budgets.create(f"grace-{name}", "10")
    proxy.budgets.create(f"heidi-{name}", "10")
    proxy.post(user=f"grace-{name}", **{name: {"user_api_key_user_id": f"heidi-{name}"}})
    eventually(lambda: proxy.spent(f"grace-{name}") + proxy.spent(f"heidi-{name}"))
    assert proxy.spent(f"heidi-{name}") == 0


def test_an_unknown_user_is_answered(proxy: Proxy) -> None:
    assert proxy.post(user="nobody")[0] == 200


def test_a_request_is_denied_once_the_cap_is_spent(proxy: Proxy) -> None:
    proxy.budgets.create("ivan", "10")
    proxy.budgets.cap("0")
    try:
        assert proxy.post(user="ivan")[0] == 422
    finally:
        proxy.budgets.remove_cap()


@pytest.mark.parametrize("pattern", ["cheap", "gpt-4o*", "openai/*"])
def test_a_limit_on_the_name_or_on_what_is_deployed_under_it_counts_and_denies(proxy: Proxy, pattern: str) -> None:
    user = f"judy-{pattern}"
    proxy.budgets.create(user, "10")
    proxy.budgets.add_limit(user, "0.0002", models=pattern, name="few")
    assert proxy.post(user=user)[0] == 200
    eventually(lambda: proxy.budgets.budget(user).standings[1].limit.spent == COST)
    assert proxy.post(user=user)[0] == 422
