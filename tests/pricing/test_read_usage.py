"""What is read from the responses of each provider."""

import json

import pytest

from budgetctl.errors import InvalidResponseError, ProviderError
from budgetctl.ledger.values import Usage
from budgetctl.pricing import read_document, read_usage
from budgetctl.pricing.reading.partial import UncountedStreamError


def chat(prompt=100, completion=20, **usage):
    return {
        "model": "gpt-4o",
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, **usage},
    }


def responses(input_tokens=100, output_tokens=20, **usage):
    return {
        "object": "response",
        "model": "gpt-5",
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens, **usage},
    }


def anthropic(input_tokens=100, output_tokens=20, **usage):
    return {
        "type": "message",
        "model": "claude-sonnet-4-5",
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens, **usage},
    }


# The examples


def test_openai_chat(example):
    assert read_usage(example("openai-chat")) == Usage(
        model="gpt-4o",
        request_id="chatcmpl-CeR4pVtJ2mQx8sZbW1nKd5uYh0aLf",
        created="1763792475",
        uncached_input=1204,
        text_output=87,
        service_tier="default",
    )


def test_openai_responses_count_cached_and_reasoning_tokens_inside(example):
    usage = read_usage(example("openai-responses"))
    assert (usage.uncached_input, usage.cache_read) == (3842 - 3328, 3328)
    assert (usage.text_output, usage.reasoning) == (691 - 640, 640)
    assert (usage.total_input, usage.total_output) == (3842, 691)
    assert usage.created == "1763792511"


def test_anthropic_counts_cached_tokens_beside_the_input(example):
    usage = read_usage(example("anthropic-message"))
    assert (usage.uncached_input, usage.cache_read) == (318, 18432)
    assert (usage.cache_write_5m, usage.cache_write_1h) == (1536, 512)
    assert usage.total_input == 318 + 18432 + 2048
    assert usage.created is None
    assert usage.service_tier == "standard"


# Chat Completions and what is compatible


def test_the_same_cached_tokens_mean_less_uncached_input_at_openai_than_at_anthropic():
    openai = read_usage(chat(prompt_tokens_details={"cached_tokens": 60}))
    claude = read_usage(anthropic(cache_read_input_tokens=60))
    assert (openai.uncached_input, openai.total_input) == (40, 100)
    assert (claude.uncached_input, claude.total_input) == (100, 160)


def test_audio_is_inside_the_totals_of_chat():
    usage = read_usage(chat(prompt_tokens_details={"audio_tokens": 70}, completion_tokens_details={"audio_tokens": 15}))
    assert (usage.uncached_input, usage.audio_input) == (30, 70)
    assert (usage.text_output, usage.audio_output) == (5, 15)


def test_audio_from_the_cache_counts_as_cached():
    usage = read_usage(chat(prompt_tokens_details={"cached_tokens": 60, "audio_tokens": 70}))
    assert (usage.uncached_input, usage.cache_read, usage.audio_input) == (0, 60, 40)


