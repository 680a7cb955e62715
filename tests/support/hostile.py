"""Bodies and streams that no provider should send: real ones with values, names, frames and bytes changed.

`case(seed, number)` is the same case at any time and on any machine, so that a fault can be repeated.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from budgetctl.pricing.prices import price_map
from support.places import EXAMPLES, PRICING

_FILES = [*sorted((PRICING / "bodies").iterdir()), *sorted(EXAMPLES.iterdir())]
_TEXTS = {path.name: path.read_text() for path in _FILES if path.suffix in {".json", ".sse"}}


def _events(text: str) -> list[Any]:
    return [json.loads(data) for data in re.findall(r"^data: *(\{.*)$", text, re.MULTILINE)]


_DOCUMENTS = [json.loads(text) for name, text in _TEXTS.items() if name.endswith(".json")]
_LINES = [json.loads(line)["body"] for line in (PRICING / "real_usage.jsonl").read_text().splitlines()]
BODIES = [body for body in _DOCUMENTS if isinstance(body, dict)] + _LINES
STREAMS = [body for body in _DOCUMENTS if isinstance(body, list)]
STREAMS += [_events(text) for name, text in _TEXTS.items() if name.endswith(".sse")]
STREAMS += [[chunk for chunk in stream if not chunk.get("usage")] for stream in STREAMS]  # to count their text

KNOWN = """
gpt-4o gpt-4o-mini-2024-07-18 o3 gpt-5 claude-sonnet-4-5 claude-haiku-4-5-20251001 claude-opus-4-6 gemini-2.5-pro
gemini/gemini-2.5-flash grok-4.20-0309-reasoning deepseek-chat sonar-pro mistral-large-latest command-a-03-2025
azure/gpt-4o azure/eu/gpt-4o azure_ai/grok-3 dashscope/qwen-plus openrouter/openai/gpt-4o text-embedding-3-small
gemini-embedding-001 anthropic.claude-sonnet-4-5-20250929-v1:0 us.anthropic.claude-sonnet-4-5-20250929-v1:0
vertex_ai/gemini-2.5-pro perplexity/sonar-pro
""".split()
STRANGE = """
github_copilot/gpt-4o models/github_copilot/gpt-4o GitHub_Copilot/gpt-4o chatgpt/gpt-5 models/chatgpt/gpt-5
huggingface/meta-llama/Llama-3 models/huggingface/x ollama/llama3 ollama/none-such ollama_chat/none-such
bedrock/none-such bedrock/us-east-1/none-such azure/none-such azure/mistral-large azure_ai/model-router sagemaker/x
sagemaker/meta-textgeneration-llama-2-7b replicate/meta/llama-2-70b replicate/none/such vertex_ai/none-such
litellm_proxy/gpt-4o openai/github_copilot/gpt-4o nobody/gpt-4o none-such dall-e-3 whisper-1 tts-1
cohere/rerank-english-v3.0 rerank-english-v3.0 ft:gpt-4o:org::id ft:none-such:org::id lemonade/x sample_spec
fallback_generalizations ../../etc/passwd http://127.0.0.1:9/x azure/http://127.0.0.1:9/x hosted_vllm/x lm_studio/x
watsonx/none-such databricks/none-such mistral/mistral-ocr-latest perplexity/none-such together_ai/none-such-7b
gpt-4o/ /gpt-4o gpt-4o:free GPT-4O {model} %s $(id) 'x' None true 0
""".split()
"""Models whose sellers would log in, fetch or dial, models that the map prices by other units, and unknown models."""
_LISTED = sorted(price_map.shipped().load())
"""Every model of the price map, many of which are not sold by the token."""
PROVIDERS = """
openai azure anthropic bedrock vertex_ai gemini github_copilot GITHUB_COPILOT chatgpt huggingface ollama sagemaker
replicate nobody litellm_proxy custom_openai text-completion-openai
""".split()
TEXTS = [
    "", " ", "\x00", "\x1b[2J\x1b]0;x\x07", "\ud800", "\udcff\ud83d", "a\nb\r\nc", "\u2028\u2029\x85\x1c", "\u202e",
    "é" * 300, "x" * 3_000, "y\n" * 900, "1", "-1", "1e3", "NaN", "null", "batch", "priority", "FLEX", "fast", "us",
    "error", "message", "response.done", "message_start", "assistant", "token_count", "succeeded", "AUDIO", "1h", "💰",
    "data: {}", "<script>", "' OR 1=1 --",
]  # fmt: skip
COUNTS = [
    0, 1, 7, 1_000, 200_001, 272_000, 10**12, 10**12 + 1, 2**63, 2**64, 10**30, -1, -(10**12), 1.0, 0.5, -0.0, 1e3,
    1e300, float("nan"), float("inf"), float("-inf"), True, False, "5", "five", None, [5], {"value": 5}, [],
]  # fmt: skip
RAW = ["1e999", "-1e999", "-0", "9" * 5_000, "0.1e-999", "1" + "0" * 30 + ".5", "Infinity", "[" * 500 + "]" * 500]
"""Values as no dump writes them, which are put into the text in the place of `MARK`."""
MARK = "\ue000"


class Case(NamedTuple):
    """A case: the content of a file, and the options that are given with it."""

    content: bytes
    model: str | None = None
    provider: str | None = None
    sent: str | None = None


def case(seed: int, number: int) -> Case:
    """The case of that number, of the many that a seed stands for."""
    rng = random.Random(f"{seed}/{number}")
    text = _stream(rng) if rng.random() < 0.35 else _body(rng)
    model = rng.choice(KNOWN) if rng.random() < 0.6 else None
    if rng.random() < 0.04:
        model = rng.choice([*STRANGE, *TEXTS, *_LISTED])
    provider = rng.choice(PROVIDERS) if rng.random() < 0.08 else None
    sent = rng.choice(["Hello", "", "\ud800"]) if rng.random() < 0.02 else None
    return Case(_encoded(rng, text), model, provider, sent)


# Values


_KEYS = sorted({key for body in BODIES + STREAMS for key in re.findall(r'"(\w+)": ', json.dumps(body))})
"""The names of all fields in any format."""


def _places(value: Any) -> list[tuple[Any, Any]]:
    """All containers in a document, each with each of its keys."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [(value, key) for key, _ in inside]
    return found + [place for container, key in found for place in _places(container[key])]


