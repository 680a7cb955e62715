"""Texts of many documents: JSON lines, arrays, sessions of coding agents, logs and the outputs of batches.

Each answer in them is read as `read_usage` reads a single one. What carries no usage is passed over; a document that
cannot be read is named by its place, and does not keep the others from being read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from budgetctl.errors import InvalidResponseError, ProviderError
from budgetctl.ledger.counts import relation
from budgetctl.ledger.identities import identities_of
from budgetctl.ledger.values import Usage
from budgetctl.periods import from_datetime
from budgetctl.pricing.reading.counts import is_object, kind, part
from budgetctl.pricing.reading.gemini import is_gemini
from budgetctl.pricing.reading.partial import PartialAnswer, UncountedStreamError
from budgetctl.pricing.reading.sessions import Sessions
from budgetctl.pricing.reading.streams import Events, assemble, is_event, is_stream, whose_event
from budgetctl.pricing.reading.usage import is_known, read_usage, refuse_constant

MAX_ANSWERS = 10_000
"""The most answers that are read from one text."""

_START_OF_LINE = re.compile(r"^[{\[]", re.MULTILINE)
_BLANK = re.compile(r"[\s\ufeff]*")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")

_STATING = ("usage", "usageMetadata", "usage_metadata", "token_usage", "tokenUsage", "choices", "candidates")
"""Fields of answers. A document that has one of them, and is of no known format, is not passed over."""

_AROUND = ("response", "Response", "result", "data", "body", "message", "payload")
"""Objects in which an answer may stand."""


class Answer(NamedTuple):
    """An answer in a text, and its place, as in `line 3`.

    `at_us` is the time that its line states, in microseconds since 1970. Of an answer without usage, `partial` is what
    can be counted.
    """

    place: str
    usage: Usage
    at_us: int | None = None
    partial: PartialAnswer | None = None


class Bad(NamedTuple):
    """A document that cannot be charged: its place, and the reason."""

    place: str
    error: InvalidResponseError


class Documents:
    """The documents of a text: its answers, each once, and the bad ones.

    `count` is how many documents there are, `silent` how many of them carry no usage, `failed` how many are errors of a
    provider, and `repeated` how many are further records of an answer.
    """

    def __init__(self) -> None:
        self.bad: list[Bad] = []
        self.count = self.silent = self.failed = self.repeated = 0
        self._found: dict[object, Answer] = {}
        self._runs: dict[object, object] = {}
        self._ended: set[object] = set()

    @property
    def size(self) -> int:
        """How many answers there are."""
        return len(self._found)

    @property
    def answers(self) -> list[Answer]:
        """The answers, in the order of their first records."""
        return list(self._found.values())

    def add(self, answer: Answer, body: Mapping[str, Any]) -> None:
        """Take an answer, or what a further record of one says more, at the time and the place of the first."""
        key, run = _key(answer), body.get("session_id")
        if body.get("type") == "result":
            self._ended.add(run)
        before = self._found.get(key)
        if before is None:
            self._found[key] = answer
            if body.get("type") == "assistant" and run:
                self._runs[key] = run
            return
        self.repeated += 1
        if relation(before.usage.to_json(), answer.usage.to_json()) == "more":
            self._found[key] = answer._replace(place=before.place, at_us=before.at_us)

    def drop_parts_of_runs(self) -> None:
        """Leave out what Claude Code printed of a run whose result is there, which counts all of it."""
        for key, run in self._runs.items():
            if run in self._ended:
                del self._found[key]
                self.silent += 1


class _Item(NamedTuple):
    """One JSON document of a text, or the events of one saved stream; else the error that stands in its place."""

    place: str
    events: list[Mapping[str, Any]]
    error: InvalidResponseError | None = None


def are_several(text: str) -> bool:
    """Whether a text holds several documents, and not one answer or one saved stream."""
    if is_stream(text.lstrip("\ufeff \t\r\n")):
        return False
    documents = 0
    for place, item in enumerate(_items(text, Sessions())):
        documents += item.error is None
        if place and documents:
            return True
    return False


def read_documents(
    text: str, *, model: str | None = None, provider: str | None = None, otherwise: str | None = None
) -> Documents:
    """Read all documents of a text.

    `model` and `provider` are as those of `read_usage`; `otherwise` is the model of answers that cannot be read without
    one. Of several records of one answer the one that says most counts, at the time of the first. The lines that Claude
    Code prints of a run are passed over where its result is there, which counts them.

    Raises `InvalidResponseError` for more than 10,000 answers.
    """
    found = Documents()
    for item in _items(text, Sessions()):
        found.count += 1
        try:
            answer = _read(item, model, provider, otherwise)
        except ProviderError:
            found.failed += 1
        except InvalidResponseError as error:
            found.bad.append(Bad(item.place, error))
        else:
            if answer is None:
                found.silent += 1
            else:
                found.add(answer, item.events[0])
                _refuse_too_many(found)
    found.drop_parts_of_runs()
    return found


def _refuse_too_many(found: Documents) -> None:
    if found.size > MAX_ANSWERS:
        raise InvalidResponseError(
            f"there are more than {MAX_ANSWERS:,} answers: so many are charged at once, and no more",
            hint=f"cut a file of lines into parts: split -l {MAX_ANSWERS} FILE",
        )


def _key(answer: Answer) -> object:
    """The answer's identity; else its whole usage, by which an id that may repeat is told apart."""
    usage = answer.usage
    found = identities_of(usage)
    if found:
        return found[0], usage.model
    if usage.request_id is None or answer.partial is not None:
        return answer.place, answer  # nothing says that it is another one's
    return usage._replace(notes=())


