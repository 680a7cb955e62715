"""Every format of response, as its provider documents it, read into disjoint counts."""

import enum
import json
from pathlib import Path

import pytest

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing import read_document, read_usage

BODIES = Path(__file__).parent / "bodies"

OTEL = Usage(
    model="anthropic.claude-sonnet-4-5-20250929-v1:0",
    provider="bedrock",
    request_id="msg_bdrk_01",
    uncached_input=80,
    cache_read=1024,
    cache_write_5m=100,
    text_output=87,
)

READ = {
    "openai-embeddings": Usage(model="text-embedding-3-small", uncached_input=8),
    # 400 of audio and 610 of text, of which 256 and 448 were cached
    "openai-realtime": Usage(
        model="given",
        request_id="resp_BGq4",
        uncached_input=162,
        audio_input=144,
        cache_read=448,
        audio_cache_read=256,
        text_output=28,
        audio_output=110,
    ),
    "openai-transcription": Usage(model="given", uncached_input=4, audio_input=10, text_output=45),
    "mistral-chat": Usage(
        model="mistral-small-latest",
        request_id="cmpl-e5cc70bb28c444948073e77776eb30ef",
        created="1763801000",
        uncached_input=33,
        cache_read=768,
        text_output=2,
    ),
    "cohere-chat": Usage(
        model="given", request_id="c14c80c3-18eb-4519-9460-6c92edd8cfb4", uncached_input=25, text_output=9
    ),
    "cohere-embed": Usage(
        model="given", request_id="da6e531f-54c5-4a73-bf92-f60566d8d753", uncached_input=4, image_input=120
    ),
    # reasoning is beside completion_tokens: 32 + 9 + 94 = 135
    "xai-chat": Usage(
        model="grok-4-0709",
        request_id="a3d1008e-4544-40d4-d075-11527e794e4a",
        created="1763802000",
        uncached_input=26,
        cache_read=6,
        text_output=9,
        reasoning=94,
        cost=Picodollars(1_627_500_000),
    ),
    "openrouter-chat": Usage(
        model="anthropic/claude-sonnet-4.5",
        request_id="gen-1763803000-hGtLkVjXo1",
        created="1763803000",
        uncached_input=94,
        cache_write_5m=100,
        text_output=12,
        cost=Picodollars(837_000_000),
    ),
    "perplexity-chat": Usage(
        model="sonar-pro",
        request_id="3f2a1a4e-59a0-4a5a-9d9d-2b1a5f0c8f55",
        created="1763804000",
        uncached_input=8,
        text_output=439,
        cost=Picodollars(12_609_000_000),
    ),
    "gemini-embedding": Usage(model="given", uncached_input=7),
    "litellm-standard-logging-payload": Usage(
        model="gpt-4o",
        provider="openai",
        request_id="chatcmpl-9f1c",
        created="1763805000.125",
        uncached_input=243,
        cache_read=128,
        text_output=52,
        cost=Picodollars(1_417_500_000),
    ),
    "litellm-spend-log": Usage(
        model="gpt-4o-mini",
        provider="openai",
        request_id="chatcmpl-34df56d5",
        created="2026-11-20T09:12:44.120000+00:00",
        uncached_input=20,
        cache_read=10,
        text_output=24,
        cost=Picodollars(210_000_000),
    ),
    "openai-batch-line": Usage(
        model="gpt-4o-mini-2024-07-18",
        request_id="chatcmpl-9758Iw",
        created="1763806000",
        uncached_input=24,
        text_output=15,
        service_tier="batch",
    ),
    "anthropic-batch-line": Usage(
        model="claude-sonnet-4-5-20250929",
        request_id="msg_014VwiXbi91y3JMjcpyGBHX5",
        uncached_input=11,
        cache_read=20,
        text_output=36,
        service_tier="batch",
    ),
    "otel-flat": OTEL,
    "otel-span": OTEL,
    "otel-otlp-span": OTEL,
    "claude-code-line": Usage(
        model="claude-opus-4-5-20251101",
        request_id="msg_01Wk:req_011C",
        uncached_input=10,
        cache_read=31804,
        cache_write_5m=1250,
        text_output=212,
        service_tier="standard",
    ),
    "codex-token-count": Usage(
        model="given",
        created="2026-11-21T16:20:05.118Z",
        uncached_input=986,
        cache_read=11904,
        text_output=192,
        reasoning=320,
    ),
}