def test_embeddings_have_input_only():
    body = {"object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 8}}
    usage = read_usage(body)
    assert (usage.total_input, usage.total_output) == (8, 0)


def test_deepseek_names_its_cached_tokens_twice():
    usage = read_usage(chat(prompt_cache_hit_tokens=60, prompt_tokens_details={"cached_tokens": 60}))
    assert (usage.uncached_input, usage.cache_read) == (40, 60)


def test_reasoning_beside_the_completion_is_told_by_the_total():
    details = {"reasoning_tokens": 300}
    beside = read_usage(chat(total_tokens=420, completion_tokens_details=details))
    assert (beside.text_output, beside.reasoning, beside.total_output) == (20, 300, 320)
    inside = read_usage(chat(completion=320, total_tokens=420, completion_tokens_details=details))
    assert (inside.text_output, inside.reasoning, inside.total_output) == (20, 300, 320)


def test_cache_writes_in_all_three_places_of_a_litellm_dump_are_counted_once(litellm):
    response = litellm.ModelResponse(
        model="claude-sonnet-4-5",
        usage=litellm.Usage(
            prompt_tokens=1000,
            completion_tokens=20,
            total_tokens=1020,
            cache_creation_input_tokens=300,
            cache_read_input_tokens=500,
            prompt_tokens_details={
                "cached_tokens": 500,
                "cache_creation_tokens": 300,
                "cache_creation_token_details": {
                    "ephemeral_5m_input_tokens": 100,
                    "ephemeral_1h_input_tokens": 200,
                },
            },
        ),
    )
    usage = read_usage(response.model_dump())
    assert (usage.cache_write_5m, usage.cache_write_1h) == (100, 200)
    assert (usage.uncached_input, usage.cache_read, usage.total_input) == (200, 500, 1000)


def test_cited_pages_mean_that_the_web_was_searched():
    body = chat() | {"choices": [{"message": {"annotations": [{"type": "url_citation"}]}}]}
    assert read_usage(body).to_json()["web_searches"] == 1


# Responses


def test_searches_of_a_response_are_counted():
    body = responses() | {"output": [{"type": "web_search_call"}, {"type": "message"}] * 2}
    assert read_usage(body).web_searches == 2


def test_usage_without_cache_counts_reads_the_same_for_both_formats():
    plain = {"model": "m", "usage": {"input_tokens": 100, "output_tokens": 20}}
    assert read_usage(plain) == read_usage(plain | {"type": "message"}) == read_usage(plain | {"output": []})


# Anthropic Messages


def test_cache_writes_that_no_duration_is_given_for_stay_five_minutes():
    usage = read_usage(anthropic(cache_creation_input_tokens=50))
    assert (usage.cache_write_5m, usage.cache_write_1h) == (50, 0)


def test_thinking_is_inside_the_output():
    usage = read_usage(anthropic(output_tokens_details={"thinking_tokens": 15}))
    assert (usage.text_output, usage.reasoning) == (5, 15)


def test_the_iterations_of_a_compaction_add_up():
    runs = [{"input_tokens": 900, "output_tokens": 30, "type": "compaction"}, anthropic()["usage"]]
    usage = read_usage(anthropic(iterations=runs))
    assert (usage.total_input, usage.total_output) == (1000, 50)


def test_what_changes_anthropics_price_is_kept():
    usage = read_usage(anthropic(inference_geo="us", speed="fast", server_tool_use={"web_search_requests": 3}))
    assert (usage.inference_geo, usage.speed, usage.web_searches) == ("us", "fast", 3)


# The model and the rest


def test_the_given_model_replaces_the_one_in_the_body():
    usage = read_usage(chat(), model="gpt-4.1", provider="azure")
    assert (usage.model, usage.provider) == ("gpt-4.1", "azure")


def test_a_body_without_a_model_asks_for_one():
    body = {"usage": {"prompt_tokens": 1}}
    with pytest.raises(InvalidResponseError, match="which model") as caught:
        read_usage(body)
    assert "--model" in caught.value.hint
    assert read_usage(body, model="gpt-4o").model == "gpt-4o"


@pytest.mark.parametrize("model", [7, ["gpt-4o"], "gpt\n4o", "\ud800", "  "])
def test_what_is_no_name_is_not_taken_for_a_model(model):
    with pytest.raises(InvalidResponseError, match="not the name of a model"):
        read_usage(chat() | {"model": model})


def test_the_service_tier_stands_at_the_root_or_in_the_usage():
    assert read_usage(chat() | {"service_tier": "flex"}).service_tier == "flex"
    assert read_usage(chat(service_tier="priority")).service_tier == "priority"


@pytest.mark.parametrize("text", ["a\nb", "\ud800", "\x00"])
def test_an_id_that_no_file_could_hold_is_refused(text):
    with pytest.raises(InvalidResponseError, match="neither an id nor a time"):
        read_usage(chat() | {"id": text})


# Counts that contradict each other: the reading that costs more, and a note


@pytest.mark.parametrize(
    ("body", "counts", "said"),
    [
        (
            chat(prompt_tokens_details={"cached_tokens": 120}),
            {"uncached_input": 100, "cache_read": 120, "text_output": 20},
            ["cached_tokens 120", "prompt_tokens 100"],
        ),
        (
            chat(prompt_tokens_details={"cached_tokens": 60, "cache_write_tokens": 50}),
            {"uncached_input": 100, "cache_read": 60, "cache_write_5m": 50, "text_output": 20},
            ["cached_tokens 60", "cache_write_tokens 50", "prompt_tokens 100"],
        ),
        (
            chat(completion_tokens_details={"reasoning_tokens": 30}),
            {"uncached_input": 100, "text_output": 20, "reasoning": 30},
            ["reasoning_tokens 30", "completion_tokens 20"],
        ),
        (
            chat(prompt_tokens_details={"audio_tokens": 101}),
            {"uncached_input": 100, "audio_input": 101, "text_output": 20},
            ["audio_tokens 101", "prompt_tokens 100"],
        ),
        (
            responses(input_tokens_details={"cached_tokens": 120}),
            {"uncached_input": 100, "cache_read": 120, "text_output": 20},
            ["cached_tokens 120", "input_tokens 100"],
        ),
        (
            responses(output_tokens_details={"reasoning_tokens": 21}),
            {"uncached_input": 100, "text_output": 20, "reasoning": 21},
            ["reasoning_tokens 21", "output_tokens 20"],
        ),
        (
            anthropic(cache_creation_input_tokens=9, cache_creation={"ephemeral_1h_input_tokens": 10}),
            {"uncached_input": 100, "cache_write_1h": 10, "text_output": 20},
            ["ephemeral_1h_input_tokens 10", "cache_creation_input_tokens 9"],
        ),
    ],
)
def test_parts_that_are_more_than_their_whole_are_counted_beside_it(body, counts, said):
    usage = read_usage(body)
    read = {name: value for name, value in usage.to_json().items() if name != "model"}
    assert read == counts
    (note,) = usage.notes
    assert all(each in note for each in said)


def test_a_total_that_is_more_than_its_parts_leaves_tokens_to_explain():
    usage = read_usage(chat(total_tokens=500))
    assert (usage.uncached_input, usage.text_output, usage.unexplained) == (100, 20, 380)
    assert usage.notes == (
        "total_tokens 500 is 380 more than the other counts: priced as text at the dearer rate (estimated)",
    )


def test_a_total_may_say_that_cached_tokens_are_beside_the_input():
    usage = read_usage(chat(total_tokens=180, prompt_tokens_details={"cached_tokens": 60}))
    assert (usage.uncached_input, usage.cache_read, usage.unexplained, usage.notes) == (100, 60, 0, ())


def test_a_total_that_is_less_than_its_parts_makes_nothing_cheaper():
    usage = read_usage(chat(total_tokens=50))
    assert (usage.total_input, usage.total_output) == (100, 20)
    assert usage.notes == ("total_tokens 50 is less than the other counts, which are in the price: 120",)


def test_the_total_of_bedrock_may_leave_out_what_was_cached():
    body = {"usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15, "cacheReadInputTokens": 8}}
    usage = read_usage(body, model="m")
    assert (usage.uncached_input, usage.cache_read, usage.notes) == (10, 8, ())


def test_a_zero_beside_a_real_count_is_not_the_count():
    usage = read_usage(chat(0, 0, input_tokens=1000, output_tokens=200, total_tokens=1200))
    assert (usage.uncached_input, usage.text_output, usage.notes) == (1000, 200, ())


# Names


@pytest.mark.parametrize(
    "name", ["cached_tokens", "cached_input_tokens", "cache_read_tokens", "cacheReadTokens", "prompt_cache_hit_tokens"]
)
def test_names_of_one_count_that_are_written_in_other_ways_are_read(name):
    usage = read_usage(chat(**{name: 60}))
    assert (usage.uncached_input, usage.cache_read, usage.notes) == (40, 60, ())


def test_counts_of_unknown_names_are_said():
    usage = read_usage(chat(billed_shrubs=12, extras={"shrub_tokens": 7, "list": [{"more": 3}]}, queue_time=0.25))
    assert usage.notes == (
        "not known here, and not in the price: billed_shrubs 12, extras.shrub_tokens 7, extras.list.more 3",
    )


def test_of_very_many_unknown_names_some_are_said():
    (note,) = read_usage(chat(**{f"shrubs_{number}": 1 for number in range(1000)})).notes
    assert note.endswith("shrubs_4 1 and 995 more")


# Zeros


@pytest.mark.parametrize(
    "body",
    [
        chat(0, 0) | {"choices": [{"message": {"content": "Hello"}}]},
        anthropic(0, 0) | {"content": [{"type": "text", "text": "Hello"}]},
        responses(0, 0) | {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}]},
    ],
)
def test_an_answer_with_text_and_no_tokens_is_counted_by_its_text(body):
    with pytest.raises(UncountedStreamError, match="states no tokens, although it has text") as caught:
        read_usage(body)
    assert caught.value.answer.text == "Hello"


