"""Streams that never say what was used: their text is counted, and that is said."""

import json
from decimal import Decimal

import pytest

from budgetctl.errors import InvalidResponseError
from budgetctl.pricing import price_partial, price_tokens, read_document
from budgetctl.pricing.counting.prompts import count_text
from budgetctl.pricing.prices import own_prices
from budgetctl.pricing.reading.partial import UncountedStreamError

WORDS = "Coins in a thin purse, each one counted."


def sse(*events):
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def chat(*deltas, id="c1", **fields):  # noqa: A002
    chunk = {"id": id, "object": "chat.completion.chunk", "model": "gpt-4o", "created": 7, **fields}
    return [{**chunk, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]


def anthropic(*deltas):
    usage = {"input_tokens": 11, "cache_read_input_tokens": 7, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "model": "claude-sonnet-4-5", "usage": usage}
    yield {"type": "message_start", "message": message}
    yield from ({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas)


def answer(text):
    with pytest.raises(UncountedStreamError) as caught:
        read_document(text)
    return caught.value.answer


@pytest.mark.parametrize(
    "events",
    [
        chat({"role": "assistant", "content": WORDS[:9]}, {"content": WORDS[9:]}),
        chat({"reasoning_content": WORDS[:9]}, {"content": WORDS[9:]}, {"content": None}),
        chat({"tool_calls": [{"function": {"name": WORDS[:9], "arguments": WORDS[9:]}}]}),
        [{"id": "c1", "object": "text_completion", "model": "gpt-4o", "choices": [{"text": WORDS}]}],
        [
            {"type": "response.created", "response": {"id": "c1", "model": "gpt-4o"}},
            {"type": "response.output_text.delta", "delta": WORDS},
        ],
    ],
)
def test_what_came_back_is_put_together(events):
    found = answer(sse(*events))
    assert (found.text, found.usage.model, found.usage.request_id) == (WORDS, "gpt-4o", "c1")


def test_what_came_back_is_counted_as_text():
    price = price_partial(answer(sse(*chat({"content": WORDS}))))
    assert price.amount == price_tokens("gpt-4o", 0, count_text("gpt-4o", WORDS)).amount > 0
    assert price.pricing["counted"] == "text"


def test_what_was_sent_is_counted_as_a_message(litellm):
    sent = litellm.token_counter(model="gpt-4o", messages=[{"role": "user", "content": "Write a haiku."}])
    price = price_partial(answer(sse(*chat({"content": WORDS}))), "Write a haiku.")
    assert price.usage.total_input == sent


def test_messages_that_were_sent_are_counted_as_they_are(litellm):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write a haiku."}]
    price = price_partial(answer(sse(*chat({"content": WORDS}))), messages)
    assert price.usage.total_input == litellm.token_counter(model="gpt-4o", messages=messages)


def test_it_is_what_litellm_makes_of_the_same_chunks(litellm):
    messages = [{"role": "user", "content": "Write a haiku."}]
    chunks = [
        litellm.ModelResponse(stream=True, **chunk) for chunk in chat({"content": WORDS[:9]}, {"content": WORDS[9:]})
    ]
    built = litellm.stream_chunk_builder(chunks, messages=messages).usage
    usage = price_partial(answer(sse(*chat({"content": WORDS}))), "Write a haiku.").usage
    assert (usage.total_input, usage.total_output) == (built.prompt_tokens, built.completion_tokens)


def test_what_anthropic_said_of_the_input_counts():
    usage = price_partial(answer(sse(*anthropic({"text": WORDS[:9]}, {"thinking": WORDS[9:]}))), "not asked for").usage
    assert (usage.uncached_input, usage.cache_read) == (11, 7)
    assert usage.text_output == count_text("claude-sonnet-4-5", WORDS)


def test_the_model_and_the_provider_may_be_given():
    own_prices.save(own_prices.own_price("azure/mine", {"output": Decimal(1)}))
    price = price_partial(answer(sse(*chat({"content": WORDS}))), model="mine", provider="azure")
    assert (price.usage.model, price.usage.provider, price.pricing["key"]) == ("mine", "azure", "azure/mine")


def test_a_stream_that_names_no_model_needs_one():
    found = answer(sse({"choices": [{"delta": {"content": WORDS}}]}))
    with pytest.raises(InvalidResponseError, match="does not say which model"):
        price_partial(found)
    assert price_partial(found, model="gpt-4o").usage.model == "gpt-4o"


def test_a_stream_without_text_cannot_be_counted():
    with pytest.raises(InvalidResponseError) as caught:
        read_document(sse(*chat({"role": "assistant"}, {})))
    assert not isinstance(caught.value, UncountedStreamError)


def test_streams_of_several_answers_are_not_added_up():
    with pytest.raises(InvalidResponseError) as caught:
        read_document(sse(*chat({"content": "a"}), *chat({"content": "b"}, id="c2")))
    assert not isinstance(caught.value, UncountedStreamError)


@pytest.mark.parametrize("odd", [{"of": 1}, ["c1"], 7, True])
def test_an_id_of_any_type_tells_one_answer_from_another(odd):
    assert answer(sse(*chat({"content": WORDS}, {"content": WORDS}, id=odd))).text == WORDS * 2
    with pytest.raises(InvalidResponseError) as caught:
        read_document(sse(*chat({"content": "a"}, id=odd), *chat({"content": "b"})))
    assert not isinstance(caught.value, UncountedStreamError)
