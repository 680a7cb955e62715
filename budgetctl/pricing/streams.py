"""Saved streams: the chunks or events of one answer, put together into the body that its usage is read from.

Only what `read_usage` looks at is put together, not the text. Providers send their counts in one of three ways:
once at the end (OpenAI), growing with each chunk (Gemini), or at the start and again, by name, at the end
(Anthropic).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.pricing.counts import is_object, items, part, section, shown, word
from budgetctl.pricing.formats import BODIES, error_text
from budgetctl.pricing.gemini import is_gemini
from budgetctl.pricing.partial import UncountedStreamError, partial_answer

_Event = Mapping[str, Any]
_Parse = Callable[[str], Any]

_LINE_ENDS = re.compile(r"\r\n|\n|\r")
"""Those of server-sent events. JSON may hold others, at which `str.splitlines` would split too."""

_FIELDS = ("data:", "event:", "id:", "retry:", ":")

_MAX_LINES_PER_EVENT = 100
"""Providers send an event's JSON in one line; more are joined, within reason."""


# From text to events


def is_stream(text: str) -> bool:
    """Whether a text begins as server-sent events do."""
    return text.startswith(_FIELDS)


def events_of_stream(text: str, parse: _Parse) -> list[_Event]:
    """The JSON objects of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Blank lines between events may be missing, as they are after `grep ^data:`.
    """
    events: list[Any] = []
    pending: list[str] = []
    for line in [*_LINE_ENDS.split(text), ""]:
        if not line and pending:
            events.append(parse("\n".join(pending)))  # raises: it was tried when its last line came
        name, _, value = line.partition(":")
        value = value.strip()
        if name != "data" or not value or (value == "[DONE]" and not pending):
            continue
        pending.append(value)
        try:
            events.append(parse("\n".join(pending)))
        except InvalidResponseError:
            if len(pending) >= _MAX_LINES_PER_EVENT:
                raise
        else:
            pending.clear()
    return items(events)


