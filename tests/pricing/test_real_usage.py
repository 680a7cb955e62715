"""Real responses, compared with what an independent extractor read from them (see NOTICE.md)."""

import json
from pathlib import Path

import pytest

from budgetctl.pricing import read_usage

LINES = [json.loads(line) for line in (Path(__file__).parent / "real_usage.jsonl").read_text().splitlines()]

NOT_READ: dict[int, str] = {}
"""Lines, from 1, whose format is not claimed, with the reason. There are none."""

READ = [(number, line) for number, line in enumerate(LINES, 1) if number not in NOT_READ]


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{number}") for number, line in READ])
def test_real_usage_is_read_as_an_independent_extractor_reads_it(line):
    usage = read_usage(line["body"], model="given")
    own = line["expected"][0]  # the other ways are those of other providers, which may say less
    assert usage.total_input == own["input_tokens"]
    assert usage.total_output == own.get("output_tokens", 0)
    said = {name: value for way in reversed(line["expected"]) for name, value in way.items()}
    cached = usage.cache_read + usage.audio_cache_read + usage.image_cache_read
    assert cached == said.get("cache_read_tokens", 0)
    assert usage.audio_cache_read == said.get("cache_audio_read_tokens", 0)
    assert usage.image_cache_read == said.get("cache_image_read_tokens", 0)
    assert usage.cache_write_5m + usage.cache_write_1h == said.get("cache_write_tokens", 0)
    assert usage.cache_write_1h == said.get("cache_write_1h_tokens", 0)
    assert usage.reasoning == said.get("output_reasoning_tokens", 0)
    assert usage.audio_input == said.get("input_audio_tokens", 0) - said.get("cache_audio_read_tokens", 0)
    # Documents count as images there; here they count as text, as litellm counts them, and cost as much.
    images = said.get("input_image_tokens", 0) - said.get("cache_image_read_tokens", 0)
    assert usage.image_input == images - documents(line["body"])
    assert usage.audio_output == said.get("output_audio_tokens", 0)
    assert usage.web_searches == said.get("web_searches", 0)


def documents(body):
    details = body.get("usageMetadata", {}).get("promptTokensDetails", [])
    return sum(detail["tokenCount"] for detail in details if detail["modality"] == "DOCUMENT")


def test_nothing_of_real_usage_contradicts_itself():
    assert not [usage for _, line in READ if (usage := read_usage(line["body"], model="given")).notes]


def test_the_lines_name_their_model_wherever_their_format_does():
    for _, line in READ:
        named = line["body"].get("model") or line["body"].get("modelVersion")
        if named:
            assert read_usage(line["body"]).model == named
