"""Records of coding agents: lines and files of their sessions, and the results that they print at their end.

An agent that states the cost of a call knows better than its counts do: that comes first. A stated cost of 0 says
nothing: agents write it for models that they have no price for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.money import ZERO, Picodollars
from budgetctl.pricing.reading.counts import dollars, is_object, items, part, text, word
from budgetctl.pricing.reading.formats import read_body
from budgetctl.pricing.reading.splitting import Source, account
from budgetctl.pricing.reading.tally import Tally
from budgetctl.pricing.reading.vocabulary import AGENT_TOKENS

_ANTHROPIC = "anthropic"
"""The issuer of the ids in sessions of Claude Code: an answer's and a request's are told apart by their beginning."""

_CODEX = "codex"
_GEMINI = "gemini-cli"
"""The issuers of ids that a session and the place in it make up."""

_OF_SESSION = ""
"""The issuer of the id of a session, which all its runs have in common."""

SYNTHETIC = "<synthetic>"
"""The model of a message that Claude Code wrote itself."""


def _stated(name: str, value: Any) -> Picodollars | None:
    return dollars(name, value) or None


# Claude Code


def _is_claude_code(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "assistant" and is_object(body.get("message"))


def read_claude_code(body: Mapping[str, Any]) -> Usage:
    """Read a line of a Claude Code session: a message of Anthropic's, known by its id and the request's.

    Its time is left out: an answer takes several lines, each with a time of its own. A message that Claude Code wrote
    itself cost nothing.
    """
    message = part(body, "message")
    if message.get("model") == SYNTHETIC:
        return Usage(model=SYNTHETIC, request_id=text(message.get("id")), cost=ZERO)
    usage = read_body(message)
    ids = [found for found in (usage.request_id, text(body.get("requestId"))) if found]
    cost = usage.cost if usage.cost is not None else _stated("costUSD", body.get("costUSD"))
    return usage._replace(request_id=":".join(ids) or None, cost=cost, issuer=_ANTHROPIC)


def _is_claude_result(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "result" and "total_cost_usd" in body


def read_claude_result(body: Mapping[str, Any]) -> Usage:
    """Read the result of `claude -p --output-format json`, which states the cost of the whole run.

    https://docs.anthropic.com/en/docs/claude-code/sdk. The model is the one that cost most.
    """
    by_model = {name: value for name, value in part(body, "modelUsage").items() if is_object(value)}
    model = max(by_model, key=lambda name: _number(by_model[name].get("costUSD")), default=None)
    cost = _stated("total_cost_usd", body.get("total_cost_usd"))
    source = (model, None, text(body.get("uuid")) or text(body.get("session_id")), None)
    if cost is None and len(by_model) > 1:
        usage = _by_model(by_model, source)
    else:
        usage = account(Tally(part(body, "usage")), source, (None, None, None, cost), beside=True)
    return usage if text(body.get("uuid")) else usage._replace(issuer=_OF_SESSION)


def _by_model(by_model: Mapping[str, Mapping[str, Any]], source: Source) -> Usage:
    """The usage of each model of a run, where the run states no cost."""
    used = [account(Tally(value), (name, None, None, None), beside=True) for name, value in by_model.items()]
    first, *others = sorted(used, key=lambda usage: -usage.total_input)
    return first._replace(request_id=source[2], also=tuple(others))


def _number(value: Any) -> float:
    return value if isinstance(value, (int, float)) else 0


# Codex


def _is_codex(body: Mapping[str, Any]) -> bool:
    return part(body, "payload").get("type") == "token_count"


def read_codex(body: Mapping[str, Any]) -> Usage:
    """Read a `token_count` line of a Codex session: the usage since the line before it.

    The model stands in the `turn_context` line before it, and the session's id in the first line: see `Sessions`, which
    adds both. With the total so far, that id tells the call from others. A line without this difference has the total
    of the whole session alone, which counts earlier calls again: it is refused.
    """
    usage = part(body, "payload", "info", "last_token_usage")
    if not usage:
        raise InvalidResponseError(
            "the line of the session has no payload.info.last_token_usage: it says nothing of a single call"
        )
    found = account(Tally(usage), (body.get("model"), None, None, text(body.get("timestamp"))))
    session, total = text(body.get("session_id")), part(body, "payload", "info", "total_token_usage")
    if session is None or not total:
        return found
    return found._replace(request_id=f"{session}/{text(total.get('total_tokens'))}", issuer=_CODEX)


# Gemini's command line


def _is_gemini_result(body: Mapping[str, Any]) -> bool:
    return is_object(part(body, "stats").get("models"))


def read_gemini_result(body: Mapping[str, Any]) -> Usage:
    """Read the result of `gemini --output-format json`, whose statistics count a run's tokens by model.

    https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/headless.md
    """
    found = []
    for model, stats in part(body, "stats", "models").items():
        tokens = dict(part(stats, "tokens")) if is_object(stats) else {}
        if "prompt" in tokens:
            tokens.pop("input", None)  # the part of the prompt that was not cached
        usage = account(Tally(tokens, AGENT_TOKENS), (model, None, None, None), thoughts_beside=True)
        found.append(usage)
    if not found:
        raise InvalidResponseError("the run called no model: its statistics name none")
    first, *others = sorted(found, key=lambda usage: -usage.total_input)
    return first._replace(request_id=text(body.get("session_id")), issuer=_OF_SESSION, also=tuple(others))


def _is_gemini_session(body: Mapping[str, Any]) -> bool:
    return any(is_object(message.get("tokens")) for message in items(body.get("messages"))) or _is_gemini_message(body)


def _is_gemini_message(body: Mapping[str, Any]) -> bool:
    return body.get("type") == "gemini" and is_object(body.get("tokens"))


def read_gemini_session(body: Mapping[str, Any]) -> Usage:
    """Read an answer in a session of Gemini's command line, or the session of one answer.

    Raises `InvalidResponseError` for a session of several answers.
    """
    answers = [body] if _is_gemini_message(body) else list(filter(_is_gemini_message, items(body.get("messages"))))
    if len(answers) != 1:
        raise InvalidResponseError(f"the session holds {len(answers)} answers, and not one", hint="save one in a file")
    answer = answers[0]
    ids = [found for found in (text(body.get("sessionId")), text(answer.get("id"))) if found]
    source = (answer.get("model"), None, "/".join(ids) or None, text(answer.get("timestamp")))
    usage = account(Tally(answer["tokens"], AGENT_TOKENS), source, thoughts_beside=True)
    return usage._replace(issuer=_GEMINI) if len(ids) > 1 else usage


# opencode


def _is_opencode(body: Mapping[str, Any]) -> bool:
    return "modelID" in body and is_object(body.get("tokens"))


def read_opencode(body: Mapping[str, Any]) -> Usage:
    """Read a message of opencode's, whose counts all stand beside each other.

    https://github.com/sst/opencode/blob/dev/packages/opencode/src/session/message-v2.ts
    """
    tokens = body["tokens"]
    tally = Tally({name: value for name, value in tokens.items() if name != "cache"}, AGENT_TOKENS)
    tally.add(part(tokens, "cache"), AGENT_TOKENS)
    created = text(part(body, "time").get("created"))
    source = (body["modelID"], word(body.get("providerID")), text(body.get("id")), created)
    terms = (None, None, None, _stated("cost", body.get("cost")))
    return account(tally, source, terms, beside=True, thoughts_beside=True)


_Form = tuple[str, Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Usage]]

AGENTS: tuple[_Form, ...] = (
    ("total_cost_usd (Claude Code's result)", _is_claude_result, read_claude_result),
    ("type assistant (Claude Code)", _is_claude_code, read_claude_code),
    ("token_count (Codex)", _is_codex, read_codex),
    ("stats.models (Gemini's command line)", _is_gemini_result, read_gemini_result),
    ("its messages", _is_gemini_session, read_gemini_session),
    ("modelID (opencode)", _is_opencode, read_opencode),
)
"""In the order in which they are tried."""
