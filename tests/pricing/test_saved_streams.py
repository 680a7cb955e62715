"""Saved streams, put together into the body that their usage is read from."""

import json
from pathlib import Path

import pytest

from budgetctl.cli.reading import read_response
from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.pricing import read_document, read_usage
from budgetctl.pricing.reading.partial import UncountedStreamError
from support.places import EXAMPLES

BODIES = Path(__file__).parent / "bodies"

GEMINI = Usage(model="gemini-2.5-flash", request_id="kIQhafzWDOn0", uncached_input=12, text_output=6, reasoning=30)

READ = {
    EXAMPLES / "openai-chat-stream.sse": Usage(
        model="gpt-4o-2024-08-06",
        request_id="chatcmpl-CfQ2sVn8LkT0",
        created="1763800210",
        uncached_input=170,
        cache_read=1280,
        text_output=9,
        service_tier="default",
    ),
    EXAMPLES / "anthropic-stream.sse": Usage(
        model="claude-sonnet-4-5-20250929",
        request_id="msg_01VnK4cR8tYpQw2sXz6LbJmD",
        uncached_input=472,
        cache_read=9216,
        cache_write_1h=2048,
        text_output=89,
        service_tier="standard",
    ),
    BODIES / "openai-responses-stream.sse": Usage(
        model="gpt-5-2025-08-07",
        request_id="resp_67c9",
        created="1763807000",
        uncached_input=37,
        cache_read=100,
        text_output=47,
        reasoning=64,
        service_tier="priority",
    ),
    BODIES / "gemini-stream.sse": GEMINI,
    BODIES / "gemini-stream-array.json": GEMINI,
    BODIES / "groq-stream.sse": Usage(
        model="llama-3.3-70b-versatile",
        request_id="chatcmpl-groq1",
        created="1763808000",
        uncached_input=20,
        text_output=5,
    ),
    BODIES / "cohere-stream.sse": Usage(model="given", request_id="29f14a5a", uncached_input=3, text_output=56),
    BODIES / "bedrock-stream-array.json": Usage(model="given", uncached_input=13, text_output=5),
}

CHAT = (EXAMPLES / "openai-chat-stream.sse").read_text()


def read(text, model=None):
    return read_usage(read_document(text), model=model)


def sse(*events):
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def chunk(**fields):
    return {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [], **fields}


def start(**usage):
    return {"type": "message_start", "message": {"id": "m1", "type": "message", "model": "claude-x", "usage": usage}}


def delta(**usage):
    return {"type": "message_delta", "delta": {}, "usage": usage}


@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_a_documented_stream_is_read_as_the_body_it_ends_as(path):
    expected = READ[path]
    assert read(path.read_text(), "given" if expected.model == "given" else None) == expected


# The framing


@pytest.mark.parametrize(
    "reframed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("data: ", "data:"),
        lambda text: "\ufeff\n" + text,
        lambda text: ": OPENROUTER PROCESSING\n\n" + text,
        lambda text: "id: 1\nretry: 3000\n" + text,
        lambda text: "\n".join(line for line in text.splitlines() if line.startswith("data:")),
        lambda text: "\n".join(line[6:] for line in text.splitlines() if line.startswith("data: {")),
        lambda text: f"[{','.join(line[6:] for line in text.splitlines() if line.startswith('data: {'))}]",
        lambda text: text.replace('"content": "Yes: "', '"content": "\u2028Yes: \x85"'),
        lambda text: text.replace("[DONE]", ""),
    ],
)
@pytest.mark.parametrize("path", list(READ)[:3], ids=lambda path: path.name)
def test_the_way_a_stream_was_saved_makes_no_difference(path, reframed):
    assert read(reframed(path.read_text())) == READ[path]


def test_an_event_may_take_several_lines_of_data():
    lines = json.dumps(chunk(usage={"prompt_tokens": 3}), indent=1).splitlines()
    assert read("\n".join(f"data: {line}" for line in lines) + "\n\ndata: [DONE]\n").total_input == 3


def test_a_stream_that_was_cut_within_an_event_is_counted_by_its_text():
    with pytest.raises(UncountedStreamError, match="cut off before it said") as caught:
        read(CHAT[: CHAT.rindex('"completion_tokens"')])
    assert caught.value.answer.text.startswith("Yes")


def test_a_stream_that_was_cut_after_it_said_what_was_used_is_read():
    usage = read(CHAT[: CHAT.index("data: [DONE]")] + 'data: {"id": "chat')
    assert usage._replace(notes=()) == READ[EXAMPLES / "openai-chat-stream.sse"]
    assert usage.notes == ("the stream was cut off in its last event",)


def test_an_event_that_is_no_json_is_passed_over():
    usage = read("data: keep-alive\n\n" + CHAT.replace("data: [DONE]", "data: {ping\n\ndata: [DONE]"))
    assert usage._replace(notes=()) == READ[EXAMPLES / "openai-chat-stream.sse"]
    assert usage.notes == ("2 events of the stream are not JSON, and passed over",)


def test_lines_without_end_are_not_joined_for_ever():
    with pytest.raises(InvalidResponseError, match="not JSON"):
        read("data: {\n" * 100_000)


def test_a_whole_body_in_the_frame_of_a_stream_is_that_body(example):
    whole = example("openai-chat")
    assert read(sse(whole)) == read(json.dumps([whole])) == read_usage(whole)


