"""Sessions of coding agents, whose lines mean something only beside those before them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budgetctl.pricing.reading.agents import SYNTHETIC
from budgetctl.pricing.reading.counts import is_object, items, part, word
from budgetctl.pricing.reading.spans import spans_in

_SILENT: Mapping[str, Any] = {}
"""In the place of a line that carries no usage."""


_CODEX_LINES = ("session_meta", "turn_context", "event_msg", "response_item", "compacted")


class Sessions:
    """The state of the sessions in a text, line by line.

    Codex names its model in a `turn_context` line, and its session at the start; a line that says again what was used
    has the same total as the line before it. Gemini's command line names the session in front of its messages.
    """

    def __init__(self) -> None:
        self._codex: str | None = None
        self._model: str | None = None
        self._total: Mapping[str, Any] | None = None
        self._gemini: str | None = None

    def answers_in(self, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The documents that a document of a text stands for: one, or each message of a session, or each span."""
        if "payload" in body:
            return [self._of_codex(body)]
        if "resourceSpans" in body:
            return spans_in(body) or [_SILENT]
        if "sessionId" in body and isinstance(body.get("messages"), list):
            return [self._of_gemini(each, word(body["sessionId"])) for each in items(body["messages"])] or [_SILENT]
        if "projectHash" in body and "type" not in body:
            self._gemini = word(body.get("sessionId"))
            return [_SILENT]
        if body.get("type") == "gemini":
            return [self._of_gemini(body, self._gemini)]
        return [_of_claude(body)]

    def _of_codex(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        payload, kind = part(body, "payload"), body.get("type")
        if kind == "session_meta":
            self._codex, self._model, self._total = word(payload.get("id")), None, None
        elif kind == "turn_context":
            self._model = word(payload.get("model")) or self._model
        if payload.get("type") != "token_count":
            return _SILENT if kind in _CODEX_LINES else body
        total = part(payload, "info", "total_token_usage")
        if payload.get("info") is None or (total and total == self._total):
            return _SILENT
        self._total = total
        return {"model": self._model, "session_id": self._codex, **body}

    def _of_gemini(self, message: Mapping[str, Any], session: str | None) -> Mapping[str, Any]:
        if not is_object(message.get("tokens")):
            return _SILENT
        return message if session is None else {"sessionId": session, **message}


def _of_claude(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A line of Claude Code as it is. What was sent has no usage, whatever tools say there that they used."""
    if "message" not in body or body.get("type") not in ("assistant", "user"):
        return body
    message = part(body, "message")
    is_silent = body["type"] == "user" or message.get("model") == SYNTHETIC or not is_object(message.get("usage"))
    return _SILENT if is_silent else body
