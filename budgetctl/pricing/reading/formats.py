"""The formats of providers' bodies: how each is recognised, and which counts it states.

OpenAI and Gemini count cached tokens inside the input, Anthropic and Bedrock beside it. One small function per
format, in the order in which they are tried; each gives a `Usage`, whose model is not checked yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

from budgetctl.errors import InvalidResponseError, ProviderError
from budgetctl.ledger.values import Usage
from budgetctl.pricing.reading import tools
from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import billed, is_object, items, kind, part, shown, text, word
from budgetctl.pricing.reading.gemini import is_gemini, read_gemini
from budgetctl.pricing.reading.native import NATIVE
from budgetctl.pricing.reading.splitting import NO_TERMS, Source, Terms, account
from budgetctl.pricing.reading.tally import Tally, is_beside, states_counts
from budgetctl.pricing.reading.vocabulary import BILLED_UNITS


class Format(NamedTuple):
    """A format of response: its description for errors, whether a body has it, and the reader of its usage."""

    looked_for: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any]], Usage]


def read_body(body: Mapping[str, Any]) -> Usage:
    """Read a body as a provider answers with, without anything around it. Raises `InvalidResponseError`."""
    form = next((form for form in BODIES if form.matches(body)), None)
    return form.read(body) if form else refuse(body, BODIES)


def refuse(body: Mapping[str, Any], formats: tuple[Format, ...]) -> NoReturn:
    """Say why a body is of none of these formats."""
    error = error_in(body)
    if error:
        raise answered_with(error)
    _refuse_other_units(body)
    if "usage" in body and not is_object(body["usage"]):
        raise InvalidResponseError(
            f"the response has no usage: {kind(body['usage'])} stands in its place",
            hint="ask for it, when streaming, with stream_options.include_usage",
        )
    raise InvalidResponseError(
        f"the response is of no known shape: looked for {'; '.join(form.looked_for for form in formats)}",
        hint="save the provider's whole JSON body, or give the tokens or the cost yourself",
    )


def error_in(body: Mapping[str, Any]) -> Any:
    """The error that a provider has answered with; nothing, as None or False, for another body."""
    return body.get("error") or (body.get("object") == "error" and body.get("message"))


def answered_with(error: Any) -> ProviderError:
    """The error for a provider's error in place of an answer."""
    return ProviderError(f"the provider answered with an error, which carries no usage: {error_text(error)}")


def error_text(error: Any) -> str:
    """The message of a provider's error, at whatever depth it stands."""
    detail = error.get("message") if is_object(error) else error
    if not detail and is_object(error.get("error")):
        detail = error["error"].get("message")
    return shown(detail or error)


def _refuse_other_units(body: Mapping[str, Any]) -> None:
    """Refuse an answer that is billed by the page, the search or the second, and has no tokens."""
    units = {
        "usage_info.pages_processed": part(body, "usage_info").get("pages_processed"),
        "billed_units.search_units": _billed_units(body).get("search_units"),
        "usage.seconds": part(body, "usage").get("seconds"),
    }
    for name, value in units.items():
        if value is not None:
            raise InvalidResponseError(
                f"the response is not billed by tokens: {name} is {shown(value)}", hint="give the cost yourself"
            )


# A usage object: OpenAI, Anthropic, Bedrock, and nearly everybody else

_TERMS = frozenset({"service_tier", "inference_geo", "speed", "cost", "cost_in_usd_ticks"})


def _has_usage(body: Mapping[str, Any]) -> bool:
    usage = _usage_in(body)
    if not is_object(usage) or "billed_units" in usage or "total_cost_usd" in body:  # Cohere, Claude Code
        return False
    # Most have one of these, and are told faster by it.
    return usage.get("prompt_tokens") is not None or usage.get("input_tokens") is not None or states_counts(usage)


def _usage_in(body: Mapping[str, Any]) -> Any:
    """The usage object of a body; the AI SDK's for all steps, where it stands beside that of the last step."""
    if "totalUsage" in body:
        whole = part(body, "totalUsage")
        if states_counts(whole):
            return whole
    return body.get("usage")


