"""The names that providers, libraries and logs give to their counts, and the kind of count that each name stands for.

Names are compared without their case and punctuation: `cachedInputTokens`, `cached_input_tokens` and
`cached.input_tokens` are one name. An object inside a usage has names of its own, where a shorter one says enough.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

KINDS = 30

(
    INPUT,
    OUTPUT,
    TOTAL,
    CACHED,
    REASONING,
    TOOL_INPUT,
    CACHED_AUDIO,
    CACHED_IMAGE,
    CACHED_VIDEO,
    CACHED_TEXT,
    WRITTEN,
    WRITTEN_5M,
    WRITTEN_1H,
    WRITTEN_12H,
    TEXT_INPUT,
    AUDIO_INPUT,
    IMAGE_INPUT,
    VIDEO_INPUT,
    TEXT_OUTPUT,
    AUDIO_OUTPUT,
    IMAGE_OUTPUT,
    VIDEO_OUTPUT,
    CITATIONS,
    WEB_SEARCHES,
    MAPS_SEARCHES,
    FILE_SEARCHES,
    CODE_SESSIONS,
    AUDIO_SECONDS,
    IMAGES,
    KNOWN,
) = range(KINDS)
"""The kinds of counts. `KNOWN` is a number that is no part of a price, or that other counts hold already."""

UNKNOWN: Final = -1

_MOST_SPELLINGS = 4096
"""How many spellings of names are remembered, so that nobody fills the memory with names."""

_NOT_ASKED: Final = object()

_NO_COUNT = frozenset(
    """
    cost price usd fee discount duration latency time timestamp ms percent ratio rate balance speed throughput sec per
    """.split()
)
"""Words in the names of numbers that are no counts: of money, of time, of speed."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_PUNCTUATION = re.compile(r"[^a-z0-9]+")


class Names:
    """The kinds of the counts in an object, by name, and the names inside the objects that it holds.

    An object that is passed over, because its numbers are no counts or repeat others, has None for its names.
    """

    __slots__ = ("_plain_kinds", "_plain_objects", "kinds", "objects")

    def __init__(self, kinds: Mapping[int, str], objects: Mapping[str, Names | None] | None = None) -> None:
        """Take the names of each kind as words of one text."""
        self.kinds = {name: kind for kind, names in kinds.items() for name in names.split()}
        self._plain_kinds = {_plain(name): kind for name, kind in self.kinds.items()}
        self.objects: dict[str, Names | Literal[-1] | None] = {**(objects or {})}
        self._plain_objects = {_plain(name): names for name, names in self.objects.items()}

    def kind(self, name: str) -> int:
        """The kind of the count under a name, `UNKNOWN` where it has none. To ask `kinds` first is faster."""
        found = self.kinds.get(name)
        if found is None:
            words = {word.lower() for word in _WORDS.findall(name)}
            found = self._plain_kinds.get(_plain(name), UNKNOWN if _NO_COUNT.isdisjoint(words) else KNOWN)
            if len(self.kinds) < _MOST_SPELLINGS:
                self.kinds[name] = found
        return found

    def inside(self, name: str) -> Names | Literal[-1] | None:
        """The names inside the object under a name, `UNKNOWN` where it is not known. `objects` is faster."""
        found = self.objects.get(name, _NOT_ASKED)
        if found is _NOT_ASKED:
            found = self._plain_objects.get(_plain(name), UNKNOWN)
            if len(self.objects) < _MOST_SPELLINGS:
                self.objects[name] = found
        return found  # type: ignore[return-value]  # the sentinel was replaced


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.lower())


_ANYWHERE = {
    INPUT: """
        prompt_tokens input_tokens prompt_token_count input_token_count input_text_token_count prompt_eval_count
        total_input_tokens num_input_tokens num_prompt_tokens tokens_evaluated
    """,
    OUTPUT: """
        completion_tokens output_tokens candidates_token_count response_token_count output_token_count
        generation_token_count generated_token_count generated_tokens eval_count total_output_tokens
        completion_token_count num_output_tokens num_completion_tokens generation_tokens tokens_predicted
        total_output_text_token_count
    """,
    TOTAL: "total_tokens total_token_count",
    TOOL_INPUT: "tool_use_prompt_token_count total_tool_use_tokens connector_tokens",
    CACHED: """
        cached_tokens cached_input_tokens cache_read_input_tokens cache_read_tokens cache_read_input_token_count
        prompt_cache_hit_tokens cached_content_token_count total_cached_tokens cached_prompt_tokens cache_hit_tokens
        input_cached_tokens prompt_cached_tokens cache_read_token_count cached_token_count
    """,
    WRITTEN: """
        cache_creation_input_tokens cache_write_input_tokens cache_write_tokens cache_creation_tokens
        cache_write_input_token_count cache_write_token_count cache_creation_token_count
    """,
    WRITTEN_5M: "ephemeral_5m_input_tokens ephemeral_30m_input_tokens ttl_5m_tokens ttl_30m_tokens",
    WRITTEN_1H: "ephemeral_1h_input_tokens ttl_1h_tokens",
    WRITTEN_12H: "ephemeral_12h_input_tokens ttl_12h_tokens",
    REASONING: """
        reasoning_tokens reasoning_output_tokens output_reasoning_tokens thoughts_token_count total_thought_tokens
        thinking_tokens thoughts_tokens reasoning_token_count
    """,
    AUDIO_INPUT: "input_audio_tokens audio_input_tokens prompt_audio_tokens",
    AUDIO_OUTPUT: "output_audio_tokens audio_output_tokens completion_audio_tokens",
    IMAGE_INPUT: "input_image_tokens image_input_tokens prompt_image_tokens",
    IMAGE_OUTPUT: "output_image_tokens image_output_tokens completion_image_tokens",
    CACHED_AUDIO: "cache_read_audio_tokens cached_audio_tokens",
    CITATIONS: "citation_tokens",
    WEB_SEARCHES: "num_search_queries web_search_requests",
    MAPS_SEARCHES: "google_maps_grounding_requests",
    AUDIO_SECONDS: "prompt_audio_seconds input_audio_seconds",
    KNOWN: """
        accepted_prediction_tokens rejected_prediction_tokens prompt_cache_miss_tokens no_cache_tokens
        num_cached_tokens web_fetch_requests tool_search_requests num_sources_used num_server_side_tools_used
        cost_in_usd_ticks num_turns context_window context_length max_output_tokens requests
    """,
}
"""Names that say by themselves, wherever they stand, which tokens or acts they count."""

