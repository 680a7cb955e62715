"""The usage of a provider's response, read into disjoint counts of tokens.

OpenAI counts cached tokens inside the input, Anthropic beside it, and both count reasoning inside the
output; a `Usage` holds each token once, so that each is priced once. Pure functions over parsed JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading.counts import MAX_TOKENS, kind, quoted, shown
from budgetctl.pricing.reading.envelopes import ENVELOPES, RECORDS
from budgetctl.pricing.reading.formats import BODIES, refuse
from budgetctl.pricing.reading.partial import UncountedStreamError, text_of_answer
from budgetctl.pricing.reading.streams import (
    Document,
    Events,
    assemble,
    events_of_array,
    events_of_lines,
    events_of_stream,
    is_event,
    is_stream,
    several_documents,
)

__all__ = ["MAX_TOKENS", "read_document", "read_usage", "shown"]

_FORMATS = (*BODIES, *ENVELOPES)

_ANSWERS = ("data", "embedding", "embeddings", "results", "predictions", "output", "candidates")
"""The fields of answers that are no text."""

_TRAILER = re.compile(r"(?:[^{\[\n][^\n]{0,200}(?:\n|$)){1,20}|\{[^{}]*\"http_code\"[^{}]*\}")
"""Lines after the JSON, or an object, as `curl -w` writes them."""

_FROM_CURL = re.compile(r"(?:\* |> |< |\s*% Total|[0-9a-fA-F]{1,8}\r?\n[^\n]*\{)")
"""The beginning of a file with more than the answer: curl's remarks on its work, or the answer's raw chunks."""


def read_document(text: str) -> Mapping[str, Any]:
    """Parse the text of one saved response, or of one saved stream, whose events are put together into a body.

    A stream is server-sent events (`data: …`), an array of chunks as Gemini sends it, or a chunk a line; one that was
    cut off is read as far as it goes. Raises `InvalidResponseError` for anything that is not a single JSON object, and
    for a stream without usage.
    """
    text = text.strip("\ufeff \t\r\n")
    if not text:
        raise InvalidResponseError("the response is empty", hint="save the provider's whole JSON body")
    if is_stream(text):
        return assemble(events_of_stream(text, _parse))
    try:
        document = _parse(text)
    except InvalidResponseError as error:
        return _read_broken(text, error)
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        if len(document) == 1 and is_known(document[0]):
            return document[0]  # type: ignore[no-any-return]  # an object, as was asked
        return _assemble(Events(document))
    if not isinstance(document, dict):
        raise InvalidResponseError(f"the response is JSON, but {kind(document)} and not an object")
    return document


def _assemble(stream: Events) -> Mapping[str, Any]:
    """The body of one stream. Records of calls are no pieces of one: among several of them, none is the answer."""
    events = stream.events
    if len(events) > 1 and not any("total_cost_usd" in event for event in events) and any(map(_is_record, events)):
        raise several_documents(len(events))
    return assemble(stream)


def _is_record(event: Mapping[str, Any]) -> bool:
    return not is_event(event) and any(form.matches(event) for form in RECORDS)


def _lines(text: str) -> Events | None:
    """The documents in the lines of a text; None where the second is a remark of `curl -w`."""
    events = events_of_lines(text, _parse)
    is_trailer = events is not None and len(events.events) == 2 and "http_code" in events.events[1]
    return None if is_trailer else events


def _read_broken(text: str, error: InvalidResponseError) -> Mapping[str, Any]:
    """Read a text that is no JSON as a whole: lines of it, an array that was cut off, JSON with a line after it."""
    if _FROM_CURL.match(text):
        raise InvalidResponseError(
            "the response has more in it than the answer: what curl tells of its work, or raw chunks",
            hint="save only what curl -sS prints on stdout",
        )
    events = _lines(text) or events_of_array(text, _parse)
    if events is not None:
        return _assemble(events)
    try:
        document, end = json.JSONDecoder(parse_constant=refuse_constant).raw_decode(text)
    except (InvalidResponseError, ValueError, RecursionError):
        raise error from None
    rest = text[end:].strip()
    if not isinstance(document, dict):
        raise error
    if rest.startswith(("{", "[")) and not _TRAILER.fullmatch(rest):
        raise InvalidResponseError("the response is more than one JSON document", hint="save one in a file")
    if not _TRAILER.fullmatch(rest):
        raise error
    return Document(document, (f"passed over after the JSON: {shown(rest)[:60]}",))


def read_usage(body: Mapping[str, Any], *, model: str | None = None, provider: str | None = None) -> Usage:
    """Read the usage of a response body, whose format is found by its shape.

    Understands the bodies of OpenAI (Chat Completions, Responses, Embeddings, Realtime, images, assistants) and
    compatible servers, Anthropic, Gemini, Bedrock, Cohere, Ollama, watsonx, and litellm's dumped `ModelResponse`; lines
    of batches; litellm's and Bedrock's logs; spans of OpenTelemetry; records of coding agents.

    Every number in a usage is accounted for: `notes` name numbers that are not known or contradict each other, and
    totals that are more than their parts. `model` replaces the model that the body names; `provider` is litellm's word
    for the seller. Raises `InvalidResponseError` for a body of unknown shape, without usage or without a model, for a
    value that is no count, and for an answer that states nothing but zeros although it has text.
    """
    for _, matches, read in _FORMATS:
        if matches(body):
            usage = read(body)
            break
    else:
        refuse(body, _FORMATS)
    if type(body) is Document:
        usage = usage._replace(notes=body.notes + usage.notes)
    name = model or usage.model
    if name or usage.cost is None:  # a stated cost needs no model
        name = checked_name(name)
    if name is not usage.model or provider:
        usage = usage._replace(model=name, provider=provider or usage.provider)
    # These two, as most answers have both of them, and this is asked of each.
    if not usage.uncached_input or not usage.text_output:
        return _refuse_silent_zero(body, usage)
    return usage


def is_known(body: Mapping[str, Any]) -> bool:
    """Whether a body is of a format that `read_usage` understands."""
    return any(form.matches(body) for form in _FORMATS)


def _refuse_silent_zero(body: Mapping[str, Any], usage: Usage) -> Usage:
    """Refuse an answer without any count that has text; note an answer without its input's or output's tokens."""
    if usage.cost is not None or usage.also:
        return usage
    if usage.has_counts:
        return _note_missing_side(body, usage)
    answer = text_of_answer(body)
    if answer:
        why = "the response states no tokens, although it has text"
        raise UncountedStreamError.of_body(why, usage, answer)
    if any(body.get(name) for name in _ANSWERS):
        raise InvalidResponseError(
            "the response states no tokens, although it has an answer", hint="give the tokens or the cost yourself"
        )
    if usage.notes:
        raise InvalidResponseError(
            f"the response states no tokens that are known here: {usage.notes[-1]}",
            hint="give the tokens or the cost yourself",
        )
    return usage


def _note_missing_side(body: Mapping[str, Any], usage: Usage) -> Usage:
    """The usage, with a note where an answer has text, and no tokens of its input or of its output are stated."""
    if (usage.total_input and usage.total_output) or usage.unexplained or not text_of_answer(body):
        return usage
    missing = "output" if usage.total_input else "input"
    return usage._replace(notes=(*usage.notes, f"the answer has text, and no tokens of its {missing} are stated"))


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except InvalidResponseError:
        raise
    except RecursionError:
        raise InvalidResponseError("the response is nested too deeply to be a provider's answer") from None
    except ValueError as error:
        # Of a number of thousands of digits, Python says how to change its settings.
        why = str(error) if isinstance(error, json.JSONDecodeError) else "a number in it has too many digits"
        raise InvalidResponseError(
            f"the response is not JSON: {why}", hint="save the provider's whole JSON body"
        ) from None


def checked_name(name: Any) -> str:
    """The name of the model that answered. Raises `InvalidResponseError` where there is none."""
    if name is None or name == "":
        raise InvalidResponseError("the response does not say which model answered", hint="name it with --model")
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        raise InvalidResponseError(f"{quoted(name)} is not the name of a model", hint="name it with --model")
    return name


def refuse_constant(constant: str) -> NoReturn:
    raise InvalidResponseError(f"the response is not JSON: {constant} is not a JSON number")