def body(name):
    return json.loads((BODIES / f"{name}.json").read_text())


def gemini(**usage):
    return {"modelVersion": "gemini-2.5-flash", "usageMetadata": usage}


def converse(**usage):
    return {"usage": {"inputTokens": 10, "outputTokens": 5, **usage}}


@pytest.mark.parametrize("name", READ)
def test_a_documented_body_is_read_into_disjoint_counts(name):
    document = read_document((BODIES / f"{name}.json").read_text())
    model = "given" if READ[name].model == "given" else None
    assert read_usage(document, model=model)._replace(issuer=None) == READ[name]


@pytest.mark.parametrize("name", [name for name, usage in READ.items() if usage.model == "given"])
def test_a_format_that_names_no_model_asks_for_one(name):
    with pytest.raises(InvalidResponseError, match="which model"):
        read_usage(body(name))


@pytest.mark.parametrize("name", READ)
def test_a_given_model_and_provider_replace_what_the_body_says(name):
    usage = read_usage(body(name), model="m", provider="p")
    assert (usage.model, usage.provider) == ("m", "p")


# Gemini


def test_gemini_adds_thoughts_to_the_output_and_tool_prompts_to_the_input(example):
    usage = read_usage(example("gemini-generate-content"))
    assert usage == Usage(
        model="gemini-2.5-flash",
        request_id="mYQhaa3xKs_Z7dcPv4uB-Ac",
        uncached_input=2210 + 140 - 2048 - (258 - 143),
        cache_read=2048 - 143,
        image_cache_read=143,
        image_input=258 - 143,
        text_output=63,
        reasoning=412,
        service_tier="standard",
    )
    assert (usage.total_input, usage.total_output) == (2350, 475)


def test_gemini_counts_audio_and_images_of_both_ways():
    usage = read_usage(
        gemini(
            promptTokenCount=100,
            candidatesTokenCount=50,
            promptTokensDetails=[{"modality": "AUDIO", "tokenCount": 60}, {"modality": "VIDEO", "tokenCount": 40}],
            candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 30}, {"modality": "AUDIO", "tokenCount": 5}],
        )
    )
    assert (usage.uncached_input, usage.audio_input, usage.video_input) == (0, 60, 40)
    assert (usage.text_output, usage.image_output, usage.audio_output) == (15, 30, 5)


def test_a_modality_may_be_a_member_of_an_enumeration_as_googles_library_dumps_it():
    modality = enum.Enum("Modality", {"AUDIO": "AUDIO", "TEXT": "TEXT"}, type=str)
    parts = [{"modality": modality.AUDIO, "tokenCount": 60}, {"modality": modality.TEXT, "tokenCount": 40}]
    usage = read_usage(gemini(promptTokenCount=100, candidatesTokenCount=5, promptTokensDetails=parts))
    assert (usage.uncached_input, usage.audio_input, usage.notes) == (40, 60, ())


def test_gemini_thoughts_are_inside_the_answer_where_the_total_says_so():
    usage = read_usage(gemini(promptTokenCount=10, candidatesTokenCount=50, thoughtsTokenCount=30, totalTokenCount=60))
    assert (usage.text_output, usage.reasoning) == (20, 30)


@pytest.mark.parametrize(
    ("traffic", "tier"),
    [("ON_DEMAND", None), ("ON_DEMAND_PRIORITY", "priority"), ("ON_DEMAND_FLEX", "flex"), (["ON_DEMAND"], None)],
)
def test_the_traffic_type_of_vertex_ai_is_a_service_tier(traffic, tier):
    assert read_usage(gemini(promptTokenCount=1, trafficType=traffic)).service_tier == tier


def test_distinct_searches_of_gemini_are_counted():
    grounding = [{"groundingMetadata": {"webSearchQueries": queries}} for queries in (["a", "b", ""], ["b", "c"])]
    assert read_usage(gemini(promptTokenCount=1) | {"candidates": grounding}).web_searches == 3


def test_what_a_search_of_gemini_found_is_paid_with_the_search():
    usage = {"promptTokenCount": 10, "toolUsePromptTokenCount": 500, "candidatesTokenCount": 5, "thoughtsTokenCount": 3}
    total = {"totalTokenCount": 518}
    searched = [{"groundingMetadata": {"webSearchQueries": ["a"]}}]
    assert read_usage(gemini(**usage, **total)).total_input == 510
    grounded = read_usage(gemini(**usage, **total) | {"candidates": searched})
    assert (grounded.total_input, grounded.total_output) == (10, 8)


