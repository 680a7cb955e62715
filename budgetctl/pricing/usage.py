"""What a provider's response says was consumed, read into disjoint counts of tokens.

OpenAI counts cached tokens inside the input, Anthropic beside it, and both count reasoning inside the
output; a `Usage` holds each token once, so that each is priced once. Pure functions over parsed JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from budgetctl.errors import InvalidResponseError
from budgetctl.models import Usage

_Counts = Mapping[str, Any]
"""Numbers of tokens by the field of `Usage` that holds them."""

MAX_TOKENS = 10**12
"""More than any response has: it keeps nonsense out of the arithmetic of prices."""


class _Format(NamedTuple):
    """One shape of response: how it is told apart, and what its usage says, by field of `Usage`."""

    looked_for: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], _Counts]


def read_document(text: str) -> Mapping[str, Any]:
    """Parse the text of one saved response.

    Raises `InvalidResponseError` for anything that is not a single JSON object.
    """
    if not text.strip("\ufeff \t\r\n"):
        raise InvalidResponseError("the response is empty", hint="save the provider's whole JSON body")
    try:
        document = json.loads(text.lstrip("\ufeff"), parse_constant=_refuse_constant)
    except InvalidResponseError:
        raise
    except RecursionError:
        raise InvalidResponseError("the response is nested too deeply to be a provider's answer") from None
    except ValueError as error:
        raise InvalidResponseError(
            f"the response is not JSON: {error}", hint="save the provider's whole JSON body"
        ) from None
    if not isinstance(document, dict):
        raise InvalidResponseError(f"the response is JSON, but {_kind(document)} and not an object")
    return document


def read_usage(body: Mapping[str, Any], *, model: str | None = None, provider: str | None = None) -> Usage:
    """Read the usage of a response body, whose format is found by its shape.

    Understands OpenAI Chat Completions (and compatible servers, and litellm's dumped `ModelResponse`),
    OpenAI Embeddings, OpenAI Responses and Anthropic Messages. `model` replaces the model that the body
    names; `provider` is litellm's word for who served it. Raises `InvalidResponseError` for a body of
    unknown shape, without usage or without a model, and for counts that contradict each other.
    """
    usage = body.get("usage")
    if not isinstance(usage, Mapping):
        _refuse_without_usage(body)
    for form in _FORMATS:
        if form.matches(body):
            counts = form.read(body)
            break
    else:
        _refuse_unknown()
    return Usage(
        model=_model(body, model),
        provider=provider or None,
        request_id=_text(body.get("id")),
        created=_text(body.get("created", body.get("created_at"))),
        service_tier=_word(body.get("service_tier")) or _word(usage.get("service_tier")),
        inference_geo=_word(usage.get("inference_geo")),
        speed=_word(usage.get("speed")),
        **counts,
    )


# One function per format


def _read_chat(body: Mapping[str, Any]) -> _Counts:
    """Read Chat Completions and Embeddings: cached tokens, reasoning and audio are inside the totals.

    https://platform.openai.com/docs/api-reference/chat/object. DeepSeek's and litellm's own names for what
    was cached repeat the same tokens, and any of them may be left at 0.
    """
    usage = body["usage"]
    details = _section(usage, "prompt_tokens_details")
    cached = max(
        _count(details, "cached_tokens"),
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "prompt_cache_hit_tokens"),
    )
    written = max(
        _count(details, "cache_write_tokens"),
        _count(details, "cache_creation_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    durations = _section(details, "cache_creation_token_details")
    searches = _count(_section(usage, "server_tool_use"), "web_search_requests")
    return {
        **_split_input(usage, "prompt_tokens", details, cached, _split_writes(written, durations)),
        **_split_output("completion_tokens", _completion(usage), _section(usage, "completion_tokens_details")),
        "web_searches": searches or _cites_the_web(body),
    }


def _read_responses(body: Mapping[str, Any]) -> _Counts:
    """Read OpenAI Responses: as Chat Completions, under other names.

    https://platform.openai.com/docs/api-reference/responses/object
    """
    usage = body["usage"]
    details = _section(usage, "input_tokens_details")
    written = _split_writes(_count(details, "cache_write_tokens"), {})
    return {
        **_split_input(usage, "input_tokens", details, _count(details, "cached_tokens"), written),
        **_split_output("output_tokens", _count(usage, "output_tokens"), _section(usage, "output_tokens_details")),
        "web_searches": sum(item.get("type") == "web_search_call" for item in _items(body.get("output"))),
    }


def _read_anthropic(body: Mapping[str, Any]) -> _Counts:
    """Read Anthropic Messages: input_tokens excludes what was read from and written to the cache.

    With compaction the answer took several iterations, and only their sum is what was billed.
    https://docs.anthropic.com/en/api/messages, https://docs.anthropic.com/en/docs/build-with-claude/compaction
    """
    usage = body["usage"]
    counts: Counter[str] = Counter()
    for run in _items(usage.get("iterations")) or [usage]:
        counts.update(_read_anthropic_run(run))
    counts["web_searches"] = _count(_section(usage, "server_tool_use"), "web_search_requests")
    return counts


def _read_anthropic_run(usage: Mapping[str, Any]) -> _Counts:
    output = _count(usage, "output_tokens")
    thinking = _count(_section(usage, "output_tokens_details"), "thinking_tokens")
    if thinking > output:
        _refuse_impossible({"thinking_tokens": thinking}, "output_tokens", output)
    return {
        "uncached_input": _count(usage, "input_tokens"),
        "cache_read": _count(usage, "cache_read_input_tokens"),
        **_split_writes(_count(usage, "cache_creation_input_tokens"), _section(usage, "cache_creation")),
        "text_output": output - thinking,
        "reasoning": thinking,
    }


def _is_chat(body: Mapping[str, Any]) -> bool:
    return body["usage"].get("prompt_tokens") is not None


def _is_anthropic(body: Mapping[str, Any]) -> bool:
    usage = body["usage"]
    names = ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use")
    return _is_responses(body) and (body.get("type") == "message" or any(name in usage for name in names))


def _is_responses(body: Mapping[str, Any]) -> bool:
    return body["usage"].get("input_tokens") is not None


_FORMATS = (
    _Format("usage.prompt_tokens (OpenAI Chat Completions and Embeddings, litellm)", _is_chat, _read_chat),
    _Format("usage.input_tokens with cache_read_input_tokens (Anthropic)", _is_anthropic, _read_anthropic),
    _Format("usage.input_tokens (OpenAI Responses)", _is_responses, _read_responses),
)
"""In the order in which they are tried. Without cache counts, Anthropic's usage reads as OpenAI's does."""


# Totals into disjoint parts


def _split_input(
    usage: Mapping[str, Any], name: str, details: Mapping[str, Any], cached: int, writes: _Counts
) -> _Counts:
    total = _count(usage, name)
    written = sum(writes.values())
    if cached + written > total:
        _refuse_impossible({"cached_tokens": cached, "cache_write_tokens": written}, name, total)
    audio = _count(details, "audio_tokens")
    image = _count(details, "image_tokens")
    if audio + image > total:
        _refuse_impossible({"audio_tokens": audio, "image_tokens": image}, name, total)
    # Audio and images may have been read from the cache, and are then billed as that.
    uncached = total - cached - written
    audio = min(audio, uncached)
    image = min(image, uncached - audio)
    return {
        "uncached_input": uncached - audio - image,
        "cache_read": cached,
        "audio_input": audio,
        "image_input": image,
        **writes,
    }


def _split_writes(written: int, durations: Mapping[str, Any]) -> _Counts:
    """Split the tokens written to the cache by how long they stay: 5 minutes, where it is not said."""
    short = _count(durations, "ephemeral_5m_input_tokens")
    long = _count(durations, "ephemeral_1h_input_tokens")
    if written and short + long > written:
        parts = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
        _refuse_impossible(parts, "cache_creation_input_tokens", written)
    return {"cache_write_5m": written - long if written else short, "cache_write_1h": long}


def _split_output(name: str, total: int, details: Mapping[str, Any]) -> _Counts:
    reasoning = _count(details, "reasoning_tokens")
    audio = _count(details, "audio_tokens")
    image = _count(details, "image_tokens")
    if reasoning + audio + image > total:
        parts = {"reasoning_tokens": reasoning, "audio_tokens": audio, "image_tokens": image}
        _refuse_impossible(parts, name, total)
    return {
        "text_output": total - reasoning - audio - image,
        "reasoning": reasoning,
        "audio_output": audio,
        "image_output": image,
    }


def _completion(usage: Mapping[str, Any]) -> int:
    """The whole output. xAI counts reasoning beside completion_tokens, and its total_tokens says so."""
    completion = _count(usage, "completion_tokens")
    reasoning = _count(_section(usage, "completion_tokens_details"), "reasoning_tokens")
    if reasoning:
        together = completion + reasoning
        if _count(usage, "total_tokens") == _count(usage, "prompt_tokens") + together:
            return together
    return completion


# Reading and checking values


def _count(section: Mapping[str, Any], name: str) -> int:
    """The number of tokens of that name; 0 where there is none."""
    value = section.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        raise InvalidResponseError(f"{name} is {shown(value)}, which is not a possible number of tokens")
    return value


def _section(section: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = section.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidResponseError(f"{name} is {_kind(value)}, which holds no numbers of tokens")
    return value


def _refuse_impossible(parts: Mapping[str, int], total_name: str, total: int) -> NoReturn:
    given = " and ".join(f"{name} is {value}" for name, value in parts.items() if value)
    raise InvalidResponseError(f"impossible usage: {given}, but {total_name}, which includes that, is {total}")


def _model(body: Mapping[str, Any], given: str | None) -> str:
    name = given or body.get("model")
    if name is None or name == "":
        raise InvalidResponseError("the response does not say which model answered", hint="name it with --model")
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        raise InvalidResponseError(f"{shown(name)} is not the name of a model", hint="name it with --model")
    return name


def _text(value: Any) -> str | None:
    """An identifier or a time as text, whichever type the provider gives it."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        return None
    text = value if isinstance(value, str) else shown(value)
    if not text.isprintable():
        raise InvalidResponseError(f"{shown(text)} is neither an id nor a time")
    return text


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _cites_the_web(body: Mapping[str, Any]) -> int:
    """1 if a chat answer searched the web: it cites pages, but never says how often it searched."""
    return int(
        any(
            annotation.get("type") == "url_citation"
            for choice in _items(body.get("choices"))
            for message in _items([choice.get("message")])
            for annotation in _items(message.get("annotations"))
        )
    )


def _refuse_without_usage(body: Mapping[str, Any]) -> NoReturn:
    error = body.get("error")
    if error:
        detail = error.get("message") if isinstance(error, Mapping) else error
        raise InvalidResponseError(
            f"the provider answered with an error, which carries no usage: {shown(detail or error)}"
        )
    if "usage" in body:
        raise InvalidResponseError(
            f"the response has no usage: {_kind(body['usage'])} stands in its place",
            hint="ask for it, when streaming, with stream_options.include_usage",
        )
    _refuse_unknown()


def _refuse_unknown() -> NoReturn:
    looked_for = "; ".join(form.looked_for for form in _FORMATS)
    raise InvalidResponseError(
        f"the response is of no known shape: looked for {looked_for}",
        hint="save the provider's whole JSON body, or give the tokens or the cost yourself",
    )


def _refuse_constant(constant: str) -> NoReturn:
    raise InvalidResponseError(f"the response is not JSON: {constant} is not a JSON number")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "something else")


def shown(value: Any) -> str:
    """Any value as one short line for an error."""
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of too many digits"
    except TypeError:
        text = repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}…"
