"""The bodies that providers answer with: how each is told apart, and what its usage says.

OpenAI and Gemini count cached tokens inside the input, Anthropic and Bedrock beside it. One small function per
format, in the order in which they are tried; each gives a `Usage`, whose model is not checked yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from budgetctl.errors import InvalidResponseError
from budgetctl.models import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.counts import (
    Input,
    Output,
    billed,
    count,
    is_object,
    items,
    kind,
    largest,
    part,
    refuse_impossible,
    section,
    shown,
    split_input,
    split_output,
    split_writes,
    text,
    without,
    word,
)
from budgetctl.pricing.gemini import is_gemini, read_gemini


class Format(NamedTuple):
    """One shape of response: what is looked for, whether it is there, and what it says was used."""

    looked_for: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], Usage]


def read_body(body: Mapping[str, Any]) -> Usage:
    """Read a body as a provider answers with, without anything around it. Raises `InvalidResponseError`."""
    form = next((form for form in BODIES if form.matches(body)), None)
    return form.read(body) if form else refuse(body, BODIES)


def refuse(body: Mapping[str, Any], formats: tuple[Format, ...]) -> NoReturn:
    """Say why a body is of none of these formats."""
    error = body.get("error")
    if error:
        raise InvalidResponseError(f"the provider answered with an error, which carries no usage: {error_text(error)}")
    _refuse_other_units(body)
    if "usage" in body and not is_object(body["usage"]):
        raise InvalidResponseError(
            f"the response has no usage: {kind(body['usage'])} stands in its place",
            hint="ask for it, when streaming, with stream_options.include_usage",
        )
    raise InvalidResponseError(
        f"the response is of no known shape: looked for {'; '.join(form.looked_for for form in formats)}",
        hint="save the provider's whole JSON body, or give the tokens or the cost yourself",
    )


def error_text(error: Any) -> str:
    """What an error of a provider says, in whichever depth it says it."""
    detail = error.get("message") if is_object(error) else error
    if not detail and is_object(error.get("error")):
        detail = error["error"].get("message")
    return shown(detail or error)


def _refuse_other_units(body: Mapping[str, Any]) -> None:
    """Refuse what is billed by the page, the search or the second, which no count of tokens can stand for."""
    units = {
        "usage_info.pages_processed": part(body, "usage_info").get("pages_processed"),
        "billed_units.search_units": _billed_units(body).get("search_units"),
        "usage.seconds": part(body, "usage").get("seconds"),
    }
    for name, value in units.items():
        if value is not None:
            raise InvalidResponseError(
                f"the response is not billed by tokens: {name} is {shown(value)}", hint="give the cost yourself"
            )


_NO_OTHERS = (0, 0, 0, 0, 0)
_TERMS = frozenset({"service_tier", "inference_geo", "speed", "cost", "cost_in_usd_ticks"})


def _source(body: Mapping[str, Any]) -> tuple[Any, None, str | None, str | None]:
    """Which answer it is: what `Usage` has before the counts."""
    created = body.get("created")
    return body.get("model"), None, text(body.get("id")), text(body.get("created_at") if created is None else created)


def _terms(
    body: Mapping[str, Any], usage: Mapping[str, Any]
) -> tuple[str | None, str | None, str | None, Picodollars | None]:
    """On which terms it was answered: what `Usage` has after the counts."""
    tier = word(body.get("service_tier"))
    if _TERMS.isdisjoint(usage):
        return tier, None, None, None
    tier = tier or word(usage.get("service_tier"))
    return tier, word(usage.get("inference_geo")), word(usage.get("speed")), billed(usage)


# OpenAI, and what is compatible


def _is_chat(body: Mapping[str, Any]) -> bool:
    usage = body.get("usage")
    return is_object(usage) and usage.get("prompt_tokens") is not None


_CACHED = ("cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens")
_CACHE_OUTSIDE_DETAILS = frozenset({*_CACHED, "cache_creation_input_tokens"})
_WRITES_IN_DETAILS = frozenset({*_WRITTEN, "cache_creation_token_details"})


def read_chat(body: Mapping[str, Any]) -> Usage:
    """Read Chat Completions and Embeddings: cached tokens, reasoning and audio are inside the totals.

    https://platform.openai.com/docs/api-reference/chat/object. DeepSeek's, Moonshot's and litellm's own names
    for what was cached repeat the same tokens, and any of them may be left at 0.
    """
    usage = body["usage"]
    details = section(usage, "prompt_tokens_details")
    made = section(usage, "completion_tokens_details")
    prompt, completion = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    cached, writes = count(details, "cached_tokens"), (0, 0)
    if not _CACHE_OUTSIDE_DETAILS.isdisjoint(usage):
        cached = max(cached, largest(usage, _CACHED))
        writes = count(usage, "cache_creation_input_tokens"), 0
    if not _WRITES_IN_DETAILS.isdisjoint(details):
        written = max(writes[0], largest(details, _WRITTEN))
        writes = split_writes(written, section(details, "cache_creation_token_details"))
    reasoning = count(made, "reasoning_tokens")
    if reasoning and count(usage, "total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # xAI counts it beside completion_tokens
    return Usage(
        *_source(body),
        *_split_input("prompt_tokens", prompt, details, cached, writes),
        *_split_output("completion_tokens", completion, made, reasoning),
        0,
        0,
        _searches(usage) or _cites_the_web(body),
        *_NO_OTHERS,
        *_terms(body, usage),
    )


def _cites_the_web(body: Mapping[str, Any]) -> int:
    """1 if a chat answer searched the web: it cites pages, but never says how often it searched."""
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if is_object(choice) else None
        notes = message.get("annotations") if is_object(message) else None
        if notes and any(note.get("type") == "url_citation" for note in items(notes)):
            return 1
    return 0


def _is_responses(body: Mapping[str, Any]) -> bool:
    usage = body.get("usage")
    return is_object(usage) and usage.get("input_tokens") is not None


def read_responses(body: Mapping[str, Any]) -> Usage:
    """Read OpenAI Responses: as Chat Completions, under other names. Realtime says `input_token_details`.

    https://platform.openai.com/docs/api-reference/responses/object,
    https://platform.openai.com/docs/api-reference/realtime-server-events/response/done
    """
    usage = body["usage"]
    details = section(usage, "input_tokens_details") or section(usage, "input_token_details")
    made = section(usage, "output_tokens_details") or section(usage, "output_token_details")
    cached, written = count(details, "cached_tokens"), count(details, "cache_write_tokens")
    searches = 0
    for item in items(body.get("output")):
        if item.get("type") == "web_search_call":
            searches += 1
    return Usage(
        *_source(body),
        *_split_input("input_tokens", count(usage, "input_tokens"), details, cached, (written, 0)),
        *_split_output("output_tokens", count(usage, "output_tokens"), made, count(made, "reasoning_tokens")),
        0,
        0,
        searches,
        *_NO_OTHERS,
        *_terms(body, usage),
    )


def _split_input(name: str, total: int, details: Mapping[str, Any], cached: int, writes: tuple[int, int]) -> Input:
    if not details:
        return split_input(name, total, cached, writes)
    audio, image = count(details, "audio_tokens"), count(details, "image_tokens")
    of_cache = section(details, "cached_tokens_details")
    if of_cache:
        given = "cached_tokens_details.{}_tokens"
        audio = without("audio_tokens", audio, given.format("audio"), count(of_cache, "audio_tokens"))
        image = without("image_tokens", image, given.format("image"), count(of_cache, "image_tokens"))
    return split_input(name, total, cached, writes, audio=audio, image=image)


def _split_output(name: str, total: int, details: Mapping[str, Any], reasoning: int) -> Output:
    return split_output(name, total, reasoning, count(details, "audio_tokens"), count(details, "image_tokens"))


def _searches(usage: Mapping[str, Any]) -> int:
    if usage.get("server_tool_use") is None:
        return 0
    return count(section(usage, "server_tool_use"), "web_search_requests")


# Anthropic, and Bedrock, which follows it


_OF_ANTHROPIC = frozenset(
    {"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use"}
)


def _is_anthropic(body: Mapping[str, Any]) -> bool:
    if not _is_responses(body):
        return False
    return body.get("type") == "message" or not _OF_ANTHROPIC.isdisjoint(body["usage"])


def read_anthropic(body: Mapping[str, Any]) -> Usage:
    """Read Anthropic Messages: input_tokens excludes what was read from and written to the cache.

    With compaction the answer took several iterations, and only their sum is what was billed.
    https://docs.anthropic.com/en/api/messages, https://docs.anthropic.com/en/docs/build-with-claude/compaction
    """
    usage = body["usage"]
    runs = items(usage.get("iterations"))
    uncached, read, short, long, answer, thinking = (
        map(sum, zip(*map(_read_anthropic_run, runs), strict=True)) if runs else _read_anthropic_run(usage)
    )
    return Usage(
        *_source(body),
        *(uncached, read, short, long, 0, 0, 0, 0, 0, 0, 0),
        *(answer, thinking, 0, 0, 0),
        0,
        0,
        _searches(usage),
        *_NO_OTHERS,
        *_terms(body, usage),
    )


def _read_anthropic_run(usage: Mapping[str, Any]) -> tuple[int, int, int, int, int, int]:
    """What was uncached, read and written to the cache for 5 minutes and an hour; the answer, and the thinking."""
    output = count(usage, "output_tokens")
    thinking = count(section(usage, "output_tokens_details"), "thinking_tokens")
    if thinking > output:
        refuse_impossible({"thinking_tokens": thinking}, "output_tokens", output)
    short, long = split_writes(count(usage, "cache_creation_input_tokens"), section(usage, "cache_creation"))
    uncached, read = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    return uncached, read, short, long, output - thinking, thinking


def _is_converse(body: Mapping[str, Any]) -> bool:
    usage = body.get("usage")
    return is_object(usage) and usage.get("inputTokens") is not None


def read_converse(body: Mapping[str, Any]) -> Usage:
    """Read Bedrock Converse: cached tokens are beside the input, as at Anthropic, and no model is named.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    usage = body["usage"]
    written = count(usage, "cacheWriteInputTokens")
    kept = items(usage.get("cacheDetails"))
    long = sum(count(item, "inputTokens") for item in kept if item.get("ttl") == "1h")
    if long > written:
        refuse_impossible({"cacheDetails for 1h": long}, "cacheWriteInputTokens", written)
    return Usage(
        model=body.get("model"),
        request_id=text(part(body, "ResponseMetadata").get("RequestId")),
        service_tier=word(part(body, "serviceTier").get("type")),
        uncached_input=count(usage, "inputTokens"),
        cache_read=count(usage, "cacheReadInputTokens"),
        cache_write_5m=written - long,
        cache_write_1h=long,
        text_output=count(usage, "outputTokens"),
    )