def test_gemini_as_its_python_library_dumps_it():
    dumped = {
        "model_version": "gemini-2.5-flash",
        "response_id": "r1",
        "sdk_http_response": None,
        "candidates": [{"grounding_metadata": {"web_search_queries": ["a"]}}],
        "usage_metadata": {
            "prompt_token_count": 10,
            "cached_content_token_count": None,
            "candidates_token_count": 5,
            "thoughts_token_count": 3,
            "prompt_tokens_details": [{"modality": "IMAGE", "token_count": 4}],
        },
    }
    assert read_usage(dumped) == Usage(
        model="gemini-2.5-flash",
        request_id="r1",
        uncached_input=6,
        image_input=4,
        text_output=5,
        reasoning=3,
        web_searches=1,
    )


# Bedrock


def test_bedrock_counts_cached_tokens_beside_the_input_and_names_no_model(example):
    with pytest.raises(InvalidResponseError, match="which model"):
        read_usage(example("bedrock-converse"))
    assert read_usage(example("bedrock-converse"), model="anthropic.claude-sonnet-4-5") == Usage(
        model="anthropic.claude-sonnet-4-5",
        request_id="3f1f4a5e-6c0d-4f7e-9b55-0a6f2c3d7e18",
        uncached_input=311,
        cache_read=4096,
        cache_write_5m=1024,
        cache_write_1h=1024,
        text_output=24,
        service_tier="flex",
    )


# What the provider billed


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.05}, 50_000_000_000),
        ({"cost": 0}, 0),
        ({"cost": None}, None),
        ({"cost": {"input_tokens_cost": 1}}, None),
        # with a key of one's own, OpenRouter's fee is beside what the maker bills
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, 210_000_000_000),
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None),
        ({"cost_in_usd_ticks": 1}, 100),
    ],
)
def test_what_was_billed_is_kept(usage, cost):
    assert read_usage({"model": "m", "usage": {"prompt_tokens": 1, **usage}}).cost == cost
    assert read_usage({"model": "m", "usage": {"input_tokens": 1, **usage}}).cost == cost


@pytest.mark.parametrize("cost", [-1, True, "0.05", float("nan"), float("inf"), 10**40])
def test_what_is_no_amount_was_not_billed(cost):
    with pytest.raises(InvalidResponseError, match="cost is not an amount"):
        read_usage({"model": "m", "usage": {"prompt_tokens": 1, "cost": cost}})


def test_a_logged_cost_of_zero_counts_only_for_what_came_from_a_cache():
    log = body("litellm-spend-log")
    assert read_usage(log | {"spend": 0.0}).cost is None
    assert read_usage(log | {"spend": 0.0, "cache_hit": "True"}).cost == 0


@pytest.mark.parametrize("metadata", ["not json", "[1]", "[" * 100_000, None, 3, {}])
def test_a_log_without_usage_in_its_metadata_is_read_by_its_totals(metadata):
    usage = read_usage(body("litellm-spend-log") | {"metadata": metadata})
    assert (usage.uncached_input, usage.cache_read, usage.text_output) == (30, 0, 24)


# What carries no usage


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "openai-batch-line-expired",
            '"?request-3"? of the batch was not answered: This request could not be executed',
        ),
        ("openai-batch-line-refused", '"?request-4"? of the batch was not answered: max_tokens is too large'),
        ("anthropic-batch-line-errored", "my-first-request of the batch .* it is errored: max_tokens: Field required"),
        ("anthropic-batch-line-expired", "my-third-request of the batch was not answered: it is expired"),
        ("mistral-ocr", "not billed by tokens: usage_info.pages_processed is 3"),
        ("cohere-rerank", "not billed by tokens: billed_units.search_units is 1"),
    ],
)
def test_an_answer_without_tokens_says_why(name, message):
    with pytest.raises(InvalidResponseError, match=message):
        read_usage(body(name), model="m")


def test_audio_billed_by_the_second_is_not_billed_by_tokens():
    with pytest.raises(InvalidResponseError, match=r"not billed by tokens: usage.seconds is 9"):
        read_usage({"text": "…", "usage": {"type": "duration", "seconds": 9}}, model="whisper-1")


def test_a_failed_call_in_a_log_says_why():
    with pytest.raises(InvalidResponseError, match="logged failed: Timeout"):
        read_usage(body("litellm-standard-logging-payload") | {"status": "failure", "error_str": "Timeout"})


