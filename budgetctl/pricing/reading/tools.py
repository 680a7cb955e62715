"""Work of tools that is billed beside an answer's tokens: searches, interpreters, drawings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import is_object, items, part, shown, word
from budgetctl.pricing.reading.splitting import account
from budgetctl.pricing.reading.tally import Tally

_FREE = ("message", "reasoning", "function_call")
"""The items of most responses, which are billed by their tokens alone."""


def of_chat(body: Mapping[str, Any], tally: Tally) -> None:
    """Count the searches of a chat answer: it cites pages or files, but never says how often it searched.

    litellm bills one search then.
    """
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        message = choice.get("message") if is_object(choice) else None
        notes = message.get("annotations") if is_object(message) else None
        if not notes:
            continue
        for note in items(notes):
            if note.get("type") == "url_citation":
                tally.at_least(kinds.WEB_SEARCHES, 1)
            elif note.get("type") == "file_citation":
                tally.at_least(kinds.FILE_SEARCHES, 1)


def of_response(body: Mapping[str, Any], tally: Tally) -> tuple[tuple[Usage, ...], tuple[str, ...]]:
    """Count the calls of tools in OpenAI's Responses. Returns the usage of other models for them, and notes.

    https://platform.openai.com/docs/api-reference/responses/object
    """
    if "tool_usage" not in body and _is_free(body.get("output")):
        return (), ()
    output = items(body.get("output"))
    drawn: list[Mapping[str, Any]] = []
    containers: set[str] = set()
    calls = {kinds.WEB_SEARCHES: 0, kinds.FILE_SEARCHES: 0}
    for item in output:
        type_ = item.get("type")
        if type_ == "web_search_call":
            calls[kinds.WEB_SEARCHES] += 1
        elif type_ == "file_search_call":
            calls[kinds.FILE_SEARCHES] += 1
        elif type_ == "code_interpreter_call":
            containers.add(shown(item.get("container_id") or item.get("id")))
        elif type_ == "image_generation_call":
            drawn.append(item)
    reported = part(body, "tool_usage", "web_search").get("num_requests")
    if type(reported) is int and reported >= 0:
        calls[kinds.WEB_SEARCHES] = reported  # without the pages that were only opened
    calls[kinds.CODE_SESSIONS] = len(containers)
    for kind, number in calls.items():
        if number:
            tally.at_least(kind, number)
    return _drawings(body, drawn) if drawn else ((), ())


def _is_free(output: Any) -> bool:
    """Whether nothing of an output is billed by itself, as of most."""
    if not isinstance(output, list):
        return False
    for item in output:  # noqa: SIM110 - in half the time of `all`
        if type(item) is not dict or item.get("type") not in _FREE:
            return False
    return True


def of_images(body: Mapping[str, Any], tally: Tally) -> None:
    """Take the output of an answer of pictures for tokens of pictures, where the answer does not state their kind."""
    pictures = [item for item in items(body.get("data")) or [body] if item.get("b64_json") or item.get("url")]
    output = tally.found[kinds.OUTPUT]
    told = tally.found[kinds.TEXT_OUTPUT] + tally.found[kinds.IMAGE_OUTPUT] + tally.found[kinds.AUDIO_OUTPUT]
    if pictures and output and not told:
        tally.at_least(kinds.IMAGE_OUTPUT, output)


def _drawings(body: Mapping[str, Any], drawn: list[Mapping[str, Any]]) -> tuple[tuple[Usage, ...], tuple[str, ...]]:
    """The usage of a drawing tool's model: its tokens, where they are stated, else pictures by the piece."""
    tool = next((tool for tool in items(body.get("tools")) if tool.get("type") == "image_generation"), {})
    model = word(tool.get("model"))
    done = [item for item in drawn if item.get("status") in (None, "completed")]
    if model is None:
        note = f"not in the price: {len(done)} pictures, drawn by a model that is not named"
        return (), ((note,) if done else ())
    source = (model, None, None, None)
    usage = part(body, "tool_usage", "image_gen")
    if usage:
        tally = Tally(usage)
        of_images({"data": [{"url": "drawn"}]}, tally)
        return (account(tally, source),), ()
    pieces: dict[str, int] = {}
    for item in done:
        name = "/".join([*_chosen(item, tool), model])
        pieces[name] = pieces.get(name, 0) + 1
    return tuple(Usage(model=name, images=number) for name, number in pieces.items()), ()


def _chosen(item: Mapping[str, Any], tool: Mapping[str, Any]) -> list[str]:
    """Quality and size of a picture, as the price map writes them: `high/1024-x-1536`."""
    chosen = (word(item.get(name)) or word(tool.get(name)) for name in ("quality", "size"))
    said = [word_ for word_ in chosen if word_ and word_ != "auto"]
    return [word_.replace("x", "-x-") if word_[:1].isdigit() else word_ for word_ in said]