def test_zeros_beside_a_count_that_is_not_known_are_refused():
    with pytest.raises(InvalidResponseError, match=r"no tokens that are known here: .*shrub_tokens 500"):
        read_usage(chat(0, 0, shrub_tokens=500))


def test_an_answer_of_nothing_used_nothing():
    assert not read_usage(chat(0, 0, total_tokens=0)).has_counts


# A stated cost


def test_a_stated_cost_comes_before_counts_that_contradict_each_other():
    usage = read_usage(chat(10, 5, cost=0.25, prompt_tokens_details={"cached_tokens": "many"}))
    assert usage.cost == 250_000_000_000
    assert usage.notes == ('cached_tokens is "many", which is not a possible number of tokens',)


def test_a_stated_cost_needs_no_model():
    assert read_usage({"usage": {"prompt_tokens": 1, "cost": 0.25}}).model is None


# What is refused


@pytest.mark.parametrize("value", [-1, True, 1.5, "12", [1], {"a": 1}, float("nan"), 10**13])
@pytest.mark.parametrize("body", [chat, responses, anthropic])
def test_a_count_is_a_whole_number_of_tokens(body, value):
    with pytest.raises(InvalidResponseError, match=r"(completion|output)_tokens is .* number of tokens") as caught:
        read_usage(body(100, value))
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("value", [20, 20.0])
def test_a_whole_number_may_be_written_with_a_fraction_of_zero(value):
    assert read_usage(chat(100, value)).text_output == 20


