"""What responses cost: litellm's number, to the picodollar."""

import json
import re

import pytest

from budgetctl import money
from budgetctl.errors import CannotPriceError, InvalidResponseError
from budgetctl.money import Picodollars, parse_amount
from budgetctl.pricing import price_response, price_tokens, price_usage, read_usage


def picodollars(usd):
    return money.from_number(float(usd))


@pytest.mark.parametrize(
    ("name", "usd"),
    [("openai-chat", "0.00388"), ("openai-responses", "0.0079685"), ("anthropic-message", "0.0161856")],
)
def test_the_examples_cost_what_their_price_lists_say(example, name, usd):
    price = price_response(example(name))
    assert price.amount == parse_amount(usd)
    assert isinstance(price.amount, Picodollars)


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic-message"])
def test_the_examples_cost_what_litellm_says(example, litellm, name):
    body = example(name)
    expected = litellm.completion_cost(completion_response=example(name))
    assert price_response(body).amount == picodollars(expected)


CHAT = {"prompt_tokens": 12_000, "completion_tokens": 900, "total_tokens": 12_900}
CACHED = CHAT | {"prompt_tokens_details": {"cached_tokens": 8_000}}
REASONING = CHAT | {"completion_tokens_details": {"reasoning_tokens": 640}}
AUDIO = CHAT | {
    "prompt_tokens_details": {"audio_tokens": 3_000, "cached_tokens": 1_000},
    "completion_tokens_details": {"audio_tokens": 700},
}
WRITES = CHAT | {
    "cache_creation_input_tokens": 5_000,
    "cache_read_input_tokens": 3_000,
    "prompt_tokens_details": {"cached_tokens": 3_000, "cache_creation_tokens": 5_000},
}
WRITES_1H = WRITES | {
    "prompt_tokens_details": {
        "cached_tokens": 3_000,
        "cache_creation_tokens": 5_000,
        "cache_creation_token_details": {
            "ephemeral_5m_input_tokens": 2_000,
            "ephemeral_1h_input_tokens": 3_000,
        },
    }
}
LONG = {"prompt_tokens": 300_000, "completion_tokens": 900, "total_tokens": 300_900}


@pytest.mark.parametrize(
    ("model", "usage", "tier"),
    [
        ("gpt-4o", CHAT, None),
        ("gpt-4o", CACHED, None),
        ("gpt-4o", CACHED, "priority"),
        ("gpt-5", CACHED, "flex"),
        ("gpt-5", REASONING, "flex"),
        ("gpt-5", REASONING, "default"),
        ("gpt-audio", AUDIO, None),
        ("azure/gpt-4o", CACHED, None),
        ("claude-sonnet-4-5", CHAT, "standard"),
        ("claude-sonnet-4-5", WRITES, None),
        ("claude-sonnet-4-5", WRITES_1H, None),
        ("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", WRITES_1H, None),
        ("gemini/gemini-2.5-pro", LONG, None),
        ("gemini/gemini-2.5-flash", REASONING, None),
        ("xai/grok-4.3", REASONING, None),
        ("mistral/mistral-large-latest", CHAT, None),
        ("dashscope/qwen-plus-latest", LONG, None),
    ],
)
def test_a_dumped_response_and_its_object_both_cost_what_litellm_says(litellm, model, usage, tier):
    if model not in litellm.model_cost and model.removeprefix("bedrock/") not in litellm.model_cost:
        pytest.skip(f"{model} is not in this version's map")
    response = litellm.ModelResponse(model=model, usage=litellm.Usage(**usage), service_tier=tier)
    expected = picodollars(litellm.completion_cost(completion_response=response))
    assert expected > 0
    assert price_response(response.model_dump()).amount == expected
    assert price_response(response).amount == expected


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 100, "output_tokens": 50, "cache_creation_input_tokens": 4_000},
        {
            "input_tokens": 100,
            "output_tokens": 50,
            "cache_read_input_tokens": 9_000,
            "cache_creation_input_tokens": 4_000,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 4_000},
        },
        {
            "input_tokens": 100,
            "output_tokens": 50,
            "cache_read_input_tokens": 0,
            "server_tool_use": {"web_search_requests": 3},
        },
        {"input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 0, "inference_geo": "us"},
    ],
)
def test_anthropic_usage_costs_what_litellm_says(litellm, usage):
    body = {"type": "message", "model": "claude-opus-4-6", "usage": usage}
    expected = litellm.completion_cost(completion_response=json.loads(json.dumps(body)))
    assert price_response(body).amount == picodollars(expected)