# One document


def _read(item: _Item, model: str | None, provider: str | None, otherwise: str | None) -> Answer | None:
    """The answer in a document; None where it carries no usage. Raises `InvalidResponseError`."""
    if item.error is not None:
        raise item.error
    body, *more = item.events
    at_us = _time(body.get("timestamp"))
    try:
        if more or (is_event(body) and not is_known(body)):
            body = assemble(Events(item.events))
        elif not is_known(body) and not _is_answer(body):
            return None
        return Answer(item.place, _usage(body, model, provider, otherwise), at_us)
    except UncountedStreamError as error:
        answer = error.answer
        usage = answer.usage._replace(
            model=model or answer.usage.model or otherwise, provider=provider or answer.usage.provider
        )
        return Answer(item.place, usage, at_us, answer._replace(usage=usage))


def _usage(body: Mapping[str, Any], model: str | None, provider: str | None, otherwise: str | None) -> Usage:
    try:
        return read_usage(body, model=model, provider=provider)
    except (ProviderError, UncountedStreamError):
        raise
    except InvalidResponseError:
        if otherwise is None:
            raise
        return read_usage(body, model=otherwise, provider=provider)


def _time(stated: Any) -> int | None:
    """The instant of a time in RFC 3339, None for anything else."""
    if not isinstance(stated, str) or not _RFC3339.fullmatch(stated):
        return None
    try:
        return from_datetime(datetime.fromisoformat(stated))
    except ValueError:
        return None


def _is_answer(body: Mapping[str, Any]) -> bool:
    """Whether a document of no known format may be an answer all the same, or a provider's error."""
    if body.get("error") or body.get("object") == "error":
        return True
    places = (body, *(part(body, name) for name in _AROUND))
    return any(name in place for place in places for name in _STATING)


# From text to documents


def _items(text: str, sessions: Sessions) -> Iterator[_Item]:
    """The documents of a text, in their order. Events of one saved stream that follow each other are one item."""
    stream: list[Mapping[str, Any]] = []
    begun = whose = ""
    for at, value in _values(text):
        if isinstance(value, InvalidResponseError):
            bodies: list[Any] = [value]
        else:
            bodies = _in(value, sessions)
        for number, body in enumerate(bodies, start=1):
            place = at if len(bodies) == 1 else f"{at}, part {number}"
            of_stream = is_object(body) and (is_event(body) or _is_chunk_of_gemini(body))
            own = whose_event(body) if of_stream else ""
            if stream and (not of_stream or (own and own != whose)):
                yield _Item(begun, stream)
                stream = []
            if of_stream:
                if not stream:
                    begun = place
                whose = own or whose
                stream.append(body)
            elif is_object(body):
                yield _Item(place, [body])
            else:
                yield _Item(place, [], body)
    if stream:
        yield _Item(begun, stream)


def _is_chunk_of_gemini(body: Mapping[str, Any]) -> bool:
    """Whether a body may be a chunk of Gemini's: each is a whole body, whose usage has that of the ones before it."""
    return bool(body.get("responseId")) and is_gemini(body)


def _in(body: Mapping[str, Any], sessions: Sessions) -> list[Any]:
    try:
        return sessions.answers_in(body)
    except InvalidResponseError as error:
        return [error]


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """The JSON objects of a text with their places, in lines, in arrays, or one after the other; or their errors.

    Behind what is no JSON, the next line that begins as a document does is the next one.
    """
    decoder = json.JSONDecoder(parse_constant=refuse_constant)
    position, line, counted, number = _end_of_blank(text, 0), 1, 0, 0
    while position < len(text):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = _decode(decoder, text, position)
        except InvalidResponseError as error:
            yield f"line {line}", error
            found = _START_OF_LINE.search(text, position + 1)
            position = len(text) if found is None else found.start()
            continue
        if isinstance(value, list):
            for each in value:
                number += 1
                yield f"document {number}", each if is_object(each) else _no_object(each)
        else:
            number += 1
            yield f"line {line}", value if is_object(value) else _no_object(value)
        position = _end_of_blank(text, position)


def _decode(decoder: json.JSONDecoder, text: str, position: int) -> tuple[Any, int]:
    try:
        return decoder.raw_decode(text, position)
    except InvalidResponseError:
        raise
    except RecursionError:
        raise InvalidResponseError("it is nested too deeply to be a provider's answer") from None
    except json.JSONDecodeError as error:
        raise InvalidResponseError(f"it is not JSON: {error.msg} (column {error.colno})") from None
    except ValueError:
        raise InvalidResponseError("it is not JSON: a number in it has too many digits") from None


def _no_object(value: Any) -> InvalidResponseError:
    return InvalidResponseError(f"it is JSON, but {kind(value)} and not an object")


def _end_of_blank(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return position if found is None else found.end()