# Cohere


def _billed_units(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(body, "usage", "billed_units") or part(body, "meta", "billed_units")


def _is_cohere(body: Mapping[str, Any]) -> bool:
    units = _billed_units(body)
    return units.get("input_tokens") is not None or units.get("output_tokens") is not None


def read_cohere(body: Mapping[str, Any]) -> Usage:
    """Read Cohere's chat and embeddings by what is billed, which is less than what the model read.

    https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/embed: images beside the input.
    """
    units = _billed_units(body)
    return Usage(
        model=body.get("model"),
        request_id=text(body.get("id")),
        uncached_input=count(units, "input_tokens"),
        image_input=count(units, "image_tokens"),
        text_output=count(units, "output_tokens"),
    )


BODIES = (
    Format(
        "usage.prompt_tokens (OpenAI Chat Completions and Embeddings, compatible servers, litellm)", _is_chat, read_chat
    ),
    Format("usage.input_tokens with cache_read_input_tokens (Anthropic Messages)", _is_anthropic, read_anthropic),
    Format("usage.input_tokens (OpenAI Responses)", _is_responses, read_responses),
    Format("usageMetadata (Gemini generateContent)", is_gemini, read_gemini),
    Format("usage.inputTokens (Bedrock Converse)", _is_converse, read_converse),
    Format("billed_units.input_tokens (Cohere)", _is_cohere, read_cohere),
)
"""In the order in which they are tried. Without cache counts, Anthropic's usage reads as OpenAI's does."""
