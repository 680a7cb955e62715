"""Pieces that are billed beside tokens: calls of tools, sessions, seconds and pictures; and counts without a price.

litellm prices some pieces from a response of the right shape, and has functions for the rest, by rates of its map:
`litellm_core_utils/llm_cost_calc/tool_call_cost_tracking.py`, `default_image_cost_calculator` in `cost_calculator.py`
and `cost_per_second` in `llms/openai/cost_calculation.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from budgetctl.ledger.values import Usage

_PER_SECOND = ("output_cost_per_second", "input_cost_per_second", "input_cost_per_audio_per_second")
_PER_PICTURE = ("input_cost_per_image", "output_cost_per_image")
_PER_PIXEL = "input_cost_per_pixel"
_SIZE = re.compile(r"(?:.*/)?(\d+)-x-(\d+)/.*", re.ASCII)
"""The size of a picture in a key of the map: `high/1024-x-1536/gpt-image-1`."""

_SEARCH_ANYWAY = frozenset({"gemini", "xai"})
"""Sellers for whose searches litellm has a price although the entry has none. Vertex is another one."""


def cost_of_pieces(usage: Usage, key: str, provider: str | None, entry: Mapping[str, Any]) -> float:
    """The price in USD of pieces that litellm does not find in a response by itself: all but searches of the web."""
    cost = usage.audio_seconds * _second(entry) + usage.images * _picture(key, entry)
    if not usage.file_searches and not usage.code_sessions:
        return cost
    from litellm.litellm_core_utils.llm_cost_calc.tool_call_cost_tracking import StandardBuiltInToolCostTracking

    seller = provider or _provider(entry)
    if usage.file_searches:
        search = StandardBuiltInToolCostTracking.get_cost_for_file_search({}, provider=seller, model_info=dict(entry))
        cost += usage.file_searches * search
    if usage.code_sessions:
        cost += StandardBuiltInToolCostTracking.get_cost_for_code_interpreter(
            sessions=usage.code_sessions, provider=seller, model_info=dict(entry)
        )
    return cost


def unpriced_components(usage: Usage, entry: Mapping[str, Any]) -> list[str]:
    """The counts of a usage, by their names there, for which neither an entry of the map nor litellm has a price."""
    provider, in_batch = _provider(entry), usage.service_tier == "batch"
    google = provider == "gemini" or provider.startswith("vertex_ai")
    searches = entry.get("search_context_cost_per_query") or entry.get("search_queries_cost_per_query")
    priced = {
        "citations": provider == "perplexity" and entry.get("citation_cost_per_token") is not None,
        "web_searches": bool(searches or google or provider in _SEARCH_ANYWAY) and not in_batch,
        "maps_searches": google and not in_batch,
        "file_searches": provider != "azure" or "file_search_cost_per_1k_calls" in entry,
        "code_sessions": provider in {"openai", "azure"} or "code_interpreter_cost_per_session" in entry,
        "audio_seconds": any(entry.get(name) for name in _PER_SECOND),
        "images": any(entry.get(name) for name in (*_PER_PICTURE, _PER_PIXEL)),
    }
    return [name for name, is_priced in priced.items() if getattr(usage, name) and not is_priced]


def _second(entry: Mapping[str, Any]) -> float:
    return next((float(entry[name]) for name in _PER_SECOND if entry.get(name)), 0.0)


def _picture(key: str, entry: Mapping[str, Any]) -> float:
    each = next((float(entry[name]) for name in _PER_PICTURE if entry.get(name) is not None), None)
    if each is not None:
        return each
    size = _SIZE.fullmatch(key)
    height, width = (int(size[1]), int(size[2])) if size else (1024, 1024)
    return height * width * float(entry.get(_PER_PIXEL) or 0.0)


def _provider(entry: Mapping[str, Any]) -> str:
    return str(entry.get("litellm_provider", ""))
