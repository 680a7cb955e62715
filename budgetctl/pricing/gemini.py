"""Gemini's generateContent, of Google AI Studio and of Vertex AI, and as Google's Python library dumps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.models import Usage
from budgetctl.pricing.counts import (
    Output,
    count,
    is_object,
    items,
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


def read_gemini(body: Mapping[str, Any]) -> Usage:
    """Read generateContent: the input includes what was cached; thoughts and tool prompts are counted beside.

    https://ai.google.dev/api/generate-content#UsageMetadata, whose names Google's Python library dumps in snake
    case. Video and documents cost what text does. What a
    search on the web found is paid with the search: https://ai.google.dev/gemini-api/docs/pricing.
    """
    usage = _camel(section(body, "usageMetadata") or section(body, "usage_metadata"))
    searches = _searches(body)
    prompt, tools = count(usage, "promptTokenCount"), count(usage, "toolUsePromptTokenCount")
    output = _output(usage, prompt + tools)
    audio, image = _audio_and_images(usage, "promptTokensDetails")
    if not searches:
        more_audio, more_image = _audio_and_images(usage, "toolUsePromptTokensDetails")
        audio, image = audio + more_audio, image + more_image
    cached_audio, cached_image = _audio_and_images(usage, "cacheTokensDetails")
    return Usage(
        body.get("modelVersion") or body.get("model_version") or body.get("model"),
        None,
        text(body.get("responseId") or body.get("response_id")),
        text(body.get("createTime") or body.get("create_time")),
        *split_input(
            "promptTokenCount",
            prompt if searches else prompt + tools,
            count(usage, "cachedContentTokenCount"),
            audio=without("promptTokensDetails of AUDIO", audio, "cacheTokensDetails of AUDIO", cached_audio),
            image=without("promptTokensDetails of IMAGE", image, "cacheTokensDetails of IMAGE", cached_image),
            names=_INPUT_NAMES,
        ),
        *output,
        web_searches=searches,
        service_tier=word(usage.get("serviceTier")) or _TIERS.get(str(usage.get("trafficType"))),
    )


def _output(usage: Mapping[str, Any], whole_input: int) -> Output:
    answer = count(usage, "candidatesTokenCount") or count(usage, "responseTokenCount")
    details = "candidatesTokensDetails" if usage.get("candidatesTokensDetails") else "responseTokensDetails"
    thoughts = count(usage, "thoughtsTokenCount")
    # Some models of Vertex AI count their thoughts inside the answer, and the total says so.
    inside = thoughts and count(usage, "totalTokenCount") == whole_input + answer
    total = answer if inside else answer + thoughts
    audio, image = _audio_and_images(usage, details)
    return split_output("candidatesTokenCount", total, thoughts, audio, image, names=_OUTPUT_NAMES)


def _audio_and_images(usage: Mapping[str, Any], name: str) -> tuple[int, int]:
    """The tokens of two modalities in a list by modality."""
    details = usage.get(name)
    if not details:
        return 0, 0
    if not isinstance(details, list):
        section(usage, name)  # refuses it, if it is no object either
        return 0, 0
    audio = image = 0
    for item in details:
        modality = item.get("modality") if is_object(item) else None
        if modality == "AUDIO":
            audio += count(item, "tokenCount") or count(item, "token_count")
        elif modality == "IMAGE":
            image += count(item, "tokenCount") or count(item, "token_count")
    return audio, image


def _searches(body: Mapping[str, Any]) -> int:
    """How many different searches the answers say they are grounded on."""
    found: set[str] = set()
    for answer in items(body.get("candidates")):
        grounding = answer.get("groundingMetadata") or answer.get("grounding_metadata")
        if is_object(grounding):
            queries = grounding.get("webSearchQueries") or grounding.get("web_search_queries")
            found.update(filter(word, queries) if isinstance(queries, list) else ())
    return len(found)


def _camel(names: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same object under the names of the API, where they are in snake case."""
    if "_" not in "".join(names):
        return names
    return {_camel_name(name): value for name, value in names.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word_.title() for word_ in rest)
