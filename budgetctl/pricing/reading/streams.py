"""Saved streams: the chunks or events of one answer, put together into the body that its usage is read from.

Only the fields that `read_usage` looks at are put together, not the text. Providers send their counts in three ways:
once at the end (OpenAI), growing with each chunk (Gemini), or at the start and again, by name, at the end
(Anthropic).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.errors import InvalidResponseError
from budgetctl.pricing.reading.counts import is_object, items, part, section, shown, word
from budgetctl.pricing.reading.formats import BODIES, answered_with, error_in, error_text
from budgetctl.pricing.reading.gemini import is_gemini
from budgetctl.pricing.reading.partial import UncountedStreamError, partial_answer
from budgetctl.pricing.reading.tally import Tally, counts_in
from budgetctl.pricing.reading.vocabulary import INPUT, OUTPUT

_Event = Mapping[str, Any]
_Parse = Callable[[str], Any]


class Document(dict[str, Any]):
    """A body, and notes on how it was put together."""

    def __init__(self, body: Mapping[str, Any], notes: tuple[str, ...]) -> None:
        super().__init__(body)
        self.notes = notes


class Events(NamedTuple):
    """The JSON objects of a stream, whether it was cut off, and how many of its events are no JSON."""

    events: Sequence[_Event]
    is_cut: bool = False
    odd: int = 0


_LINE_ENDS = re.compile(r"\r\n|\n|\r")
"""The line ends of server-sent events. JSON may have others, at which `str.splitlines` would split too."""

_FIELDS = ("data:", "event:", "id:", "retry:", ":")

_MAX_LINES_PER_EVENT = 100
"""The most lines of an event that are joined. Providers send an event's JSON in one line."""


# From text to events


def is_stream(text: str) -> bool:
    """Whether a text begins as server-sent events do."""
    return text.startswith(_FIELDS)


def events_of_stream(text: str, parse: _Parse) -> Events:
    """The JSON objects of server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

    Blank lines between events may be missing, as they are after `grep ^data:`. An event that is no JSON, as servers
    send to keep a connection open, is counted and passed over.
    """
    events: list[Any] = []
    pending: list[str] = []
    odd = 0
    for line in _LINE_ENDS.split(text):
        if not line and pending:
            pending.clear()
            odd += 1
        name, _, value = line.partition(":")
        value = value.strip()
        if name != "data" or not value or (value == "[DONE]" and not pending):
            continue
        pending.append(value)
        try:
            events.append(parse("\n".join(pending)))
        except InvalidResponseError:
            whole = _parsed_alone(value, parse) if len(pending) > 1 and value.startswith("{") else None
            if whole is not None:  # what was pending was none, and no blank line came
                events.append(whole)
                pending.clear()
                odd += 1
            elif len(pending) >= _MAX_LINES_PER_EVENT:
                raise
        else:
            pending.clear()
    is_cut = bool(pending) and pending[0].startswith("{")
    return Events(items(events), is_cut, odd + (bool(pending) and not is_cut))


def _parsed_alone(line: str, parse: _Parse) -> Any:
    try:
        return parse(line)
    except InvalidResponseError:
        return None


