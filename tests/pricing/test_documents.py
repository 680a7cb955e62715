"""Texts of many documents: each answer in them is read once, and what carries no usage is passed over."""

from __future__ import annotations

import json

import pytest

from budgetctl.errors import InvalidResponseError
from budgetctl.pricing.reading import documents
from budgetctl.pricing.reading.documents import are_several, read_documents
from budgetctl.pricing.reading.usage import read_document

MESSAGE = "msg_01XFDUDYJgAACzvnptvVoYEL"
OTHER = "msg_01Q9rbL4Wk2mZxPs8TnVd3YhC"


def chat(request_id="a", sent=1_000, **more):
    usage = {"prompt_tokens": sent, "completion_tokens": 10}
    return {"id": request_id, "object": "chat.completion", "model": "gpt-4o", "usage": usage, **more}


def claude(request_id=MESSAGE, output=42, **more):
    usage = {"input_tokens": 1_000, "output_tokens": output}
    message = {"id": request_id, "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "usage": usage}
    return {"type": "assistant", "timestamp": "2026-11-20T10:00:00.250Z", "message": message, **more}


def codex(total, last=None, **more):
    """A line that says what was used so far; with nothing of it, one of limits alone."""
    counts = [None if each is None else {"input_tokens": each, "total_tokens": each} for each in (total, last or total)]
    info = None if total is None else dict(zip(("total_token_usage", "last_token_usage"), counts, strict=True))
    return {"type": "event_msg", "payload": {"type": "token_count", "info": info}, **more}


def meta(session):
    return {"type": "session_meta", "payload": {"id": session}}


def turn(model):
    return {"type": "turn_context", "payload": {"model": model}}


def gemini(request_id, **more):
    tokens = {"input": 1_000, "output": 50, "cached": 0, "thoughts": 0, "tool": 0, "total": 1_050}
    return {"id": request_id, "type": "gemini", "model": "gemini-2.5-pro", "tokens": tokens, **more}


def lines(*bodies):
    return "\n".join(body if isinstance(body, str) else json.dumps(body) for body in bodies)


def read(*bodies, **given):
    return read_documents(lines(*bodies), **given)


def ids(found):
    return [answer.usage.request_id for answer in found.answers]


class TestForms:
    """Several documents in one text."""

    @pytest.mark.parametrize(
        "text",
        [
            lines(chat("a"), "", chat("b")),
            f"\ufeff{lines(chat('a'), chat('b'))}\r\n",
            json.dumps([chat("a"), chat("b")]),
            json.dumps(chat("a"), indent=2) + json.dumps(chat("b"), indent=2),
            lines([chat("a")], [chat("b")]),
        ],
    )
    def test_are_read_one_by_one(self, text):
        assert are_several(text)
        assert ids(read_documents(text)) == ["a", "b"]

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps(chat()),
            json.dumps(chat(), indent=2),
            "data: {}\n\ndata: {}\n",
            lines(*({"id": "a", "object": "chat.completion.chunk", "choices": []} for _ in range(3))),
            "no JSON\nat all",
            "",
        ],
    )
    def test_one_response_or_stream_is_not_several(self, text):
        assert not are_several(text)

    def test_chunks_of_gemini_s_are_one_answer(self):
        def chunk(request_id, output):
            counts = {"promptTokenCount": 100, "candidatesTokenCount": output, "totalTokenCount": 100 + output}
            return {"responseId": request_id, "modelVersion": "gemini-2.5-pro", "usageMetadata": counts}

        found = read_documents(json.dumps([chunk("a", 1), chunk("a", 5), chunk("b", 2), chunk("b", 9)]))
        assert [(each.usage.request_id, each.usage.text_output) for each in found.answers] == [("a", 5), ("b", 9)]

    def test_a_record_beside_a_response_is_not_left_out(self):
        text = lines(chat("a"), claude(), {"type": "user"})
        with pytest.raises(InvalidResponseError, match="a list of JSON documents"):
            read_document(text)
        assert len(read_documents(text).answers) == 2

    def test_streams_behind_each_other_are_one_answer_each(self):
        def chunks(request_id):
            chunk = {"id": request_id, "object": "chat.completion.chunk", "model": "gpt-4o"}
            yield {**chunk, "choices": [{"delta": {"content": "Hi"}}]}
            yield {**chunk, "choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 2}}

        found = read(*chunks("a"), *chunks("b"))
        assert [(answer.usage.request_id, answer.usage.uncached_input) for answer in found.answers] == [
            ("a", 8), ("b", 8),
        ]  # fmt: skip

    def test_places_are_lines_or_numbers(self):
        text = lines(chat("a"), "", json.dumps(chat("b"), indent=1), chat("c"))
        assert [answer.place for answer in read_documents(text).answers] == ["line 1", "line 3", "line 12"]
        found = read_documents(json.dumps([chat("a"), chat("b")]))
        assert [answer.place for answer in found.answers] == ["document 1", "document 2"]

    def test_what_is_bad_is_named_and_the_rest_is_read(self):
        text = lines(chat("a"), '{"id": "b", oops}', chat("c"), {"model": "m", "usage": None}, 7, chat("d"))
        found = read_documents(text)
        assert ids(found) == ["a", "c", "d"]
        assert [bad.place for bad in found.bad] == ["line 2", "line 4", "line 5"]
        assert [str(bad.error).partition(":")[0] for bad in found.bad] == [
            "it is not JSON", "the response has no usage", "it is JSON, but a number and not an object",
        ]  # fmt: skip

    def test_there_are_bounds(self, monkeypatch):
        monkeypatch.setattr(documents, "MAX_ANSWERS", 2)
        with pytest.raises(InvalidResponseError, match="more than 2 answers") as caught:
            read(chat("a"), chat("b"), {"type": "user"}, chat("c"))
        assert "split -l 2 FILE" in caught.value.hint

    def test_a_provider_s_errors_cost_nothing(self):
        batch = {"id": "b", "custom_id": "c", "response": None, "error": {"message": "expired"}}
        found = read(chat("a"), {"error": {"message": "rate limit"}}, batch)
        assert (ids(found), found.failed, found.bad) == (["a"], 2, [])

    def test_a_model_is_for_all_and_another_for_those_that_name_none(self):
        nameless = {**chat("b"), "model": None}
        assert {each.usage.model for each in read(chat("a"), nameless, model="gpt-4.1").answers} == {"gpt-4.1"}
        assert [each.usage.model for each in read(chat("a"), nameless, otherwise="gpt-4.1").answers] == [
            "gpt-4o", "gpt-4.1",
        ]  # fmt: skip

    def test_an_answer_without_usage_is_counted_later(self):
        body = {**chat("b"), "usage": {"prompt_tokens": 0}, "choices": [{"message": {"content": "Hello!"}}]}
        assert [each.partial is not None for each in read(chat("a"), body).answers] == [False, True]

    def test_the_same_answer_again_is_one(self):
        found = read(chat("a"), chat("a"), chat("a", 2_000), chat(None), chat(None))
        assert (ids(found), found.repeated) == (["a", "a", None, None], 1)


class TestClaudeCode:
    """Its sessions, and what it prints of a run."""

    def test_a_message_of_several_lines_counts_as_the_one_that_says_most(self):
        later = claude(output=42, timestamp="2026-11-20T10:00:09Z")
        found = read(claude(output=1), later, claude(output=7), claude(OTHER))
        assert [answer.usage.text_output for answer in found.answers] == [42, 42]
        assert (found.answers[0].at_us, found.repeated) == (1_795_168_800_250_000, 2)

    @pytest.mark.parametrize(
        "line",
        [
            {"type": "summary", "summary": "about nothing", "leafUuid": "u"},
            {"type": "user", "message": {"role": "user", "content": "hi"}},
            {"type": "user", "message": {"content": []}, "toolUseResult": {"usage": {"input_tokens": 9}}},
            {"type": "assistant", "message": {"role": "assistant", "content": "no usage"}},
            {"type": "assistant", "message": {"id": "x", "model": "<synthetic>", "usage": {"input_tokens": 0}}},
            {"type": "file-history-snapshot", "snapshot": {}},
        ],
    )
    def test_lines_without_usage_are_passed_over(self, line):
        found = read(line, claude())
        assert (len(found.answers), found.silent, found.bad) == (1, 1, [])

    def test_the_result_of_a_run_counts_its_lines(self):
        result = {
            "type": "result",
            "total_cost_usd": 0.25,
            "session_id": "s",
            "uuid": "u",
            "usage": {"input_tokens": 1},
        }
        found = read(claude(session_id="s"), result, claude(OTHER, session_id="another"))
        assert ids(found) == ["u", OTHER]


class TestCodex:
    """Its sessions, whose lines say what was used since the line before, and in all."""

    def test_the_model_is_that_of_the_turn(self):
        found = read(meta("s"), turn("gpt-5"), codex(100), turn("gpt-5-mini"), codex(300, 200))
        assert [(each.usage.model, each.usage.uncached_input) for each in found.answers] == [
            ("gpt-5", 100), ("gpt-5-mini", 200),
        ]  # fmt: skip

    def test_a_line_with_the_same_total_says_nothing_new(self):
        found = read(meta("s"), turn("gpt-5"), codex(None), codex(100), codex(100), codex(200, 100))
        assert (ids(found), found.silent) == (["s/100", "s/200"], 4)

    def test_sessions_are_told_apart(self):
        found = read(meta("s"), turn("gpt-5"), codex(100), meta("t"), turn("gpt-5"), codex(100))
        assert ids(found) == ["s/100", "t/100"]

    def test_without_a_turn_before_it_a_line_is_bad(self):
        found = read(meta("s"), codex(100))
        assert [(bad.place, str(bad.error)) for bad in found.bad] == [
            ("line 2", "the response does not say which model answered")
        ]


class TestOthers:
    """Sessions in one document, and lines under a head."""

    def test_a_session_of_gemini_s_is_its_messages(self):
        session = {"sessionId": "s", "messages": [{"type": "user", "content": "x"}, gemini("1"), gemini("2")]}
        text = json.dumps(session, indent=2)
        assert are_several(text)
        found = read_documents(text)
        assert (ids(found), found.count, found.silent) == (["s/1", "s/2"], 3, 1)
        head = {"sessionId": "s", "projectHash": "h", "kind": "main"}
        assert ids(read(head, gemini("1"), {"$set": {"lastUpdated": "now"}}, gemini("2"))) == ids(found)

    def test_spans_of_an_export_are_one_each(self):
        def span(request_id):
            given = {"gen_ai.response.id": request_id, "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 9}
            return {"attributes": given}

        export = {"resourceSpans": [{"scopeSpans": [{"spans": [span("a"), {"name": "tool"}, span("b")]}]}]}
        assert ids(read(export, export)) == ["a", "b"]

    @pytest.mark.parametrize("stated", ["yesterday", "2026-11-20", "2026-13-40T10:00:00Z", 7, None])
    def test_no_time_is_taken_from_anything_else(self, stated):
        assert read(claude(timestamp=stated)).answers[0].at_us is None