def test_every_search_of_a_response_is_charged(litellm):
    from litellm.types.llms.openai import ResponsesAPIResponse

    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1763792511,
        "model": "gpt-5",
        "output": [{"type": "web_search_call", "id": f"ws_{n}", "status": "completed"} for n in range(3)],
        "usage": {"input_tokens": 1_000, "output_tokens": 200, "total_tokens": 1_200},
    }
    expected = litellm.completion_cost(completion_response=ResponsesAPIResponse(**body))
    assert price_response(body).amount == picodollars(expected)
    assert price_response(ResponsesAPIResponse(**body)).amount == picodollars(expected)


def test_an_answer_of_a_batch_costs_half(example):
    body = example("openai-chat")
    line = {"custom_id": "request-1", "response": {"status_code": 200, "body": body}, "error": None}
    assert price_response(line).amount * 2 == price_response(body).amount


def test_embeddings(litellm):
    body = {"object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 1_234}}
    response = litellm.EmbeddingResponse(
        model="text-embedding-3-small", usage=litellm.Usage(prompt_tokens=1_234, total_tokens=1_234)
    )
    expected = picodollars(litellm.completion_cost(completion_response=response))
    assert price_response(body).amount == price_response(response).amount == expected > 0


def test_text_completions(litellm):
    response = litellm.TextCompletionResponse(
        model="gpt-3.5-turbo-instruct",
        usage=litellm.Usage(prompt_tokens=10, completion_tokens=2, total_tokens=12),
    )
    expected = litellm.completion_cost(completion_response=response)
    assert price_response(response).amount == picodollars(expected)


def test_an_object_is_priced_by_its_hidden_parameters(litellm):
    response = litellm.ModelResponse(model="gpt-4o", usage=litellm.Usage(**CACHED))
    response._hidden_params = {"custom_llm_provider": "azure"}
    price = price_response(response)
    assert price.pricing["key"] == "azure/gpt-4o"
    assert price.amount == picodollars(litellm.completion_cost(completion_response=response))


def test_a_registered_model_has_the_registered_price(litellm):
    rates = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "litellm_provider": "openai"}
    litellm.register_model({"house-model": rates})
    try:
        response = litellm.ModelResponse(model="house-model", usage=litellm.Usage(**CHAT))
        assert price_response(response).amount == parse_amount("0.0138")
        assert price_response(response.model_dump()).amount == parse_amount("0.0138")
    finally:
        del litellm.model_cost["house-model"]


def test_an_object_of_a_providers_own_library_is_read_as_its_json(example):
    from openai.types.chat import ChatCompletion

    response = ChatCompletion.model_validate(example("openai-chat"))
    assert price_response(response).amount == parse_amount("0.00388")


# Which model it is


def test_a_provider_sells_at_its_own_price(litellm):
    usage = {"prompt_tokens": 1_000, "completion_tokens": 100}
    price = price_response({"model": "gpt-4o", "usage": usage}, provider="azure")
    assert price.pricing["key"] == "azure/gpt-4o"


def test_the_given_model_is_priced(example):
    price = price_response(example("openai-chat"), model="gpt-4o-mini")
    assert price.model == "gpt-4o-mini"
    assert price.amount == price_tokens("gpt-4o-mini", 1204, 87).amount


def test_a_makers_bare_name_is_found_at_the_maker():
    price = price_tokens("mistral-large-latest", 1_000, 100)
    assert price.pricing["key"] == "mistral/mistral-large-latest"


@pytest.mark.parametrize(
    "model",
    ["no-such-model", "claude-opus-99", "foo/gpt-4o", "sample_spec", "dall-e-3"],
)
def test_a_model_without_a_price_is_refused(litellm, model):
    with pytest.raises(CannotPriceError) as caught:
        price_tokens(model, 1_000, 100)
    assert model in caught.value.message
    response = litellm.ModelResponse(model=model, usage=litellm.Usage(**CHAT))
    with pytest.raises(CannotPriceError):
        price_response(response)


def test_a_misspelt_model_comes_with_candidates_to_paste():
    with pytest.raises(CannotPriceError) as caught:
        price_tokens("gpt-4o-mnii", 1_000, 100)
    candidates = re.findall(r"--model ([^\s,;]+)", caught.value.hint)
    assert "--model gpt-4o-mini" in caught.value.hint
    assert 1 <= len(candidates) <= 5
    assert all(price_tokens(name, 1_000, 100).amount > 0 for name in candidates)


@pytest.mark.parametrize(("model", "provider"), [("x" * 5_000, None), ("gpt-4o", "a\nb" * 900)])
def test_a_name_of_any_length_is_refused_in_a_short_line(model, provider):
    with pytest.raises(CannotPriceError) as caught:
        price_tokens(model, 1, 1, provider=provider)
    for line in (caught.value.message, caught.value.hint):
        assert len(line) < 600
        assert len(line.splitlines()) == 1


