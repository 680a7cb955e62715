"""Gemini's generateContent, of Google AI Studio and of Vertex AI, and as Google's Python library dumps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import is_object, items, section, text, word
from budgetctl.pricing.reading.splitting import account
from budgetctl.pricing.reading.tally import Tally, states_counts

_TIERS = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex", "FLEX": "flex", "BATCH": "flex"}
"""Vertex AI's traffic types that have prices of their own, in litellm's words."""

_OF_TOOLS = ("toolUsePrompt", "tool_use_prompt")

_USAGE = ("usageMetadata", "usage_metadata")


def is_gemini(body: Mapping[str, Any]) -> bool:
    """Whether a body has the usage of generateContent."""
    return any(name in body and body[name] is not None for name in _USAGE)


def read_gemini(body: Mapping[str, Any]) -> Usage:
    """Read generateContent: the input includes cached tokens; thoughts and tool prompts are counted beside.

    https://ai.google.dev/api/generate-content#UsageMetadata, whose names Google's Python library dumps in snake
    case. Documents cost as much as text. The results of a search on the web are paid with the search:
    https://ai.google.dev/gemini-api/docs/pricing. Tokens that no list of modalities has are text.
    """
    usage = _usage(body)
    if "name" in body and "cachedContents/" in str(body["name"]):
        raise InvalidResponseError("a cached content is no answer of a model, and its tokens were not billed as one")
    searches, maps = _grounding(body)
    tools = {name: usage[name] for name in usage if name.startswith(_OF_TOOLS)} if searches else {}
    tally = Tally({name: value for name, value in usage.items() if name not in tools} if tools else usage)
    tally.note_beside(body)
    found = tally.found
    if tools:
        found[kinds.TOTAL] = max(found[kinds.TOTAL] - Tally(tools).found[kinds.TOOL_INPUT], 0)
    if searches or maps:
        tally.at_least(kinds.WEB_SEARCHES, searches)
        tally.at_least(kinds.MAPS_SEARCHES, maps)
    source = (
        body.get("modelVersion") or body.get("model_version") or body.get("model"),
        None,
        text(body.get("responseId") or body.get("response_id")),
        text(body.get("createTime") or body.get("create_time")),
    )
    tier = word(usage.get("serviceTier") or usage.get("service_tier"))
    traffic = usage.get("trafficType") or usage.get("traffic_type")
    return account(tally, source, (tier or _TIERS.get(str(traffic)), None, None, None), thoughts_beside=True)


def _usage(body: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in _USAGE:
        usage = section(body, name)
        if usage.get("promptTokenCount") is not None or states_counts(usage):
            return usage
    raise InvalidResponseError(f"the response has no usage: its {_USAGE[0]} states no tokens")


def _grounding(body: Mapping[str, Any]) -> tuple[int, int]:
    """How many different searches of the web the answers are grounded on, and whether one of Google Maps is."""
    found: set[str] = set()
    maps = 0
    candidates = body.get("candidates")
    for answer in candidates if isinstance(candidates, list) else ():
        grounding = is_object(answer) and (answer.get("groundingMetadata") or answer.get("grounding_metadata"))
        if not grounding or not is_object(grounding):
            continue
        queries = grounding.get("webSearchQueries") or grounding.get("web_search_queries")
        found.update(filter(word, queries) if isinstance(queries, list) else ())
        chunks = grounding.get("groundingChunks") or grounding.get("grounding_chunks")
        if any("maps" in chunk for chunk in items(chunks)):
            maps = 1
    return len(found), maps