def read_usage_object(body: Mapping[str, Any]) -> Usage:
    """Read a body with a usage object, whose names say how its counts add up.

    Chat Completions, Embeddings, Responses, Realtime, images and assistants of OpenAI
    (https://platform.openai.com/docs/api-reference) and of compatible servers: cached tokens, reasoning and audio are
    inside the totals. Anthropic Messages (https://docs.anthropic.com/en/api/messages) and Bedrock
    (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html): cached tokens are beside the
    input. DeepSeek's, Moonshot's and litellm's own names for what was cached repeat the same tokens.
    """
    usage = _usage_in(body)
    runs = items(usage.get("iterations")) if "iterations" in usage else []
    if runs:
        return _read_iterations(body, runs)
    tally = Tally(usage)
    tally.note_beside(body)
    found = tally.found
    source, terms = _source(body), _terms(body, usage)
    beside = is_beside(usage, is_message=body.get("type") == "message")
    if "providerMetadata" in body or "experimental_providerMetadata" in body:
        beside = _add_metadata(body, tally) or beside
    if beside:
        tally.add_cache_details(usage)
        return account(tally, source, terms, beside=True)
    also: tuple[Usage, ...] = ()
    notes: tuple[str, ...] = ()
    if "output" in body:
        also, notes = tools.of_response(body, tally)
        if not found[kinds.INPUT] and part(body, "output").get("embeddings"):
            found[kinds.INPUT] = found[kinds.TOTAL]
    elif "choices" in body:
        tools.of_chat(body, tally)
    elif "data" in body or "results" in body or "b64_json" in body:
        tools.of_images(body, tally)
        if not found[kinds.INPUT] and not found[kinds.OUTPUT]:
            found[kinds.INPUT] = found[kinds.TOTAL]  # embeddings and ranks, which have no output: Voyage, Jina
    thoughts = "total_thought_tokens" in usage
    explicit = found[kinds.CACHED] > 0 and part(usage, "prompt_tokens_details").get("cache_type") == "ephemeral"
    return account(tally, source, terms, thoughts_beside=thoughts, explicit=explicit, also=also, notes=notes)


def _add_metadata(body: Mapping[str, Any], tally: Tally) -> bool:
    """Add the counts in the AI SDK's metadata that its usage lacks. Whether caches are beside the input.

    Before its sixth version the input of Anthropic's models does not include cached tokens.
    https://ai-sdk.dev/providers/ai-sdk-providers/anthropic#cache-control
    """
    metadata = part(body, "providerMetadata") or part(body, "experimental_providerMetadata")
    for seller in ("anthropic", "openai", "google", "bedrock"):
        tally.add({name: value for name, value in part(metadata, seller).items() if type(value) is int and value > 0})
    return bool(part(metadata, "anthropic")) and "inputTokenDetails" not in _usage_in(body)


def _read_iterations(body: Mapping[str, Any], runs: list[Mapping[str, Any]]) -> Usage:
    """Read an answer of Anthropic's that took several runs: their sum is billed, and an advisor's by its own model.

    https://docs.anthropic.com/en/docs/build-with-claude/compaction
    """
    usage = body["usage"]
    others: dict[str, list[Mapping[str, Any]]] = {}
    own = [run for run in runs if run.get("model") in (None, body.get("model"))]
    for run in runs:
        if run.get("model") not in (None, body.get("model")):
            others.setdefault(shown(run["model"]), []).append(run)
    bare = [run for run in runs if "input_tokens" not in run or "output_tokens" not in run]
    also = tuple(_sum_of(model, group, NO_TERMS) for model, group in others.items())
    whole = _sum_of(None, own, _terms(body, usage))
    stated = Tally({name: value for name, value in usage.items() if name != "iterations"})
    stated.note_beside(body)
    once = account(stated, _source(body), beside=True)
    whole = _at_least(whole, once)
    thoughts = once.reasoning if not whole.reasoning and once.reasoning <= whole.text_output else 0
    return whole._replace(
        model=once.model,
        request_id=once.request_id,
        created=once.created,
        text_output=whole.text_output - thoughts,
        reasoning=whole.reasoning + thoughts,
        web_searches=once.web_searches,
        also=also,
        notes=(*once.notes, *whole.notes, *(("an iteration lacks its input_tokens or output_tokens",) if bare else ())),
    )


def _at_least(whole: Usage, stated: Usage) -> Usage:
    """Of each count the sum of the runs, or the usage's own count where that is more."""
    more = {
        name: getattr(stated, name)
        for name in ("uncached_input", "cache_read", "cache_write_5m", "cache_write_1h", "text_output")
        if getattr(stated, name) > getattr(whole, name) + (whole.reasoning if name == "text_output" else 0)
    }
    if not more:
        return whole
    note = f"the iterations state less than the usage, which is in the price: {', '.join(more)}"
    return whole._replace(**more, notes=(*whole.notes, note))


