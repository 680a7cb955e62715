"""Envelopes around a body, or records instead of one: batches, logs of litellm, spans, sessions of coding agents.

Each function gives a `Usage`, as those of `formats` do for bare bodies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from budgetctl.errors import ProviderError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading.agents import AGENTS
from budgetctl.pricing.reading.counts import dollars, is_object, part, shown, text, word
from budgetctl.pricing.reading.formats import BODIES, Format, error_text, read_body
from budgetctl.pricing.reading.gemini import is_gemini
from budgetctl.pricing.reading.native import RECORD
from budgetctl.pricing.reading.spans import SPANS
from budgetctl.pricing.reading.splitting import account
from budgetctl.pricing.reading.tally import Tally, counts_in, states_counts
from budgetctl.pricing.reading.vocabulary import AGENT_TOKENS

# Batches: half the price, which the tier says


def _is_openai_batch(body: Mapping[str, Any]) -> bool:
    return "custom_id" in body and ("response" in body or "error" in body)


def read_openai_batch(body: Mapping[str, Any]) -> Usage:
    """Read a line of an OpenAI Batch's output: https://platform.openai.com/docs/api-reference/batch/request-output."""
    answer = part(body, "response", "body") or part(body, "response")
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


def _is_bedrock_batch(body: Mapping[str, Any]) -> bool:
    return "recordId" in body and ("modelOutput" in body or "error" in body)


def read_bedrock_batch(body: Mapping[str, Any]) -> Usage:
    """Read a record of a batch of Bedrock's: https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html."""
    if body.get("error") or not is_object(body.get("modelOutput")):
        why = error_text(body.get("error") or "it has no modelOutput")
        raise ProviderError(f"record {shown(body['recordId'])} of the batch was not answered: {why}")
    usage = read_body(body["modelOutput"])
    return usage._replace(request_id=usage.request_id or text(body["recordId"]), service_tier="batch")


def _is_gemini_batch(body: Mapping[str, Any]) -> bool:
    said = "key" in body or "processed_time" in body or "status" in body
    return said and is_gemini(part(body, "response"))


def read_gemini_batch(body: Mapping[str, Any]) -> Usage:
    """Read a line of a batch of Gemini's: https://ai.google.dev/gemini-api/docs/batch-api."""
    usage = read_body(part(body, "response"))
    return usage._replace(request_id=usage.request_id or text(body.get("key")), service_tier="batch")


def _failed(line: Mapping[str, Any], why: str) -> ProviderError:
    return ProviderError(f"request {shown(line.get('custom_id'))} of the batch was not answered: {why}")


# Bedrock's log


def _is_invocation_log(body: Mapping[str, Any]) -> bool:
    return body.get("schemaType") == "ModelInvocationLog"


def read_invocation_log(body: Mapping[str, Any]) -> Usage:
    """Read a record of Bedrock's log of invocations, whose counts stand beside the bodies that may be left out.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
    """
    if body.get("errorCode"):
        raise ProviderError(f"the call that was logged failed: {shown(body['errorCode'])}")
    tally = Tally(counts_in(part(body, "input")))
    tally.add(counts_in(part(body, "output")))
    answer = part(body, "output", "outputBodyJson")
    tally.add(part(answer, "usage"))
    tally.add_cache_details(part(answer, "usage"))
    model = word(body.get("modelId"))
    if model and model.startswith("arn:"):
        model = model.rpartition("/")[2]
    return account(tally, (model, None, text(body.get("requestId")), text(body.get("timestamp"))), beside=True)


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
    answered: litellm also records 0 for calls that it could not price.
    """
    if body.get("status") == "failure":
        error = word(body.get("error_str")) or part(body, "error_information").get("error_message")
        raise ProviderError(f"the call that was logged failed: {shown(error or 'no reason is given')}")
    name = "response_cost" if "response_cost" in body else "spend"
    cost = dollars(name, body.get(name))
    from_cache = str(body.get("cache_hit")).lower() == "true"
    usage = part(_metadata(body), "usage_object")
    tally = Tally(usage if states_counts(usage) else counts_in(body))
    given = text(body.get("request_id")) or text(body.get("id"))
    source = (body.get("model"), word(body.get("custom_llm_provider")), given, text(body.get("startTime")))
    return account(tally, source, (None, None, None, cost if cost or from_cache else None))


def _metadata(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata of a log, which the proxy's database holds as text."""
    metadata = body.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except (ValueError, RecursionError):
            return {}
    return metadata if is_object(metadata) else {}