def test_details_that_are_no_object_are_refused():
    with pytest.raises(InvalidResponseError, match="prompt_tokens_details is an array"):
        read_usage(chat(prompt_tokens_details=[60]))


def test_of_two_spellings_of_geminis_usage_neither_is_passed_over():
    usage = {"prompt_token_count": 3, "candidates_token_count": 2}
    assert read_usage({"model": "m", "usageMetadata": {}, "usage_metadata": usage}).total_input == 3
    with pytest.raises(InvalidResponseError, match="usageMetadata is a number"):
        read_usage({"model": "m", "usageMetadata": 5, "usage_metadata": usage})


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"usage": {}}, {"usage": {"tokens": 3}}])
def test_an_unknown_shape_lists_what_was_looked_for(body):
    with pytest.raises(InvalidResponseError, match="no known shape") as caught:
        read_usage(body)
    for format_name in ("OpenAI Chat Completions", "OpenAI Responses", "Anthropic"):
        assert format_name in caught.value.message


def test_a_body_with_null_as_its_usage_says_so():
    with pytest.raises(InvalidResponseError, match="no usage: null"):
        read_usage({"model": "gpt-4o", "usage": None})


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Rate limit reached"}},
        {"error": "Rate limit reached"},
        {"object": "error", "message": "Rate limit reached", "type": "rate_limited"},
    ],
)
def test_an_error_body_is_told_as_one(body):
    with pytest.raises(ProviderError, match=r"answered with an error.*: Rate limit reached"):
        read_usage(body)


@pytest.mark.parametrize(
    "text",
    [
        '[{"error": {"code": 429, "message": "Rate limit reached"}}]',
        'event: error\ndata: {"type": "error", "error": {"message": "Rate limit reached"}}\n\n',
        'data: {"error": {"message": "Rate limit reached"}}\n\ndata: [DONE]\n\n',
    ],
)
def test_a_stream_that_is_nothing_but_an_error_is_told_as_one(text):
    with pytest.raises(ProviderError, match=r"answered with an error.*: Rate limit reached"):
        read_usage(read_document(text))


# Documents


def test_a_document_is_a_json_object():
    assert read_document('\ufeff {"model": "gpt-4o"}\n') == {"model": "gpt-4o"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("hello", "not JSON"),
        ('{"usage": NaN}', "NaN is not a JSON number"),
        ('{"usage": -Infinity}', "-Infinity is not a JSON number"),
        ("[1]", "an array and not an object"),
        ("null", "null and not an object"),
        ('"text"', "a string and not an object"),
        ("12", "a number and not an object"),
        ('{"a":' + "1" * 5000 + "}", "not JSON: a number in it has too many digits"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_document_is_refused(text, message):
    with pytest.raises(InvalidResponseError, match=message):
        read_document(text)


def test_numbers_beyond_a_float_are_no_counts():
    with pytest.raises(InvalidResponseError, match="number of tokens"):
        read_usage(read_document('{"model": "m", "usage": {"prompt_tokens": 1e999}}'))


@pytest.mark.parametrize(("given", "said"), [("5", '"5"'), ("\x1b[2J\n", r'"\\u001b\[2J\\n"')])
def test_text_in_the_place_of_a_count_is_said_to_be_text(given, said):
    with pytest.raises(InvalidResponseError, match=f"prompt_tokens is {said}, which"):
        read_usage({"model": "m", "usage": {"prompt_tokens": given}})


def test_usage_is_json():
    usage = read_usage(chat(prompt_tokens_details={"cached_tokens": 60}))
    assert json.loads(json.dumps(usage.to_json())) == {
        "model": "gpt-4o",
        "uncached_input": 40,
        "cache_read": 60,
        "text_output": 20,
    }