def _sum_of(model: str | None, runs: list[Mapping[str, Any]], terms: Terms) -> Usage:
    """The sum of the usage of several runs of one model."""
    first, *rest = (account(Tally(run), (model, None, None, None), terms, beside=True) for run in runs or [{}])
    for usage in rest:
        counts = {name: getattr(first, name) + value for name, value in usage._asdict().items() if type(value) is int}
        first = first._replace(**counts, notes=(*first.notes, *usage.notes))
    return first


def _source(body: Mapping[str, Any]) -> Source:
    """The model, provider, id and time of the answer. The AI SDK keeps them in an object of its own."""
    created = body.get("created")
    if created is None:
        created = body.get("created_at")
    model, given = body.get("model"), text(body.get("id"))
    if model is None:
        response = part(body, "response")
        model = response.get("modelId") or body.get("modelId") or body.get("model_id") or body.get("model_name")
        given = given or text(response.get("id")) or text(part(body, "ResponseMetadata").get("RequestId"))
        created = response.get("timestamp") if created is None else created
    return model, None, given, text(created)


def _terms(body: Mapping[str, Any], usage: Mapping[str, Any]) -> Terms:
    """The service tier, place, speed and stated cost of the answer."""
    tier = word(body.get("service_tier")) or ("batch" if body.get("object") == "batch" else None)
    if tier is None and "serviceTier" in body:
        tier = word(part(body, "serviceTier").get("type"))
    if _TERMS.isdisjoint(usage):
        return tier, None, None, None
    tier = tier or word(usage.get("service_tier"))
    cost = billed(usage) if "cost" in usage or "cost_in_usd_ticks" in usage else None
    return tier, word(usage.get("inference_geo")), word(usage.get("speed")), cost


# Cohere


def _billed_units(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return part(body, "usage", "billed_units") or part(body, "meta", "billed_units")


def _is_cohere(body: Mapping[str, Any]) -> bool:
    if "usage" not in body and "meta" not in body:  # most that come here, told without a look into them
        return False
    units = _billed_units(body)
    return units.get("input_tokens") is not None or units.get("output_tokens") is not None


def read_cohere(body: Mapping[str, Any]) -> Usage:
    """Read Cohere's chat and embeddings by the billed tokens, which are fewer than those that the model read.

    https://docs.cohere.com/reference/chat, https://docs.cohere.com/reference/embed: images beside the input.
    """
    tally = Tally(_billed_units(body), BILLED_UNITS)
    for place in (body, part(body, "usage"), part(body, "meta")):
        tally.note_beside(place)
    read = part(body, "usage", "tokens") or part(body, "meta", "tokens")
    for name, kind_ in (("input_tokens", kinds.INPUT), ("output_tokens", kinds.OUTPUT)):
        if read.get(name) and not tally.found[kind_]:
            tally.unread.append((f"tokens.{name}", read[name]))
    tally.found[kinds.INPUT] += tally.found[kinds.IMAGE_INPUT]
    return account(tally, (body.get("model"), None, text(body.get("id")), None))


# LangChain


def _is_langchain(body: Mapping[str, Any]) -> bool:
    usage = body.get("usage_metadata")
    if is_object(usage):
        return "input_tokens" in usage and "output_tokens" in usage
    return "llm_output" in body and states_counts(part(body, "llm_output", "token_usage"))


def read_langchain(body: Mapping[str, Any]) -> Usage:
    """Read a message or a result of LangChain's: Anthropic's names, but the input includes cached tokens.

    https://python.langchain.com/api_reference/core/messages/langchain_core.messages.ai.UsageMetadata.html
    """
    result = part(body, "llm_output")
    if result:
        usage = part(result, "token_usage")
        return account(Tally(usage), (result.get("model_name"), None, None, None), _terms(result, usage))
    about = part(body, "response_metadata")
    model = about.get("model_name") or about.get("model") or body.get("model")
    raw = part(about, "usage") or part(about, "token_usage")
    tally = Tally(body["usage_metadata"])
    tally.add({"server_tool_use": raw.get("server_tool_use")})
    return account(tally, (model, None, text(body.get("id")), None), _terms(about, raw))


BODIES = (
    Format(
        "usage.prompt_tokens or usage.input_tokens (OpenAI Chat Completions, OpenAI Responses, Anthropic, Bedrock)",
        _has_usage,
        read_usage_object,
    ),
    Format("usage.billed_units (Cohere)", _is_cohere, read_cohere),
    Format("usage_metadata.input_tokens (LangChain)", _is_langchain, read_langchain),
    Format("usageMetadata (Gemini generateContent)", is_gemini, read_gemini),
    *(Format(*form) for form in NATIVE),
)
"""In the order in which they are tried."""