# What is kept of calls by others


def _is_langfuse(body: Mapping[str, Any]) -> bool:
    return "input" in _langfuse_counts(body) and "output" in _langfuse_counts(body)


def _langfuse_counts(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(body, "usageDetails") or part(body, "usage")


def read_langfuse(body: Mapping[str, Any]) -> Usage:
    """Read a generation of Langfuse's, whose counts stand beside each other where their total says so.

    https://langfuse.com/docs/observability/features/token-and-cost-tracking
    """
    cost = body.get("calculatedTotalCost") or part(body, "costDetails").get("total")
    source = (body.get("model"), None, text(body.get("id")), text(body.get("startTime")))
    terms = (None, None, None, dollars("calculatedTotalCost", cost or None))
    return account(Tally(_langfuse_counts(body), AGENT_TOKENS), source, terms)


def _is_generation(body: Mapping[str, Any]) -> bool:
    return part(body, "data").get("total_cost") is not None and "native_tokens_prompt" in part(body, "data")


def read_generation(body: Mapping[str, Any]) -> Usage:
    """Read OpenRouter's record of a call: https://openrouter.ai/docs/api-reference/get-a-generation."""
    data = part(body, "data")
    counts = {
        "prompt_tokens": data.get("native_tokens_prompt"),
        "completion_tokens": data.get("native_tokens_completion"),
        "cached_tokens": data.get("native_tokens_cached"),
        "reasoning_tokens": data.get("native_tokens_reasoning"),
    }
    source = (data.get("model"), None, text(data.get("id")), text(data.get("created_at")))
    return account(Tally(counts), source, (None, None, None, dollars("total_cost", data["total_cost"])))


_WRAPPERS = ("response", "Response", "result", "data", "body", "json", "kwargs", "llm_output")
"""The names under which proxies, logs and libraries keep the whole answer."""


def _wrapped(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The only object in a body that is a body by itself; None without one, or with several."""
    found = []
    for name in _WRAPPERS:
        inner = body.get(name)
        if isinstance(inner, str) and inner.lstrip().startswith("{"):
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                continue
        if is_object(inner) and any(form.matches(inner) for form in BODIES):
            found.append(inner)
    return found[0] if len(found) == 1 else None


def _is_wrapped(body: Mapping[str, Any]) -> bool:
    return _wrapped(body) is not None


def read_wrapped(body: Mapping[str, Any]) -> Usage:
    """Read the body inside another document, as proxies, logs and libraries keep it."""
    usage = read_body(_wrapped(body) or {})
    return usage if usage.model else usage._replace(model=body.get("model") or body.get("modelId"))


ENVELOPES = (
    Format("custom_id with result (Anthropic Batch)", _is_anthropic_batch, read_anthropic_batch),
    Format("custom_id with response (OpenAI Batch)", _is_openai_batch, read_openai_batch),
    Format("modelOutput (Bedrock Batch)", _is_bedrock_batch, read_bedrock_batch),
    Format("response (Gemini Batch)", _is_gemini_batch, read_gemini_batch),
    Format("ModelInvocationLog (Bedrock's log)", _is_invocation_log, read_invocation_log),
    Format("type response.done (OpenAI Realtime)", _is_realtime, read_realtime),
    Format("spend (litellm's logs)", _is_litellm_log, read_litellm_log),
    *(Format(*form) for form in SPANS),
    *(Format(*form) for form in AGENTS),
    Format(*RECORD),
    Format("usageDetails (Langfuse)", _is_langfuse, read_langfuse),
    Format("native_tokens_prompt (OpenRouter)", _is_generation, read_generation),
    Format("a body in an object (result, data, response, body)", _is_wrapped, read_wrapped),
)
"""In the order in which they are tried, after the bare bodies."""

RECORDS = tuple(form for form in ENVELOPES if form.matches not in (_is_wrapped, RECORD[1]))
"""Those of records of calls. The pieces of some streams stand in objects, too, or have counts at their root."""
