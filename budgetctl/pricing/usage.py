"""What a provider's response says was consumed, read into disjoint counts of tokens.

OpenAI counts cached tokens inside the input, Anthropic beside it, and both count reasoning inside the
output; a `Usage` holds each token once, so that each is priced once. Pure functions over parsed JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from budgetctl.errors import InvalidResponseError
from budgetctl.models import Usage
from budgetctl.pricing.counts import MAX_TOKENS, kind, quoted, shown
from budgetctl.pricing.envelopes import ENVELOPES
from budgetctl.pricing.formats import BODIES, refuse
from budgetctl.pricing.streams import assemble, events_of_lines, events_of_stream, is_stream

__all__ = ["MAX_TOKENS", "read_document", "read_usage", "shown"]

_FORMATS = (*BODIES, *ENVELOPES)


def read_document(text: str) -> Mapping[str, Any]:
    """Parse the text of one saved response, or of one saved stream, whose events become the body they end as.

    A stream is server-sent events (`data: …`), an array of chunks as Gemini sends it, or a chunk a line. Raises
    `InvalidResponseError` for anything that is not a single JSON object, and for a stream without usage.
    """
    text = text.strip("\ufeff \t\r\n")
    if not text:
        raise InvalidResponseError("the response is empty", hint="save the provider's whole JSON body")
    if is_stream(text):
        return assemble(events_of_stream(text, _parse))
    try:
        document = _parse(text)
    except InvalidResponseError:
        events = events_of_lines(text, _parse)
        if events is None:
            raise
        return assemble(events)
    if isinstance(document, list) and document and all(isinstance(item, dict) for item in document):
        return assemble(document)
    if not isinstance(document, dict):
        raise InvalidResponseError(f"the response is JSON, but {kind(document)} and not an object")
    return document


def read_usage(body: Mapping[str, Any], *, model: str | None = None, provider: str | None = None) -> Usage:
    """Read the usage of a response body, whose format is found by its shape.

    Understands the bodies of OpenAI (Chat Completions, Responses, Embeddings, Realtime) and compatible servers,
    Anthropic, Gemini, Bedrock Converse, Cohere, and litellm's dumped `ModelResponse`; lines of OpenAI's and
    Anthropic's batches; litellm's logs; spans of OpenTelemetry; lines of Claude Code's and Codex's sessions.
    `model` replaces the model that the body names; `provider` is litellm's word for who served it. Raises
    `InvalidResponseError` for a body of unknown shape, without usage or without a model, and for counts that
    contradict each other.
    """
    for _, matches, read in _FORMATS:
        if matches(body):
            usage = read(body)
            break
    else:
        refuse(body, _FORMATS)
    name = checked_name(model or usage.model)
    if name is usage.model and not provider:
        return usage
    return usage._replace(model=name, provider=provider or usage.provider)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
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


def _refuse_constant(constant: str) -> NoReturn:
    raise InvalidResponseError(f"the response is not JSON: {constant} is not a JSON number")
