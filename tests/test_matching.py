"""Which models a pattern means."""

from __future__ import annotations

import json
import re

import pytest

from budgetctl.ledger.matching import means
from budgetctl.pricing.prices import price_map

SPELLINGS = [
    ("gpt-4o", "openai/gpt-4o"),
    ("gpt-4o", "GPT-4o"),
    ("GPT-4O", " gpt-4o "),
    ("gpt-4o", "openai/responses/gpt-4o"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "azure/eu/gpt-4o-2024-08-06"),
    ("gpt-4o", "openrouter/openai/gpt-4o"),
    ("gpt-4o", "my-gateway/gpt-4o"),
    ("gpt-4o*", "openai/gpt-4o-mini"),
    ("gpt-4", "gpt-4-0613"),
    ("openai/gpt-4o", "gpt-4o"),
    ("openai/*", "gpt-4o-2024-08-06"),
    ("openai*", "o3-mini"),
    ("openai/*", "text-completion-openai/gpt-3.5-turbo-instruct"),
    ("azure/gpt-4o", "azure/global/gpt-4o"),
    ("azure*", "azure_ai/gpt-4o"),
    ("*azure*", "azure_ai/gpt-4o"),
    ("ft:gpt-4o", "ft:gpt-4o-2024-08-06:my-org:name:id"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-sonnet-4-5-20250929", "vertex_ai/claude-sonnet-4-5@20250929"),
    ("anthropic/*", "claude-haiku-4-5-20251001"),
    ("claude-3-5-sonnet", "bedrock/us-east-1/anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("anthropic.claude-3-5-sonnet", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("anthropic.claude-3-5-sonnet*-v2", "bedrock/converse/eu.anthropic.claude-3-5-sonnet-20241022-v2:0"),
    ("anthropic.claude-v2:1", "bedrock/anthropic.claude-v2:1:18k"),
    ("claude-opus-4-6", "us.anthropic.claude-opus-4-6-v1[1m]"),
    ("claude-*", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-6-v1"),
    ("bedrock/*", "us.anthropic.claude-opus-4-6-v1"),
    ("bedrock*", "bedrock_converse/amazon.nova-pro-v1:0"),
    ("gemini/gemini-2.5-flash", "models/gemini-2.5-flash"),
    ("vertex_ai/*", "gemini-2.5-flash"),
    ("gemini-2.0-flash", "gemini/gemini-2.0-flash-001"),
    ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-09-2025"),
    ("cohere/*", "cohere_chat/command-r-08-2024"),
    ("deepseek/*", "deepseek-chat"),
    ("mistral-large", "mistral/mistral-large-2411"),
    ("meta-llama/*", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("meta-llama*", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("*llama-3.3*", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("azure/*", "azure/my-deployment\ngpt-4o-2024-08-06"),
    ("gpt-4o", "my-alias\nazure/my-deployment\ngpt-4o-2024-08-06"),
    ("my-alias", "my-alias\nazure/my-deployment\ngpt-4o-2024-08-06"),
]

OTHERS = [
    ("gpt-4o", "gpt-4o-mini"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4o", "openai/gpt-4o-audio-preview"),
    ("gpt-4", "gpt-4-32k"),
    ("gpt-4", "gpt-4-1106-preview"),
    ("gpt-4o", "ft:gpt-4o-2024-08-06:my-org:name:id"),
    ("gpt-4o-2024-08-06", "gpt-4o"),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),
    ("azure/*", "gpt-4o"),
    ("azure/*", "openai/gpt-4o"),
    ("openai/*", "azure/gpt-4o"),
    ("openai/*", "claude-sonnet-4-5"),
    ("openai/*", "azure/my-deployment\ngpt-4o-2024-08-06"),
    ("openai*", "azure/gpt-4o"),
    ("anthropic/*", "us.anthropic.claude-opus-4-6-v1"),
    ("o*", "openai/gpt-4o"),
    ("c*", "cohere/embed-v4.0"),
    ("[!g]*", "openai/gpt-4o"),
    ("open*", "gpt-4o"),
    ("claude-opus-4", "claude-opus-4-5-20251101"),
    ("claude-opus-5", "anthropic/claude-opus-5-5"),
    ("whisper-large", "groq/whisper-large-v3"),
    ("*meta*", "minimax/MiniMax-M2"),
]


@pytest.mark.parametrize(("pattern", "names"), SPELLINGS)
def test_a_pattern_means_a_model_under_each_of_its_spellings(pattern: str, names: str) -> None:
    assert means(pattern, names)


@pytest.mark.parametrize(("pattern", "names"), OTHERS)
def test_a_pattern_means_no_other_model_and_no_other_seller(pattern: str, names: str) -> None:
    assert not means(pattern, names)


def listed() -> list[str]:
    """The models of the price map that litellm ships."""
    source = price_map.shipped()
    assert source is not None
    return [name for name in json.loads(source.path.read_text()) if name not in price_map.NOT_MODELS]


def test_a_listed_name_is_meant_with_its_seller_without_it_and_in_capitals() -> None:
    for name in (name for name in listed() if not set(name) & set("*?[")):
        seller, _, rest = name.rpartition("/")
        assert means(rest, name), name
        assert means(rest.upper(), f"{seller or 'any'}/{rest}"), name
        assert means(f"{seller or 'any'}/{rest}*", f"{seller or 'any'}/{rest}"), name


A_VERSION = re.compile(r"([-@](\d{3,8}|\d{4}-\d\d-\d\d|\d\d-\d{4}|\d\d-\d\d|latest|default)|(-v?\d+)?(:\d+k?)+|-v\d+)+")
BEFORE = re.compile(r"((global|apac|us-gov|[a-z]{2})\.)?(([a-z]+|ai21)\.)?")


def test_a_listed_name_means_others_by_nothing_but_a_region_a_maker_and_a_version() -> None:
    names = {name.rpartition("/")[2].lower() for name in listed()}
    special = re.compile(r"[*?\[]")
    compared = 0
    for pattern in sorted(name for name in names if not special.search(name)):
        for other in names:
            start = other.find(pattern)
            if start < 0 or pattern == other:
                continue
            compared += 1
            before, behind = other[:start], other[start + len(pattern) :]
            is_spelling = BEFORE.fullmatch(before) and (not behind or A_VERSION.fullmatch(behind))
            assert is_spelling or not means(pattern, other), (pattern, other)
    assert compared > 1000
