"""Bodies whose counts stand at their root: of models that are asked directly, and records of other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import is_object, items, part, text, word
from budgetctl.pricing.reading.splitting import Source, account
from budgetctl.pricing.reading.tally import Tally, counts_in, is_beside
from budgetctl.pricing.reading.vocabulary import USAGE

_OF_INVOCATION = "amazon-bedrock-invocationMetrics"


def _source(body: Mapping[str, Any]) -> Source:
    model = body.get("resolved_model") or body.get("model") or body.get("model_id") or body.get("modelId")
    created = body.get("created_at") or body.get("datetime_utc") or body.get("timestamp")
    return model, None, text(body.get("id")), text(created)


# Ollama


def _is_ollama(body: Mapping[str, Any]) -> bool:
    return "eval_count" in body or "prompt_eval_count" in body


def read_ollama(body: Mapping[str, Any]) -> Usage:
    """Read an answer of Ollama's own interface: https://docs.ollama.com/api/chat."""
    return account(Tally(counts_in(body)), _source(body))


# Amazon Bedrock, InvokeModel


def _is_invocation(body: Mapping[str, Any]) -> bool:
    names = ("inputTextTokenCount", "prompt_token_count", "generation_token_count", _OF_INVOCATION)
    return any(body.get(name) is not None for name in names)


def read_invocation(body: Mapping[str, Any]) -> Usage:
    """Read InvokeModel's answers of Titan and Llama, and the metrics at the end of any of its streams.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html,
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
    """
    metrics = part(body, _OF_INVOCATION)
    tally = Tally(counts_in(metrics or body))
    for result in items(body.get("results")):
        tokens = result.get("tokenCount")
        tally.add({"output_tokens": tokens + tally.found[kinds.OUTPUT] if type(tokens) is int else tokens})
    return account(tally, _source(body), beside=bool(metrics))


# watsonx


def _is_watsonx(body: Mapping[str, Any]) -> bool:
    return any("generated_token_count" in result for result in items(body.get("results")))


def read_watsonx(body: Mapping[str, Any]) -> Usage:
    """Read the texts that watsonx generated: https://cloud.ibm.com/apidocs/watsonx-ai#text-generation."""
    tally = Tally({})
    for result in items(body["results"]):
        once = Tally(counts_in(result))
        tally.odd += once.odd
        tally.found = [before + more for before, more in zip(tally.found, once.found, strict=True)]
        tally.seen |= once.seen
    model, _, given, created = _source(body)
    # litellm's map and `--model` name a model of watsonx by its seller.
    return account(tally, (model, "watsonx" if model else None, given, created))


# Vertex AI's older embeddings, Replicate


def _is_prediction(body: Mapping[str, Any]) -> bool:
    return any(part(each, "embeddings", "statistics") for each in items(body.get("predictions")))


def read_prediction(body: Mapping[str, Any]) -> Usage:
    """Read Vertex AI's embeddings of texts, each with a count of its own.

    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
    """
    tally = Tally({})
    for each in items(body["predictions"]):
        tokens = part(each, "embeddings", "statistics").get("token_count")
        once = Tally({"input_tokens": tokens})
        tally.odd += once.odd
        tally.found[kinds.INPUT] += once.found[kinds.INPUT]
    return account(tally, _source(body))


def _is_replicate(body: Mapping[str, Any]) -> bool:
    return "input_token_count" in part(body, "metrics") or "output_token_count" in part(body, "metrics")


def read_replicate(body: Mapping[str, Any]) -> Usage:
    """Read a prediction of Replicate's, whose metrics count tokens: https://replicate.com/docs/reference/http."""
    return account(Tally(counts_in(body["metrics"])), _source(body))


# Records with counts at their root: the log of `llm`, usage objects by themselves


def _is_record(body: Mapping[str, Any]) -> bool:
    found = {USAGE.kind(name) for name, value in body.items() if value is not None and not is_object(value)}
    return {kinds.INPUT, kinds.OUTPUT} <= found


def read_record(body: Mapping[str, Any]) -> Usage:
    """Read a record whose counts stand beside everything else, as the log of the program `llm` has them.

    https://llm.datasette.io/en/stable/logging.html
    """
    tally = Tally(counts_in(body))
    if is_object(body.get("token_details")):
        tally.add(body["token_details"])
    terms = word(body.get("service_tier")), word(body.get("inference_geo")), word(body.get("speed")), None
    return account(tally, _source(body), terms, beside=is_beside(body))


NATIVE: tuple[tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Usage]], ...] = (
    ("eval_count (Ollama)", _is_ollama, read_ollama),
    ("prompt_token_count (Llama, Titan)", _is_invocation, read_invocation),
    ("generated_token_count (watsonx)", _is_watsonx, read_watsonx),
    ("predictions (Vertex AI)", _is_prediction, read_prediction),
    ("metrics (Replicate)", _is_replicate, read_replicate),
)
"""In the order in which they are tried."""

RECORD = ("input_tokens (records)", _is_record, read_record)
"""Tried last, as nearly anything may have such names at its root."""