_OF_WRITES = Names(_ANYWHERE)
"""Names that are the same in any object."""
_OF_CACHE = Names(
    {
        **_ANYWHERE,
        CACHED_AUDIO: "audio_tokens audio",
        CACHED_IMAGE: "image_tokens image",
        CACHED_VIDEO: "video_tokens video",
        CACHED_TEXT: "text_tokens text document",
    }
)
_OF_TOOLS = Names({**_ANYWHERE, WEB_SEARCHES: "web_search_requests web_search_calls num_requests"})

_OF_INPUT = Names(
    {
        **_ANYWHERE,
        CACHED: f"{_ANYWHERE[CACHED]} cache_read cached priority_cache_read flex_cache_read",
        KNOWN: f"{_ANYWHERE[KNOWN]} priority flex",
        WRITTEN: f"{_ANYWHERE[WRITTEN]} cache_creation cache_write",
        TEXT_INPUT: "text_tokens text document",
        AUDIO_INPUT: "audio_tokens audio",
        IMAGE_INPUT: "image_tokens image",
        VIDEO_INPUT: "video_tokens video",
    },
    {
        "cached_tokens_details": _OF_CACHE,
        "cache_creation": _OF_WRITES,
        "cache_creation_token_details": _OF_WRITES,
        "cache_write_tokens_details": _OF_WRITES,
    },
)
_OF_OUTPUT = Names(
    {
        **_ANYWHERE,
        REASONING: f"{_ANYWHERE[REASONING]} reasoning thoughts thinking priority_reasoning flex_reasoning",
        KNOWN: f"{_ANYWHERE[KNOWN]} priority flex",
        TEXT_OUTPUT: "text_tokens text",
        AUDIO_OUTPUT: "audio_tokens audio",
        IMAGE_OUTPUT: "image_tokens image",
        VIDEO_OUTPUT: "video_tokens video",
    }
)

USAGE = Names(
    _ANYWHERE,
    {
        **dict.fromkeys(
            (
                "prompt_tokens_details",
                "prompt_token_details",
                "input_tokens_details",
                "input_token_details",
                "tool_use_prompt_tokens_details",
                "input_tokens_by_modality",
                "tool_use_tokens_by_modality",
            ),
            _OF_INPUT,
        ),
        **dict.fromkeys(
            (
                "completion_tokens_details",
                "completion_token_details",
                "output_tokens_details",
                "output_token_details",
                "candidates_tokens_details",
                "response_tokens_details",
                "output_tokens_by_modality",
            ),
            _OF_OUTPUT,
        ),
        **dict.fromkeys(
            ("cached_tokens_details", "cache_tokens_details", "cached_tokens_by_modality"),
            _OF_CACHE,
        ),
        "cache_creation": _OF_WRITES,
        "cache_creation_token_details": _OF_WRITES,
        "details": _OF_WRITES,
        "server_tool_use": _OF_TOOLS,
        "server_side_tool_usage_details": _OF_TOOLS,
        **dict.fromkeys(
            (
                "cost",
                "cost_details",
                "cost_breakdown",
                "tokens",
                "cache_details",
                "iterations",
                "raw",
                "request_usage_entries",
            ),
            None,
        ),
    },
)
"""A usage object of nearly every provider."""

BILLED_UNITS = Names({**_ANYWHERE, IMAGE_INPUT: "image_tokens images"})
"""Cohere's units, in which images stand beside the other input."""

AGENT_TOKENS = Names(
    {
        **_ANYWHERE,
        INPUT: "prompt input",
        OUTPUT: "output candidates",
        TOTAL: "total",
        CACHED: f"{_ANYWHERE[CACHED]} cached read",
        WRITTEN: f"{_ANYWHERE[WRITTEN]} write",
        REASONING: f"{_ANYWHERE[REASONING]} thoughts reasoning",
        TOOL_INPUT: "tool",
    },
)
"""The counts in records of coding agents, and of those who watch calls."""
