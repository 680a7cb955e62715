"""Answers without usage: the parts of a stream or body by which its text can be counted.

OpenAI's chat streams state their usage only when they are asked to, and a stream that was cut off states none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading.counts import items, part, shown, text, word
from budgetctl.pricing.reading.formats import read_usage_object
from budgetctl.pricing.reading.gemini import is_gemini, read_gemini

_Event = Mapping[str, Any]


class PartialAnswer(NamedTuple):
    """The known parts of an answer without usage: a usage that lacks the output, and the text of the answer.

    `has_input` says whether the usage has the tokens of the input, which Anthropic's streams state at their start.
    """

    usage: Usage
    text: str
    has_input: bool


class UncountedStreamError(InvalidResponseError):
    """A saved answer states no usage. Its text may be counted: see `pricing.price_partial`."""

    def __init__(self, message: str, answer: PartialAnswer, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.answer = answer

    @classmethod
    def of_body(cls, message: str, usage: Usage, text: str) -> UncountedStreamError:
        """The error for a whole body."""
        answer = PartialAnswer(usage, text, has_input=False)
        return cls(message, answer, hint="give the texts or the tokens yourself")


def text_of_answer(body: Mapping[str, Any]) -> str:
    """The text that a whole body answers with."""
    return "".join(_fragments(body))


def partial_answer(events: Sequence[_Event]) -> PartialAnswer | None:
    """The known parts of the answer in these events; None where they have no text, or more than one answer."""
    came_back = "".join(fragment for event in events for fragment in _fragments(event))
    about = [_about(event) for event in events]
    if not came_back or len({shown(each["id"]) for each in about if each.get("id")}) > 1:
        return None
    for message in (part(event, "message") for event in events if event.get("type") == "message_start"):
        if part(message, "usage"):
            usage = read_usage_object(message)._replace(text_output=0, reasoning=0)
            return PartialAnswer(usage, came_back, has_input=True)
    for chunk in reversed(events):
        if is_gemini(chunk):
            usage = read_gemini(chunk)
            return PartialAnswer(usage, came_back, has_input=usage.total_input > 0)
    model, answer_id, created = (_first(about, name) for name in ("model", "id", "created"))
    return PartialAnswer(Usage(model=model, request_id=answer_id, created=created), came_back, has_input=False)


def _about(event: _Event) -> Mapping[str, Any]:
    """The object in an event that names the answer."""
    return part(event, "message") or part(event, "response") or event


def _first(about: Sequence[Mapping[str, Any]], name: str) -> str | None:
    return next((text(each[name]) for each in about if each.get(name)), None)


def _fragments(event: _Event) -> Iterator[str]:
    """The pieces of text that an event adds to the answer: of its words, its reasoning, and its calls of tools."""
    yield from _words(event, "delta", "generation", "response")  # OpenAI Responses; Llama, Ollama
    delta = part(event, "delta")  # Anthropic, Cohere
    yield from _words(delta, "text", "thinking", "partial_json")
    yield from _words(part(delta, "message", "content"), "text")
    yield from _words(part(event, "contentBlockDelta", "delta"), "text")  # Bedrock
    for choice in items(event.get("choices")):  # Chat Completions, and completions of old
        yield from _words(choice, "text")
        for made in (part(choice, "delta"), part(choice, "message")):
            yield from _spoken(made)
    for candidate in items(event.get("candidates")):  # Gemini
        for each in items(part(candidate, "content").get("parts")):
            yield from _words(each, "text")
    for each in (*items(event.get("content")), *items(event.get("output"))):  # Anthropic, Responses
        yield from _words(each, "text", "thinking")
        for inner in items(each.get("content")):
            yield from _words(inner, "text")
    yield from _spoken(part(event, "message"))  # Ollama


def _spoken(made: Mapping[str, Any]) -> Iterator[str]:
    """The text in a message of Chat Completions, or in a piece of one."""
    yield from _words(made, "content", "reasoning_content", "reasoning", "refusal")
    for call in items(made.get("tool_calls")):
        yield from _words(part(call, "function"), "name", "arguments")


def _words(section: Mapping[str, Any], *names: str) -> Iterator[str]:
    yield from (found for name in names if (found := word(section.get(name))))
