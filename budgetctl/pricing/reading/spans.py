"""Spans of OpenTelemetry about calls of models: their attributes flat, as an object, or as OTLP lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading.counts import dollars, is_object, items, text
from budgetctl.pricing.reading.splitting import account
from budgetctl.pricing.reading.tally import Tally, states_counts

_PROVIDERS = {
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

_PREFIXES = ("gen_ai.usage.details.", "gen_ai.usage.", "llm.usage.", "llm.token_count.", "ai.usage.")
"""The prefixes of counts in the conventions, and in those of OpenLLMetry, OpenInference and the AI SDK."""

_DEEPEST = 8

_COSTS = ("operation.cost", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost")

_OF_OPENINFERENCE = {
    "prompt": "prompt_tokens",
    "completion": "completion_tokens",
    "total": "total_tokens",
    "prompt_details.cache_read": "cache_read_tokens",
    "prompt_details.cache_input": "cache_read_tokens",
    "prompt_details.cache_write": "cache_write_tokens",
    "prompt_details.audio": "input_audio_tokens",
    "completion_details.reasoning": "reasoning_tokens",
    "completion_details.audio": "output_audio_tokens",
}
"""Names of counts in OpenInference: https://arize-ai.github.io/openinference/spec/semantic_conventions.html."""

_MODELS = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "ai.model.id",
)


def _is_span(body: Mapping[str, Any]) -> bool:
    return any(_counts(_attributes(body)))


def read_span(body: Mapping[str, Any]) -> Usage:
    """Read a span of the GenAI conventions; its attributes are flat, an object, or a list of key and value.

    https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. Cached tokens are inside the input.
    """
    said = _attributes(body)
    counts = dict(_counts(said, as_text=said is not body))
    if not states_counts(counts):
        raise InvalidResponseError("the span has no counts of tokens: their attributes are empty")
    system = said.get("gen_ai.provider.name") or said.get("gen_ai.system")
    source = (
        next((said[name] for name in _MODELS if said.get(name)), None),
        _PROVIDERS.get(system) if isinstance(system, str) else None,
        text(said.get("gen_ai.response.id")),
        None,
    )
    cost = next((dollars(name, said[name]) for name in _COSTS if said.get(name)), None)
    return account(Tally(counts), source, (None, None, None, cost))


def _counts(attributes: Mapping[str, Any], *, as_text: bool = False) -> Iterator[tuple[str, Any]]:
    """The counts among the attributes, by the rest of their names. Some stores of spans keep all values as text."""
    for name, value in attributes.items():
        for prefix in _PREFIXES:
            if name.startswith(prefix) and name not in _COSTS:
                short = name[len(prefix) :]
                yield _OF_OPENINFERENCE.get(short, short), _whole(value) if as_text else value
                break


def _whole(value: Any) -> Any:
    """A value, and a whole number in the place of one that was written as text."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
    return int(value) if is_number else value


def _attributes(span: Mapping[str, Any]) -> Mapping[str, Any]:
    attributes = span.get("attributes")
    if is_object(attributes):
        return _flat(attributes) if any(map(is_object, attributes.values())) else attributes
    listed = dict(_plain_attributes(items(attributes)))
    return listed or span


def _flat(attributes: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Nested attributes under their whole names, with dots."""
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        if is_object(value) and depth < _DEEPEST:
            flat |= _flat(value, f"{prefix}{name}.", depth + 1)
        else:
            flat[prefix + name] = value
    return flat


def _plain_attributes(attributes: list[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The names and values of OTLP's JSON, where whole numbers are text: they may have 64 bits."""
    for attribute in attributes:
        name, value = attribute.get("key"), attribute.get("value")
        if not isinstance(name, str):
            continue
        yield name, _plain_value(value) if is_object(value) else value


def _plain_value(value: Mapping[str, Any]) -> Any:
    number = _whole(value.get("intValue"))
    if number is not None:
        return number
    return value.get("stringValue") if value.get("doubleValue") is None else value["doubleValue"]


# A whole export


def _is_export(body: Mapping[str, Any]) -> bool:
    return "resourceSpans" in body


def spans_in(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The spans in an export that count tokens."""
    return [
        span
        for resource in items(body["resourceSpans"])
        for scope in items(resource.get("scopeSpans"))
        for span in items(scope.get("spans"))
        if _is_span(span)
    ]


def read_export(body: Mapping[str, Any]) -> Usage:
    """Read an export of OTLP in which one span counts tokens.

    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Raises `InvalidResponseError` for more of them.
    """
    spans = spans_in(body)
    if len(spans) != 1:
        what = "no span that counts tokens" if not spans else f"{len(spans)} spans that count tokens, and not one"
        raise InvalidResponseError(f"the export has {what}", hint="save one span in a file")
    return read_span(spans[0])


SPANS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Usage]], ...] = (
    ("resourceSpans (OTLP)", _is_export, read_export),
    ("gen_ai.usage (OpenTelemetry)", _is_span, read_span),
)
"""In the order in which they are tried."""
