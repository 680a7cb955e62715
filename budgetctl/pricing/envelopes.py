"""What is kept around a body, or instead of one: batches, logs of litellm, spans, sessions of coding agents.

Each function gives a `Usage`, as those of `formats` do for bare bodies.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.models import Usage
from budgetctl.pricing.counts import (
    count,
    dollars,
    is_object,
    items,
    part,
    refuse_impossible,
    shown,
    split_input,
    split_output,
    text,
    word,
)
from budgetctl.pricing.formats import Format, error_text, read_body, read_chat

# Batches: half the price, which the tier says


def _is_openai_batch(body: Mapping[str, Any]) -> bool:
    return "custom_id" in body and ("response" in body or "error" in body)


def read_openai_batch(body: Mapping[str, Any]) -> Usage:
    """Read a line of an OpenAI Batch's output: https://platform.openai.com/docs/api-reference/batch/request-output."""
    answer = part(body, "response", "body")
    error = body.get("error") or answer.get("error")
    if error:
        raise _failed(body, error_text(error))
    return _batched(body, answer)


def _is_anthropic_batch(body: Mapping[str, Any]) -> bool:
    return "custom_id" in body and is_object(body.get("result"))


def read_anthropic_batch(body: Mapping[str, Any]) -> Usage:
    """Read a line of Anthropic's batch results: https://docs.anthropic.com/en/api/retrieving-message-batch-results."""
    result = part(body, "result")
    if result.get("type") != "succeeded":
        why = f"it is {shown(result.get('type'))}"
        raise _failed(body, f"{why}: {error_text(result['error'])}" if result.get("error") else why)
    return _batched(body, part(result, "message"))


def _batched(line: Mapping[str, Any], answer: Mapping[str, Any]) -> Usage:
    usage = read_body(answer)
    given = text(line.get("id")) or text(line.get("custom_id"))
    return usage._replace(request_id=usage.request_id or given, service_tier="batch")


def _failed(line: Mapping[str, Any], why: str) -> InvalidResponseError:
    return InvalidResponseError(f"request {shown(line.get('custom_id'))} of the batch was not answered: {why}")


# OpenAI Realtime


def _is_realtime(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "response.done" and is_object(body.get("response"))


def read_realtime(body: Mapping[str, Any]) -> Usage:
    """Read a `response.done` event; it seldom names the model, which the session knows.

    https://platform.openai.com/docs/api-reference/realtime-server-events/response/done
    """
    usage = read_body(part(body, "response"))
    return usage if usage.model else usage._replace(model=body.get("model"))


# litellm's logs


def _is_litellm_log(body: Mapping[str, Any]) -> bool:
    return body.get("prompt_tokens") is not None and ("response_cost" in body or "spend" in body)


def read_litellm_log(body: Mapping[str, Any]) -> Usage:
    """Read a StandardLoggingPayload, or a row of the proxy's SpendLogs, with the cost that litellm recorded.

    https://docs.litellm.ai/docs/proxy/logging_spec. A cost of 0 counts only for what litellm's own cache
    answered: it also records 0 for what it could not price.
    """
    if body.get("status") == "failure":
        error = word(body.get("error_str")) or part(body, "error_information").get("error_message")
        raise InvalidResponseError(f"the call that was logged failed: {shown(error or 'no reason is given')}")
    name = "response_cost" if "response_cost" in body else "spend"
    cost = dollars(name, body.get(name))
    from_cache = str(body.get("cache_hit")).lower() == "true"
    usage = part(_metadata(body), "usage_object")
    return read_chat({"usage": usage if usage.get("prompt_tokens") is not None else body})._replace(
        model=body.get("model"),
        provider=word(body.get("custom_llm_provider")),
        request_id=text(body.get("request_id")) or text(body.get("id")),
        created=text(body.get("startTime")),
        cost=cost if cost or from_cache else None,
    )


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata of a log, which the proxy's database holds as text."""
    metadata = body.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            return {}
    return metadata if is_object(metadata) else {}


# OpenTelemetry

_OTEL_PROVIDERS = {
    "anthropic": "anthropic",
    "aws.bedrock": "bedrock",
    "azure.ai.inference": "azure_ai",
    "azure.ai.openai": "azure",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gcp.gemini": "gemini",
    "gcp.vertex_ai": "vertex_ai",
    "groq": "groq",
    "mistral_ai": "mistral",
    "openai": "openai",
    "perplexity": "perplexity",
    "x_ai": "xai",
}
"""litellm's words for the providers that the conventions name."""

_OTEL_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OTEL_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_OTEL_INPUT_PARTS = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "audio",
    "images",
)
_OTEL_REASONING = "gen_ai.usage.reasoning.output_tokens"


