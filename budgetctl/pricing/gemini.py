"""Gemini's generateContent, of Google AI Studio and of Vertex AI, and as Google's Python library dumps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.pricing.counts import (
    Fields,
    count,
    is_object,
    items,
    part,
    section,
    split_input,
    split_output,
    text,
    without,
    word,
)

_TIERS = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex", "FLEX": "flex", "BATCH": "flex"}
"""Vertex AI's traffic types that have prices of their own, in litellm's words."""

_INPUT_NAMES = (
    "cachedContentTokenCount",
    "cacheWriteTokenCount",
    "promptTokensDetails of audio",
    "promptTokensDetails of images",
)
_OUTPUT_NAMES = ("thoughtsTokenCount", "candidatesTokensDetails of audio", "candidatesTokensDetails of images")


def is_gemini(body: Mapping[str, Any]) -> bool:
    """Whether a body has the usage of generateContent."""
    return is_object(body.get("usageMetadata")) or is_object(body.get("usage_metadata"))


def read_gemini(body: Mapping[str, Any]) -> Fields:
    """Read generateContent: the input includes what was cached; thoughts and tool prompts are counted beside.

    https://ai.google.dev/api/generate-content#UsageMetadata. Video and documents cost what text does. What a
    search on the web found is paid with the search: https://ai.google.dev/gemini-api/docs/pricing.
    """
    body = _camel(body)
    usage = _camel(body["usageMetadata"])
    searches = {query for answer in items(body.get("candidates")) for query in _searches(answer)}
    prompt, tools = count(usage, "promptTokenCount"), count(usage, "toolUsePromptTokenCount")
    output = _output(usage, prompt + tools)
    kinds = ("promptTokensDetails",) if searches else ("promptTokensDetails", "toolUsePromptTokensDetails")
    billed = prompt if searches else prompt + tools
    audio, image = (
        without(
            f"promptTokensDetails of {modality}",
            sum(_of(usage, kind, modality) for kind in kinds),
            f"cacheTokensDetails of {modality}",
            _of(usage, "cacheTokensDetails", modality),
        )
        for modality in ("AUDIO", "IMAGE")
    )
    cached = count(usage, "cachedContentTokenCount")
    return {
        "model": body.get("modelVersion") or body.get("model"),
        "request_id": text(body.get("responseId")),
        "created": text(body.get("createTime")),
        "service_tier": word(usage.get("serviceTier")) or _TIERS.get(str(usage.get("trafficType"))),
        **split_input("promptTokenCount", billed, cached, audio=audio, image=image, names=_INPUT_NAMES),
        **output,
        "web_searches": len(searches),
    }


def _output(usage: Mapping[str, Any], whole_input: int) -> Fields:
    answer = count(usage, "candidatesTokenCount") or count(usage, "responseTokenCount")
    details = "candidatesTokensDetails" if usage.get("candidatesTokensDetails") else "responseTokensDetails"
    thoughts = count(usage, "thoughtsTokenCount")
    # Some models of Vertex AI count their thoughts inside the answer, and the total says so.
    inside = thoughts and count(usage, "totalTokenCount") == whole_input + answer
    return split_output(
        "candidatesTokenCount",
        answer if inside else answer + thoughts,
        thoughts,
        _of(usage, details, "AUDIO"),
        _of(usage, details, "IMAGE"),
        names=_OUTPUT_NAMES,
    )


def _of(usage: Mapping[str, Any], name: str, modality: str) -> int:
    """The tokens of a modality in a list by modality."""
    details = usage.get(name)
    if not details:
        return 0
    if not isinstance(details, list):
        section(usage, name)  # refuses it, if it is no object either
        return 0
    return sum(count(_camel(item), "tokenCount") for item in items(details) if item.get("modality") == modality)


def _searches(candidate: Mapping[str, Any]) -> list[str]:
    queries = _camel(part(_camel(candidate), "groundingMetadata")).get("webSearchQueries")
    return [query for query in queries if word(query)] if isinstance(queries, list) else []


def _camel(names: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same object under the names of the API: Google's Python library dumps them in snake case."""
    if not any("_" in name for name in names):
        return names
    return {_camel_name(name): value for name, value in names.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word_.title() for word_ in rest)