def events_of_lines(text: str, parse: _Parse) -> list[_Event] | None:
    """The JSON objects of a text that has one in each of several lines; None if it has not."""
    lines = [line for line in _LINE_ENDS.split(text) if line and not line.isspace()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return None
    try:
        return items([parse(line) for line in lines])
    except InvalidResponseError:
        return None


# From events to a body


def assemble(events: Sequence[_Event]) -> Mapping[str, Any]:
    """Put the events of one streamed answer together into a body.

    Raises `InvalidResponseError` for events without usage, and for those of several answers.
    """
    if len(events) == 1 and not _is_event(events[0]) and any(form.matches(events[0]) for form in BODIES):
        return events[0]  # a whole body in the frame of a stream
    for read in (_anthropic, _responses, _chat, _gemini, _cohere, _converse):
        body = read(events)
        if body is not None:
            return body
    for event in events:
        if event.get("error") or event.get("type") == "error":
            what = error_text(event.get("error") or event)
            raise InvalidResponseError(f"the stream ended in an error, without usage: {what}")
    if events and not any(map(_is_event, events)):
        raise InvalidResponseError(
            f"the response is a list of JSON documents ({len(events)}), and not the chunks of one stream",
            hint="save one response, or one stream, in a file",
        )
    raise _uncounted(
        events,
        f"the stream has no usage: none of its {len(events)} events says how many tokens were used",
        "ask for it with stream_options.include_usage, or give the texts or the tokens yourself",
    )


def _uncounted(events: Sequence[_Event], why: str, hint: str) -> InvalidResponseError:
    """The error for a stream without usage, with its answer where there is one to count."""
    answer = partial_answer(events)
    if answer is None:
        return InvalidResponseError(why, hint=hint)
    return UncountedStreamError(why, answer, hint=hint)


_EVENT_TYPES = ("response.", "message_", "message-", "content_block_", "content-", "tool-", "ping", "error")
"""How the types of events begin, of OpenAI, Anthropic and Cohere."""


def _is_event(event: _Event) -> bool:
    """Whether an object is a piece of a stream, and not an answer by itself."""
    return (word(event.get("type")) or "").startswith(_EVENT_TYPES) or _is_chunk(event)


def _anthropic(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """`message_start` has the message; each `message_delta` replaces the counts that it names.

    https://docs.anthropic.com/en/docs/build-with-claude/streaming
    """
    message = _only(part(event, "message") for event in events if event.get("type") == "message_start")
    if message is None:
        return None
    deltas = [event for event in events if event.get("type") == "message_delta"]
    if not deltas:
        why = "the stream ends before its message_delta, which has the tokens of the output"
        raise _uncounted(events, why, "save the whole stream, or give the tokens yourself")
    usage = dict(section(message, "usage"))
    for event in deltas:
        usage |= {name: value for name, value in section(event, "usage").items() if value is not None}
    return {**message, "usage": usage}


_ENDS_OF_RESPONSES = ("response.completed", "response.incomplete", "response.failed", "response.done")


def _responses(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The event that ends a response has all of it: https://platform.openai.com/docs/api-reference/responses-streaming."""
    return _only(
        part(event, "response")
        for event in events
        if event.get("type") in _ENDS_OF_RESPONSES and is_object(event.get("response"))
    )


def _is_chunk(event: _Event) -> bool:
    kind = event.get("object")
    return kind in ("chat.completion.chunk", "text_completion") or any(
        "delta" in choice for choice in items(event.get("choices"))
    )


def _chat(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The last usage of the chunks, which some servers send with each: Groq's stands in `x_groq`.

    https://platform.openai.com/docs/api-reference/chat-streaming. What names the answer may stand in any chunk.
    """
    chunks = [event for event in events if _is_chunk(event)]
    counted = [
        {**chunk, "usage": usage}
        for chunk in chunks
        if (usage := chunk.get("usage") or part(chunk, "x_groq").get("usage"))
    ]
    last = _only(counted)
    if last is None:
        return None
    names = ("id", "model", "created", "service_tier")
    about = {name: chunk[name] for name in names for chunk in chunks if chunk.get(name)}
    notes = [
        note
        for chunk in chunks
        for choice in items(chunk.get("choices"))
        for note in items(part(choice, "delta").get("annotations"))
    ]
    return {**last, **about, "choices": [{"message": {"annotations": notes}}]}


def _gemini(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The last `usageMetadata`: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent."""
    chunks = [event for event in events if is_gemini(event)]
    last = _only(chunks, "responseId")
    if last is None:
        return None
    about = {name: event[name] for name in ("modelVersion", "model_version") for event in events if event.get(name)}
    candidates = [candidate for event in events for candidate in items(event.get("candidates"))]
    return {**last, **about, "candidates": candidates}


def _cohere(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """`message-end` has the usage, `message-start` the id: https://docs.cohere.com/v2/docs/streaming."""
    end = _only(part(event, "delta") for event in events if event.get("type") == "message-end")
    if end is None:
        return None
    named = (event["id"] for event in events if event.get("type") == "message-start" and event.get("id"))
    return {**end, "id": next(named, None)}


def _converse(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The `metadata` event has the usage.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamMetadataEvent.html
    """
    return _only(part(event, "metadata") for event in events if part(event, "metadata", "usage"))


def _only(bodies: Iterable[Mapping[str, Any]], name: str = "id") -> Mapping[str, Any] | None:
    """The last of the bodies, None if there is none. Those of several answers, by their ids, are refused."""
    last: Mapping[str, Any] | None = None
    ids: set[str] = set()
    for last in bodies:
        if last.get(name):
            ids.add(shown(last[name]))
    if len(ids) > 1:
        raise InvalidResponseError(
            f"the response holds {len(ids)} answers, and not one: {shown(', '.join(sorted(ids)))}",
            hint="save one response, or one stream, in a file",
        )
    return last