def _hostile(rng: random.Random) -> Any:
    kind = rng.randrange(8)
    if kind < 4:
        return copy.deepcopy(rng.choice(COUNTS)) if rng.random() < 0.5 else rng.randrange(3_000)
    if kind < 6:
        return rng.choice(TEXTS)
    if kind == 6:
        return copy.deepcopy(rng.choice(BODIES))
    nested: Any = copy.deepcopy(rng.choice(COUNTS))
    for _ in range(rng.choice([1, 5, 60])):
        nested = [nested] if rng.random() < 0.5 else {rng.choice(_KEYS): nested}
    return nested


def _replace(rng: random.Random, container: Any, key: Any) -> None:
    container[key] = _hostile(rng)


def _recount(rng: random.Random, container: Any, key: Any) -> None:
    numbers = [name for name, value in _items(container) if type(value) is int] or [key]
    container[rng.choice(numbers)] = _hostile(rng) if rng.random() < 0.3 else rng.randrange(400_000)


def _remove(rng: random.Random, container: Any, key: Any) -> None:
    del container[key]


def _rename(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[rng.choice(_KEYS)] = container.pop(key)


def _add(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[rng.choice([*_KEYS, "", "\x00", MARK, "cost", "type", "error"])] = _hostile(rng)


def _graft(rng: random.Random, container: Any, key: Any) -> None:
    """Put a part of another body, of any format, beside the value at a place, or instead of it."""
    other, name = rng.choice(_places(rng.choice(BODIES)))
    container[name if isinstance(container, dict) else key] = copy.deepcopy(other[name])


def _bill(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[rng.choice(["cost", "cost_in_usd_ticks", "response_cost", "spend"])] = rng.choice(
            [0, 0.5, _hostile(rng)]
        )


def _search(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container["server_tool_use"] = {"web_search_requests": rng.choice([1, 7])}
        container["service_tier"] = rng.choice(["batch", "flex", "priority", "none-such"])


def _write_raw(rng: random.Random, container: Any, key: Any) -> None:
    container[key] = MARK


_CHANGES: list[Callable[[random.Random, Any, Any], None]] = [
    _replace, _recount, _recount, _recount, _recount, _recount, _remove, _rename, _add, _add, _graft, _graft, _bill,
    _search, _write_raw,
]  # fmt: skip


def _items(container: Any) -> list[tuple[Any, Any]]:
    return list(container.items() if isinstance(container, dict) else enumerate(container))


def _changed(rng: random.Random, document: Any) -> Any:
    """A copy with a few changes; one in ten is left as it is."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3, 4, 6, 9])):
        found = _places(document)
        if found:
            rng.choice(_CHANGES)(rng, *rng.choice(found))
    return document


def _named(rng: random.Random, document: Any) -> Any:
    """The document with the name of another model, where it has one."""
    named = [place for place in _places(document) if place[1] in {"model", "modelVersion", "gen_ai.request.model"}]
    if named:
        name = rng.choice(KNOWN if rng.random() < 0.7 else rng.choice([STRANGE, STRANGE, TEXTS, _LISTED]))
        for container, key in named:
            container[key] = name
    elif isinstance(document, dict):
        document["model"] = rng.choice(KNOWN)
    return document


# Documents


def _body(rng: random.Random) -> str:
    body = _changed(rng, rng.choice(BODIES))
    if rng.random() < 0.6:
        body = _named(rng, body)
    frame = rng.random()
    if frame < 0.03:
        body = [body] * rng.choice([1, 2, 50])
    elif frame < 0.06:
        body = {rng.choice(["response", "message", "body", "result", "usage", "payload"]): body, "custom_id": "c"}
    text = _dumped(rng, body)
    if rng.random() < 0.03:
        depth = rng.choice([50, 900, 3_000, 100_000])
        text = '{"usage": ' * depth + text + "}" * depth
    return text


def _stream(rng: random.Random) -> str:
    events = copy.deepcopy(rng.choice(STREAMS))
    if rng.random() < 0.6:
        events = _named(rng, events)
    if rng.random() < 0.6:
        events = _changed(rng, events)
    match rng.randrange(8):
        case 0:
            events = events[: rng.randrange(len(events) + 1)]
        case 1:
            events = events + copy.deepcopy(rng.choice(STREAMS))
        case 2:
            events = _interleaved(rng, events, _changed(rng, rng.choice(STREAMS)))
        case 3:
            rng.shuffle(events)
        case 4:
            events = [event for event in events for _ in range(rng.choice([0, 1, 1, 40]))]
    lines = [_dumped(rng, event) for event in events]
    match rng.randrange(4):
        case 0:
            return "[" + ",".join(lines) + "]"
        case 1:
            return "\n".join(lines)
    end = rng.choice(["\n\n", "\n\n", "\r\n\r\n", "\n", "\r"])
    start = rng.choice(["data: ", "data:", "event: x\ndata: ", "id: \x00\ndata: ", ": \ndata: "])
    return "".join(f"{start}{line}{end}" for line in lines) + rng.choice(["", "data: [DONE]\n\n", "data: ", "data"])


def _interleaved(rng: random.Random, one: list[Any], other: list[Any]) -> list[Any]:
    merged = list(one)
    for event in other:
        merged.insert(rng.randrange(len(merged) + 1), event)
    return merged


# Text and bytes


def _dumped(rng: random.Random, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=rng.random() < 0.7)
    while f'"{MARK}"' in text or '"\\ue000"' in text:
        text = text.replace(f'"{MARK}"', rng.choice(RAW), 1).replace('"\\ue000"', rng.choice(RAW), 1)
    return text


def _encoded(rng: random.Random, text: str) -> bytes:
    chance = rng.random()
    if chance < 0.08:
        text = text[: rng.randrange(len(text) + 1)]
    elif chance < 0.14:
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["\n", "}", "\x00", ",", '"', "data: ", "[1]", "\ufeff"]) + text[at:]
    elif chance < 0.16:
        text += text
    elif chance < 0.18:
        return text.encode("utf-16", errors="replace")
    elif chance < 0.20:
        return text.encode("latin-1", errors="replace") + b"\xff\xfe"
    return text.encode("utf-8", errors="surrogatepass" if chance > 0.98 else "replace")
