"""Whatever stands in a file: it ends in a price or in an error that says why, and nothing else is done about it.

The cases of one seed never change, those of the other are new each day. A fault names its seed and number, and
`case(seed, number)` of `support/hostile.py` makes it again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from budgetctl import BudgetManager
from support.hostile import MARK, RAW
from support.programs import environment, program

SEEDS = (1, int(datetime.now(UTC).strftime("%Y%m%d")))
CASES = 10_000
"""Of each seed."""

ALLOWED = {
    # Before its first temporary name, Python's tempfile writes and removes a file, to see which directory allows it.
    "tempfile looks for a directory": r"(open|os\.remove): /.*/[a-z0-9_]{8} (None|-1)",
    # urllib3 asks whether the machine has IPv6 by binding an address of its own. Nothing is sent, nobody listens.
    "urllib3 looks for IPv6": r"socket\.(__new__|bind): .* (10|30|\('::1', 0\))",
}
"""What happens beside pricing while litellm is being imported, and why. While prices are found, nothing does."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process reports that has priced all cases, and what it printed."""
    home, cache = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("cache")
    reader, writer = os.pipe()
    with subprocess.Popen(
        program("hostile_run", writer, CASES, *SEEDS),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[writer],
        cwd=home,
        env=environment(
            HOME=str(home),
            PYTHONDONTWRITEBYTECODE="1",  # what pip has not compiled would be written now
            XDG_CACHE_HOME=str(cache),
            XDG_CONFIG_HOME=str(home / "c"),
            XDG_DATA_HOME=str(home / "d"),
        ),
    ) as process:
        os.close(writer)
        with os.fdopen(reader) as stream:
            told = stream.read()
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr.decode(errors="replace")
    left = [str(path.relative_to(home)) for path in home.rglob("*")]
    return {**json.loads(told), "stdout": stdout, "stderr": stderr, "left": left}


def test_every_case_ends_in_a_price_or_in_a_clear_error(report):
    assert report["faults"] == []


def test_the_cases_end_in_every_way(report):
    """That they are hostile enough to be refused, and not so hostile that nothing is priced."""
    ends = report["ends"]
    whole = CASES * len(SEEDS)
    assert sum(ends.values()) == whole
    assert min(ends["litellm"], ends["InvalidResponseError"]) > whole / 4
    assert min(ends["provider"], ends["CannotPriceError"], report["by_litellm"]) > whole / 100


def test_nothing_is_printed(report):
    assert (report["stdout"], report["stderr"]) == (b"", b"")


def test_pricing_dials_writes_and_starts_nothing(report):
    assert report["done"]["pricing"] == {}


def test_importing_litellm_does_nothing_that_is_not_accounted_for(report):
    done = report["done"]["import"]
    assert [what for what in done if not any(re.fullmatch(allowed, what) for allowed in ALLOWED.values())] == []


def test_no_file_is_left_behind(report):
    assert report["left"] == []


# The command as a whole


CHAT = {"id": "c1", "model": "gpt-4o", "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
CHUNK = {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [{"delta": {"content": "Hi"}}]}


def chat(**fields: Any) -> str:
    """A body that is right but for some fields."""
    return json.dumps({**CHAT, **fields})


def counted(**usage: Any) -> str:
    """A body that is right but for what it says was used."""
    return chat(usage={**CHAT["usage"], **usage})


def raw(value: str) -> str:
    """A body with this in the place of a count."""
    return counted(prompt_tokens=MARK).replace(json.dumps(MARK), value)


NASTY = {
    "empty": "",
    "no-json": "\x00\x1b[2J",
    "deep": '{"usage":' * 100_000,
    "deep-in-place": chat(usage={"prompt_tokens": 1, "prompt_tokens_details": json.loads("[" * 400 + "]" * 400)}),
    **{f"raw-{number}": raw(value) for number, value in enumerate(RAW)},
    **{f"count-{value!r}": counted(prompt_tokens=value) for value in (-1, 1.5, True, "5", 10**12, 10**30, [1], {})},
    **{f"id-{number}": chat(id=value) for number, value in enumerate(("\ud800", "\x1b]0;x\x07", "x" * 9_000, {}, 7))},
    **{f"model-{number}": chat(model=value) for number, value in enumerate(("\ud800", "a\nb", "\x00", "", [], 5, {}))},
    "terms": chat(service_tier="\ud800", usage={**CHAT["usage"], "speed": "\x1b[2J", "inference_geo": "\udcff"}),
    "billed-nothing": counted(cost=0),
    "billed-too-much": counted(cost=1e14),
    "billed-less-than-nothing": counted(cost=-1),
    "billed-text": counted(cost="1"),
    "impossible": counted(prompt_tokens_details={"cached_tokens": 13}),
    "error": json.dumps({"error": {"message": "a\nb\x1b[2J"}}),
    "two-answers": chat() + "\n" + chat(id="c2"),
    "cut-stream": f"data: {json.dumps(CHUNK)}\n\ndata: {json.dumps(CHUNK)[:40]}",
    "uncounted-stream": f"data: {json.dumps(CHUNK)}\n\n",
    "odd-ids-in-a-stream": f"data: {json.dumps({**CHUNK, 'id': {'of': 1}})}\n\n" * 2,
    "surrogates-in-a-stream": f"data: {json.dumps({**CHUNK, 'choices': [{'delta': {'content': chr(0xD800)}}]})}\n\n",
    "two-streams": "".join(f"data: {json.dumps({**CHUNK, 'id': name})}\n\n" for name in "ab"),
    "seller-of-a-log": json.dumps(
        {"model": "x" * 900, "prompt_tokens": 1, "response_cost": None, "custom_llm_provider": "a\nb" * 900}
    ),
    "login": chat(model="models/github_copilot/gpt-4o"),
}


@pytest.mark.parametrize("name", NASTY)
def test_the_command_answers_with_one_json_document(cli, home, name):
    BudgetManager("default").create("alice", "10")
    path = home / "work" / "response.json"
    path.write_bytes(NASTY[name].encode("utf-8", "surrogatepass"))
    done = cli("update-cost", "alice", "--response", path, "--json")
    assert done.returncode in {0, 1, 2, 6}
    if done.returncode:
        assert done.stdout == ""
        error = json.loads(done.stderr)["error"]
        assert error["code"] != "internal"
        assert 0 < len(error["message"]) < 1_000
        assert len(error["message"].splitlines()) == 1
    else:
        assert isinstance(json.loads(done.stdout), dict)
        assert "Traceback" not in done.stderr
    assert {entry.name for entry in home.iterdir()} <= {"work", "cache", "config", "data"}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