def test_a_session_line_with_the_total_only_says_nothing_of_a_call():
    line = body("codex-token-count")
    del line["payload"]["info"]["last_token_usage"]
    with pytest.raises(InvalidResponseError, match="last_token_usage"):
        read_usage(line, model="gpt-5-codex")


def test_an_envelope_around_an_envelope_is_refused_and_not_followed():
    line = body("openai-batch-line")
    for _ in range(300):
        line = {"custom_id": "a", "response": {"body": line}}
    with pytest.raises(InvalidResponseError, match="no known shape"):
        read_usage(line)


@pytest.mark.parametrize(
    ("document", "counts", "said"),
    [
        (
            gemini(promptTokenCount=5, cachedContentTokenCount=6),
            {"uncached_input": 5, "cache_read": 6},
            ["cachedContentTokenCount 6", "promptTokenCount 5"],
        ),
        (
            gemini(promptTokenCount=5, promptTokensDetails=[{"modality": "AUDIO", "tokenCount": 6}]),
            {"uncached_input": 5, "audio_input": 6},
            ["promptTokensDetails of AUDIO 6", "promptTokenCount 5"],
        ),
        (
            gemini(candidatesTokenCount=5, candidatesTokensDetails=[{"modality": "IMAGE", "tokenCount": 6}]),
            {"text_output": 5, "image_output": 6},
            ["candidatesTokensDetails of IMAGE 6", "candidatesTokenCount 5"],
        ),
        (
            converse(cacheWriteInputTokens=3, cacheDetails=[{"ttl": "1h", "inputTokens": 4}]),
            {"uncached_input": 10, "cache_write_1h": 4, "text_output": 5},
            ["ephemeral_1h_input_tokens 4", "cacheWriteInputTokens 3"],
        ),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 6},
            {"uncached_input": 5, "cache_read": 6},
            ["cache_read.input_tokens 6", "input_tokens 5"],
        ),
        (
            {"payload": {"type": "token_count", "info": {"last_token_usage": {"cached_input_tokens": 2}}}},
            {"cache_read": 2},
            ["cached_input_tokens 2"],
        ),
        (
            {"payload": {"type": "token_count", "info": {"last_token_usage": {"reasoning_output_tokens": 2}}}},
            {"reasoning": 2},
            ["reasoning_output_tokens 2"],
        ),
    ],
)
def test_contradicting_counts_are_named_as_the_format_names_them(document, counts, said):
    usage = read_usage(document, model="m")
    read = {
        name: value for name, value in usage.to_json().items() if name in counts or "put" in name or "cache" in name
    }
    assert read == counts
    (note,) = usage.notes
    assert all(each in note for each in said)


@pytest.mark.parametrize("value", [-1, True, 1.5, "12", [1], {"a": 1}, 10**13])
@pytest.mark.parametrize(
    "document",
    [
        lambda value: gemini(promptTokenCount=value),
        lambda value: gemini(promptTokenCount=9, promptTokensDetails=[{"modality": "AUDIO", "tokenCount": value}]),
        lambda value: converse(inputTokens=value),
        lambda value: {"usage": {"billed_units": {"input_tokens": value}}},
        lambda value: {"gen_ai.usage.input_tokens": value},
        lambda value: {"response_cost": 0, "prompt_tokens": value},
        lambda value: {"custom_id": "a", "response": {"body": {"usage": {"prompt_tokens": value}}}},
        lambda value: {"custom_id": "a", "result": {"type": "succeeded", "message": converse(inputTokens=value)}},
        lambda value: {"type": "assistant", "message": {"usage": {"input_tokens": value}}},
        lambda value: {"type": "response.done", "response": {"usage": {"input_tokens": value}}},
        lambda value: {"payload": {"type": "token_count", "info": {"last_token_usage": {"input_tokens": value}}}},
    ],
)
def test_a_count_of_any_format_is_a_whole_number_of_tokens(document, value):
    with pytest.raises(InvalidResponseError, match="not a possible number of tokens"):
        read_usage(document(value), model="m")


def test_an_unknown_shape_lists_every_format():
    with pytest.raises(InvalidResponseError, match="no known shape") as caught:
        read_usage({"hello": 1})
    for name in ("Responses", "Gemini", "Bedrock", "Cohere", "Batch", "Realtime", "litellm", "OpenTelemetry", "Codex"):
        assert name in caught.value.message