@pytest.mark.parametrize("given", [str, lambda path: f"\n{path.read_text()}"], ids=["a file", "the text itself"])
@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_the_command_line_takes_a_stream_as_it_takes_a_response(path, given):
    assert read_response(given(path)) == read_document(path.read_text())


def test_an_error_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "cut.sse"
    file.write_text(CHAT[:200])
    with pytest.raises(InvalidResponseError, match=r"cut\.sse: the stream was cut off"):
        read_response(str(file))


# OpenAI


def test_the_last_usage_counts_where_every_chunk_has_one():
    usages = [{"prompt_tokens": 9, "completion_tokens": n} for n in (1, 2, 3)]
    assert read(sse(*(chunk(usage=usage) for usage in usages))).total_output == 3


def test_what_names_the_answer_may_stand_in_any_chunk():
    usage = read(sse(chunk(service_tier="flex"), chunk(model="", usage={"prompt_tokens": 1}, id="")))
    assert (usage.model, usage.request_id, usage.service_tier) == ("gpt-4o", "c1", "flex")


def test_pages_cited_in_a_stream_mean_that_the_web_was_searched():
    cited = [{"delta": {"annotations": [{"type": "url_citation"}]}}]
    assert read(sse(chunk(choices=cited), chunk(usage={"prompt_tokens": 1}))).web_searches == 1


def test_a_response_that_ended_early_was_billed_too():
    response = {"id": "r", "model": "gpt-5", "usage": {"input_tokens": 4, "output_tokens": 2}}
    assert read(sse({"type": "response.incomplete", "response": response})).total_output == 2


# Anthropic


def test_a_delta_replaces_the_counts_that_it_names():
    usage = read(
        sse(
            start(input_tokens=10, cache_read_input_tokens=7, output_tokens=1),
            delta(output_tokens=20, input_tokens=None),
            delta(output_tokens=35, input_tokens=12, server_tool_use={"web_search_requests": 2}),
        )
    )
    assert (usage.uncached_input, usage.cache_read, usage.text_output, usage.web_searches) == (12, 7, 35, 2)


def test_a_count_that_a_later_event_leaves_at_zero_is_what_it_was():
    usage = read(sse(start(input_tokens=10, cache_read_input_tokens=7), delta(input_tokens=0, output_tokens=20)))
    assert (usage.uncached_input, usage.cache_read, usage.text_output) == (10, 7, 20)


def test_a_stream_that_ends_before_its_delta_has_no_output_yet():
    with pytest.raises(InvalidResponseError, match="ends before its message_delta"):
        read(sse(start(input_tokens=10, output_tokens=1)))


# What is refused


@pytest.mark.parametrize(
    "text",
    [
        sse(chunk(), chunk(usage=None)) + "data: [DONE]\n",
        json.dumps([chunk(), chunk()]),
        "\n".join(json.dumps(event) for event in (chunk(), chunk())),
        sse({"type": "response.created", "response": {}}),
        sse({"type": "content_block_delta", "delta": {"text": "hello"}}),
        "data: [DONE]\n",
        "event: ping\n\n",
    ],
)
def test_a_stream_without_usage_says_so(text):
    with pytest.raises(InvalidResponseError, match="the stream has no usage") as caught:
        read(text)
    assert "include_usage" in caught.value.hint


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "Overloaded"}},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"type": "error", "code": "server_error", "message": "Overloaded"},
    ],
)
def test_a_stream_that_ended_in_an_error_says_which(error):
    with pytest.raises(InvalidResponseError, match=r"error.*: Overloaded"):
        read(sse(chunk(), error))


@pytest.mark.parametrize(
    "text",
    [
        sse(chunk(usage={"prompt_tokens": 1}), chunk(id="c2", usage={"prompt_tokens": 2})),
        sse(start(input_tokens=1), delta(), start(input_tokens=2) | {"message": {"id": "m2"}}, delta()),
        json.dumps([{"responseId": name, "usageMetadata": {"promptTokenCount": 1}} for name in "ab"]),
        sse(*({"type": "response.completed", "response": {"id": name, "usage": {}}} for name in "ab")),
    ],
)
def test_several_answers_in_one_file_are_refused(text):
    with pytest.raises(InvalidResponseError, match="holds 2 answers, and not one"):
        read(text)


@pytest.mark.parametrize("separate", [lambda bodies: "\n".join(map(json.dumps, bodies)), json.dumps])
def test_whole_responses_are_not_taken_for_chunks(separate, example):
    bodies = [example("openai-chat"), example("openai-chat") | {"id": "other"}]
    with pytest.raises(InvalidResponseError, match=r"a list of JSON documents \(2\)"):
        read_document(separate(bodies))


def test_a_whole_session_of_an_agent_is_not_taken_for_a_stream():
    lines = [json.loads((BODIES / f"{name}.json").read_text()) for name in ("claude-code-line", "codex-token-count")]
    with pytest.raises(InvalidResponseError, match="a list of JSON documents"):
        read_document("\n".join(json.dumps(line) for line in [*lines, {"type": "user", "message": {}}]))


def test_a_line_that_is_no_json_among_others_is_told_as_such():
    with pytest.raises(InvalidResponseError, match="not JSON"):
        read_document('{"a": 1}\n{"b":\n')