def _is_span(body: Mapping[str, Any]) -> bool:
    names = (*_OTEL_INPUT, *_OTEL_OUTPUT)
    if any(name in body for name in names):
        return True
    attributes = body.get("attributes")
    if is_object(attributes):
        return any(name in attributes for name in names)
    return any(item.get("key") in names for item in items(attributes))


def read_span(body: Mapping[str, Any]) -> Usage:
    """Read a span of the GenAI conventions; its attributes are flat, an object, or a list of key and value.

    https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. What was cached is inside the input.
    """
    said = _attributes(body)
    input_name, output_name = (
        next((name for name in names if name in said), names[0]) for names in (_OTEL_INPUT, _OTEL_OUTPUT)
    )
    system = said.get("gen_ai.provider.name") or said.get("gen_ai.system")
    cached, written = (count(said, name) for name in _OTEL_INPUT_PARTS[:2])
    total_input, total_output = count(said, input_name), count(said, output_name)
    reasoning = count(said, _OTEL_REASONING)
    return Usage(
        said.get("gen_ai.response.model") or said.get("gen_ai.request.model"),
        _OTEL_PROVIDERS.get(system) if isinstance(system, str) else None,
        text(said.get("gen_ai.response.id")),
        None,
        *split_input(input_name, total_input, cached, (written, 0), names=_OTEL_INPUT_PARTS),
        *split_output(output_name, total_output, reasoning, names=(_OTEL_REASONING, "audio", "images")),
    )


def _attributes(span: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = span.get("attributes")
    if is_object(attributes):
        return attributes
    listed = dict(_plain_attributes(items(attributes)))
    return listed or span


def _plain_attributes(attributes: list[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The names and values of OTLP's JSON, where whole numbers are text: they may have 64 bits."""
    for attribute in attributes:
        name, value = attribute.get("key"), attribute.get("value")
        if not isinstance(name, str):
            continue
        if is_object(value):
            number = value.get("intValue")
            if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 20:
                number = int(number)
            value = value.get("stringValue") if number is None else number
        yield name, value


# Sessions of coding agents


def _is_claude_code(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "assistant" and is_object(body.get("message"))


def read_claude_code(body: Mapping[str, Any]) -> Usage:
    """Read a line of a Claude Code session: a message of Anthropic's, known by its id and the request's.

    Its time is left out: an answer takes several lines, each with a time of its own.
    """
    usage = read_body(part(body, "message"))
    ids = [found for found in (usage.request_id, text(body.get("requestId"))) if found]
    return usage._replace(request_id=":".join(ids) or None)


def _is_codex(body: Mapping[str, Any]) -> bool:
    return part(body, "payload").get("type") == "token_count"


def read_codex(body: Mapping[str, Any]) -> Usage:
    """Read a `token_count` line of a Codex session: what was used since the line before it.

    The model stands in the `turn_context` line before it. Without the delta, the total of the whole session
    would be all there is, and would count earlier calls again: it is refused.
    """
    usage = part(body, "payload", "info", "last_token_usage")
    if not usage:
        raise InvalidResponseError(
            "the line of the session has no payload.info.last_token_usage: it says nothing of a single call"
        )
    output, reasoning = count(usage, "output_tokens"), count(usage, "reasoning_output_tokens")
    if reasoning > output:
        refuse_impossible({"reasoning_output_tokens": reasoning}, "output_tokens", output)
    names = ("cached_input_tokens", "cache_write_input_tokens", "audio", "images")
    writes = (count(usage, "cache_write_input_tokens"), 0)
    cached = count(usage, "cached_input_tokens")
    return Usage(
        body.get("model"),
        None,
        None,
        text(body.get("timestamp")),
        *split_input("input_tokens", count(usage, "input_tokens"), cached, writes, names=names),
        text_output=output - reasoning,
        reasoning=reasoning,
    )


ENVELOPES = (
    Format("custom_id with result (Anthropic Batch)", _is_anthropic_batch, read_anthropic_batch),
    Format("custom_id with response (OpenAI Batch)", _is_openai_batch, read_openai_batch),
    Format("type response.done (OpenAI Realtime)", _is_realtime, read_realtime),
    Format("prompt_tokens with response_cost or spend (litellm's logs)", _is_litellm_log, read_litellm_log),
    Format("gen_ai.usage.input_tokens (OpenTelemetry)", _is_span, read_span),
    Format("type assistant with message.usage (Claude Code)", _is_claude_code, read_claude_code),
    Format("payload.type token_count (Codex)", _is_codex, read_codex),
)
"""In the order in which they are tried, after the bare bodies."""