def test_an_unknown_model_is_looked_for_once(monkeypatch):
    import difflib

    searches = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda wanted, *_, **__: searches.append(wanted) or [])
    for _ in range(3):
        with pytest.raises(CannotPriceError):
            price_tokens("nobody/asked-for-three-times", 1, 1)
    assert searches == ["asked-for-three-times"]


@pytest.mark.parametrize("provider", ["github_copilot", "chatgpt", "huggingface"])
def test_providers_that_litellm_would_log_in_to_are_never_asked(litellm, provider):
    response = litellm.ModelResponse(model="gpt-4o", usage=litellm.Usage(**CHAT))
    response._hidden_params = {"custom_llm_provider": provider}
    for ask in (
        lambda: price_tokens(f"{provider}/gpt-4o", 1, 1),
        lambda: price_tokens(f"models/{provider}/gpt-4o", 1, 1),
        lambda: price_tokens("gpt-4o", 1, 1, provider=provider),
        lambda: price_response({"model": "gpt-4o", "usage": CHAT}, provider=provider),
        lambda: price_response(response),
    ):
        with pytest.raises(CannotPriceError, match="login"):
            ask()


# Zero


def test_a_model_that_is_listed_at_zero_is_free():
    price = price_tokens("codestral/codestral-latest", 1_000, 100)
    assert price.amount == 0
    assert price.pricing["rates"]["input_cost_per_token"] == 0


def test_a_listed_model_without_rates_is_not_free(litellm):
    key = next(
        key
        for key, entry in litellm.model_cost.items()
        if entry.get("mode") == "chat"
        and not key.startswith(("github_copilot/", "chatgpt/"))
        and not any("cost" in name or "pricing" in name for name in entry)
    )
    with pytest.raises(CannotPriceError, match="no price per token"):
        price_tokens(key, 1_000, 100)


def test_a_model_that_is_sold_by_the_query_is_not_free_by_the_token(litellm):
    key = next(
        key
        for key, entry in litellm.model_cost.items()
        if entry.get("input_cost_per_query") and entry.get("input_cost_per_token") == 0
    )
    with pytest.raises(CannotPriceError):
        price_tokens(key, 1_000, 0)


def test_no_tokens_of_a_priced_model_cost_nothing():
    assert price_tokens("gpt-4o", 0, 0).amount == 0
    assert price_tokens("dashscope/qwen-plus-latest", 0, 0).amount == 0


# What is kept of it


def test_the_price_says_how_it_was_found(litellm, example):
    from litellm._version import version

    price = price_response(example("openai-chat"))
    assert price.model == "gpt-4o"
    assert price.usage == read_usage(example("openai-chat"))
    assert price_usage(price.usage) == price
    assert price.pricing["source"] == "litellm"
    assert price.pricing["version"] == version
    assert price.pricing["key"] == "gpt-4o"
    assert price.pricing["rates"]["output_cost_per_token"] == litellm.model_cost["gpt-4o"]["output_cost_per_token"]
    assert json.loads(json.dumps(price.pricing)) == price.pricing


# What is no response


def test_an_object_without_usage_is_refused(litellm):
    with pytest.raises(InvalidResponseError, match="ModelResponse without usage"):
        price_response(litellm.ModelResponse(model="gpt-4o"))


@pytest.mark.parametrize("body", [None, "text", 12, [], object()])
def test_what_is_no_response_is_refused(body):
    with pytest.raises(InvalidResponseError, match="is not a response"):
        price_response(body)


# What an object states


def answer(litellm, content="Hello", **usage):
    message = {"role": "assistant", "content": content}
    return litellm.ModelResponse(id="r1", model="gpt-4o", choices=[{"message": message}], usage=litellm.Usage(**usage))


def test_a_cost_that_an_object_states_comes_first(litellm):
    price = price_response(answer(litellm, prompt_tokens=10, completion_tokens=5, total_tokens=15, cost=0.25))
    assert (price.amount, price.pricing["source"]) == (250_000_000_000, "provider")


def test_an_object_with_text_and_no_tokens_is_not_free(litellm):
    with pytest.raises(InvalidResponseError, match="states no tokens, although it has text"):
        price_response(answer(litellm, prompt_tokens=0, completion_tokens=0, total_tokens=0))


def test_what_an_object_states_of_unknown_names_is_noted(litellm):
    price = price_response(answer(litellm, prompt_tokens=10, completion_tokens=5, total_tokens=15, shrubs=7))
    assert price.pricing["notes"] == ["not known here, and not in the price: shrubs 7"]