def events_of_lines(text: str, parse: _Parse) -> Events | None:
    """The JSON objects of a text of several lines with one in each; None for another text. The last may be cut off."""
    lines = [line for line in _LINE_ENDS.split(text) if line and not line.isspace()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return None
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(parse(line))
        except InvalidResponseError:
            if number == 1 or number < len(lines):
                return None
            return Events(items(events), is_cut=True)
    return Events(items(events))


def events_of_array(text: str, parse: _Parse) -> Events | None:
    """The JSON objects of an array that was cut off; None for another text, and where none of them is whole."""
    if not text.startswith("["):
        return None
    events: list[Any] = []
    decoder = json.JSONDecoder()
    position = 1
    while (start := text.find("{", position)) >= 0 and not text[position:start].strip(" ,\t\r\n"):
        try:
            _, position = decoder.raw_decode(text, start)
            events.append(parse(text[start:position]))
        except (ValueError, RecursionError, InvalidResponseError):
            break
    return Events(items(events), is_cut=True) if events else None


# From events to a body


def assemble(stream: Events) -> Mapping[str, Any]:
    """Put the events of one streamed answer together into a body.

    Raises `InvalidResponseError` for events without usage, and for those of several answers.
    """
    events = _unwrapped(stream.events)
    notes = _notes_of(stream)
    if (
        len(events) == 1
        and not stream.is_cut
        and not is_event(events[0])
        and any(form.matches(events[0]) for form in BODIES)
    ):
        return Document(events[0], notes)  # a whole body in the frame of a stream
    for read in (_anthropic, _responses, _chat, _gemini, _cohere, _converse, _single):
        body = read(events)
        if body is not None:
            if stream.is_cut and not _is_ended(events):
                raise _uncounted(events, "the stream was cut off before it said what was used", _GIVE)
            is_short = read is _chat and not _is_ended(events)
            return Document(body, (*notes, *(["the stream ends before its answer does"] if is_short else [])))
    error = next((event for event in events if event.get("error") or event.get("type") == "error"), None)
    if error is not None and all(error_in(event) for event in events):
        raise answered_with(error_in(error))
    if error is not None:
        what = error_text(error.get("error") or error)
        raise _uncounted(events, f"the stream ended in an error, without usage: {what}", "save a whole stream")
    if events and not any(map(is_event, events)):
        if stream.is_cut:
            raise InvalidResponseError("the response is not JSON: it ends before it is complete", hint=_GIVE)
        raise several_documents(len(events))
    if stream.is_cut:
        raise _uncounted(events, "the stream was cut off before it said what was used", _GIVE)
    raise _uncounted(
        events,
        f"the stream has no usage: none of its {len(events)} events says how many tokens were used",
        "ask for it with stream_options.include_usage, or give the texts or the tokens yourself",
    )


def several_documents(count: int) -> InvalidResponseError:
    """The error for several documents in place of one."""
    return InvalidResponseError(
        f"the response is a list of JSON documents ({count}), and not the chunks of one stream",
        hint="save one response, or one stream, in a file",
    )


def _uncounted(events: Sequence[_Event], why: str, hint: str) -> InvalidResponseError:
    """The error for a stream without usage, with its answer where there is one to count."""
    answer = partial_answer(events)
    if answer is None:
        return InvalidResponseError(why, hint=hint)
    return UncountedStreamError(why, answer, hint=hint)


def _unwrapped(events: Sequence[_Event]) -> Sequence[_Event]:
    """The chunks that each stand in an object, as Google's Code Assist sends them."""
    inner = [part(event, "response") for event in events]
    return inner if events and all(map(is_gemini, inner)) else events


_GIVE = "save the whole stream, or give the tokens yourself"


def _notes_of(stream: Events) -> tuple[str, ...]:
    notes = []
    if stream.is_cut:
        notes.append("the stream was cut off in its last event")
    if stream.odd:
        what = "1 event of the stream is" if stream.odd == 1 else f"{stream.odd} events of the stream are"
        notes.append(f"{what} not JSON, and passed over")
    return tuple(notes)


def _is_ended(events: Sequence[_Event]) -> bool:
    """Whether an answer has come to its end, whatever came after it."""
    for event in events:
        if event.get("type") in {*_ENDS_OF_RESPONSES, "message_delta", "message-end"} or event.get("done") is True:
            return True
        choices = [*items(event.get("choices")), *items(event.get("candidates"))]
        if any(choice.get("finish_reason") or choice.get("finishReason") for choice in choices):
            return True
        if "metadata" in event or (event.get("usage") and not choices):
            return True
    return False


def _merged(usages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The usage of one answer from several: of each count the largest, as counts grow, or are left at 0."""
    merged: dict[str, Any] = {}
    for usage in usages:
        for name, value in usage.items():
            before = merged.get(name)
            if is_object(value) and is_object(before):
                merged[name] = _merged([before, value])
            elif value is not None and not (_is_number(value) and _is_number(before) and value < before):
                merged[name] = value
    return merged


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


_EVENT_TYPES = (
    *("response.", "message_", "message-", "content_block_", "content-", "tool-", "ping", "error"),
    *("transcript.", "image_generation.", "image_edit.", "speech.", "interaction."),
)
"""The beginnings of the types of events, of OpenAI, Anthropic, Cohere and Google."""


def is_event(event: _Event) -> bool:
    """Whether an object is a piece of a stream, and not an answer by itself."""
    return (word(event.get("type")) or "").startswith(_EVENT_TYPES) or _is_chunk(event)


def whose_event(event: _Event) -> str:
    """The id of the answer that a piece of a stream belongs to; empty where the piece does not say it."""
    if event.get("responseId"):  # Gemini's
        return shown(event["responseId"])
    place = part(event, "message") or part(event, "response") or event
    is_said = place is not event or _is_chunk(event) or event.get("type") == "message-start"
    return shown(place["id"]) if is_said and place.get("id") else ""


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
        raise _uncounted(events, why, _GIVE)
    usage = _merged([section(message, "usage"), *(section(event, "usage") for event in deltas)])
    return {**message, "usage": usage}


_ENDS_OF_RESPONSES = ("response.completed", "response.incomplete", "response.failed", "response.done")


def _responses(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The event that ends a response has all of it: https://platform.openai.com/docs/api-reference/responses-streaming."""
    return _only(
        part(event, "response")
        for event in events
        if event.get("type") in _ENDS_OF_RESPONSES and is_object(part(event, "response").get("usage"))
    )


def _is_chunk(event: _Event) -> bool:
    kind = event.get("object")
    return kind in ("chat.completion.chunk", "text_completion") or any(
        "delta" in choice for choice in items(event.get("choices"))
    )


def _chat(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The usage of the chunks, which some servers send with each.

    https://platform.openai.com/docs/api-reference/chat-streaming. Any chunk may have the fields that name the answer.
    """
    chunks = [event for event in events if _is_chunk(event)]
    counted = [{**chunk, "usage": usage} for chunk in chunks for usage in _usages_of_chunk(chunk)]
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
    usage = _merged(chunk["usage"] for chunk in counted)
    return {**last, **about, "usage": usage, "choices": [{"message": {"annotations": notes}}]}


def _usages_of_chunk(chunk: _Event) -> list[Mapping[str, Any]]:
    """The usages that a chunk states: its own, Groq's in `x_groq`, or Moonshot's in a choice."""
    places = [chunk, part(chunk, "x_groq"), *items(chunk.get("choices"))]
    return [usage for place in places if is_object(usage := place.get("usage")) and usage]


def _gemini(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The last `usageMetadata`: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent."""
    chunks = [event for event in events if is_gemini(event)]
    last = _only(chunks, "responseId")
    if last is None:
        return None
    if not last.get("responseId"):
        _refuse_several(_turns(chunks))
    about = {name: event[name] for name in ("modelVersion", "model_version") for event in events if event.get(name)}
    candidates = [candidate for event in events for candidate in items(event.get("candidates"))]
    name = "usageMetadata" if is_object(last.get("usageMetadata")) else "usage_metadata"
    usage = _merged(event[name] for event in chunks if is_object(event.get(name)))
    return {**last, **about, name: usage, "candidates": candidates}


def _turns(chunks: Sequence[_Event]) -> int:
    """The number of answers in chunks of Gemini's without an id: each has an end, or an input of its own."""
    ends = sum(part(chunk, "serverContent").get("turnComplete") is True for chunk in chunks)
    stated = (part(chunk, "usageMetadata").get("promptTokenCount") for chunk in chunks)
    sent = {tokens for tokens in stated if type(tokens) is int and tokens}
    return max(ends, len(sent))


def _cohere(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """`message-end` has the usage, `message-start` the id: https://docs.cohere.com/v2/docs/streaming."""
    ends = [part(event, "delta") for event in events if event.get("type") == "message-end"]
    _refuse_several(len(ends))
    if not ends:
        return None
    named = (event["id"] for event in events if event.get("type") == "message-start" and event.get("id"))
    return {**ends[0], "id": next(named, None)}


def _converse(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The `metadata` event has the usage.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamMetadataEvent.html
    """
    ends = [part(event, "metadata") for event in events if part(event, "metadata", "usage")]
    _refuse_several(len(ends))
    return ends[0] if ends else None


def _single(events: Sequence[_Event]) -> Mapping[str, Any] | None:
    """The only event that is a body by itself: the last line of Ollama, the end of a transcript, a run's last state.

    https://platform.openai.com/docs/api-reference/assistants-streaming. The interactions of Gemini stand in an object.
    """
    results = [event for event in events if event.get("type") == "result" and "total_cost_usd" in event]
    if results:  # of Claude Code, at the end of all that it printed
        _refuse_several(len(results))
        return results[0]
    bodies = [part(event, "interaction") or event for event in events if event.get("object") != "thread.run.step"]
    finished = [body for body in bodies if "totalUsage" in body]
    counted = finished or [body for body in bodies if any(form.matches(body) for form in BODIES)]
    names = {_identity(body) for body in counted}
    if not counted or len(names) > 1 or (None in names and not _grow(counted)):
        return None
    usages = [body["usage"] for body in counted if is_object(body.get("usage"))]
    if len(usages) == len(counted):
        return {**counted[-1], "usage": _merged(usages)}
    return _merged(counted)


def _identity(body: Mapping[str, Any]) -> str | None:
    """The name of an answer, under whichever name."""
    names = ("id", "request_id", "requestId", "response_id", "uuid")
    found = next((body[name] for name in names if body.get(name)), None)
    found = found or part(body, "ResponseMetadata").get("RequestId")
    return None if found is None else shown(found)


def _grow(bodies: Sequence[Mapping[str, Any]]) -> bool:
    """Whether bodies that name no answer are one that grows: with one input, one end, and no count that falls."""
    sent_before = came_before = 0
    for number, body in enumerate(bodies, start=1):
        tally = Tally(counts_in(part(body, "usage") or body))
        sent, came = tally.found[INPUT], tally.found[OUTPUT]
        is_end = body.get("done") is True or body.get("stop_reason") or body.get("stopReason")
        if came < came_before or (sent_before and sent not in {0, sent_before}) or (is_end and number < len(bodies)):
            return False
        sent_before, came_before = sent or sent_before, came
    return len(bodies) == 1 or not any("usage" in body for body in bodies)


def _only(bodies: Iterable[Mapping[str, Any]], name: str = "id") -> Mapping[str, Any] | None:
    """The last of the bodies, None if there is none. Those of several answers, by their ids, are refused."""
    last: Mapping[str, Any] | None = None
    ids: set[str] = set()
    for last in bodies:
        if last.get(name):
            ids.add(shown(last[name]))
    if len(ids) > 1:
        _refuse_several(len(ids), f": {shown(', '.join(sorted(ids)))}")
    return last


def _refuse_several(answers: int, which: str = "") -> None:
    if answers > 1:
        raise InvalidResponseError(
            f"the response holds {answers} answers, and not one{which}",
            hint="save one response, or one stream, in a file",
        )
