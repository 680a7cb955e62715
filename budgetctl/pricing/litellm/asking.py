"""Prices and token counts by litellm, the authority on both.

litellm takes seconds to import, so it is imported by the first question and not before. Every question is asked inside
the fence, and only about models that litellm's price map lists: for other models litellm guesses a price of 0. Its
floats of USD are rounded to picodollars once.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from budgetctl import money
from budgetctl.errors import CannotPriceError, InvalidResponseError
from budgetctl.ledger.values import Price, Usage
from budgetctl.pricing.litellm.fence import fenced
from budgetctl.pricing.litellm.suggestions import NEVER_ASKED, unpriced
from budgetctl.pricing.prices import own_prices, price_map
from budgetctl.pricing.prices.catalog import names_of
from budgetctl.pricing.prices.pieces import cost_of_pieces, unpriced_components
from budgetctl.pricing.prices.price_map import NOT_MODELS
from budgetctl.pricing.reading.usage import read_usage
from budgetctl.pricing.rules.cost import is_free, token_rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_Answer = TypeVar("_Answer")

_PICTURES = re.compile(r"\d+-x-\d+/", re.ASCII)
"""The size in keys of pictures, which litellm takes for no models: `high/1024-x-1024/gpt-image-1`."""


@dataclass(frozen=True)
class _Listing:
    """A model in litellm's price map: the name and seller to ask for, its key in the map, and its entry."""

    model: str
    provider: str | None
    key: str
    entry: Mapping[str, Any]


@fenced()
def price_usage(usage: Usage) -> Price:
    """Price disjoint counts of tokens as `litellm.completion_cost` prices the response they were read from.

    An answer of a batch is priced by litellm's `batch_cost_calculator`. Tokens that no count explains are priced as
    text, at the dearer of its two rates. Raises `CannotPriceError` for a model that litellm has no price for.
    """
    litellm = _litellm()
    with _usage_is_known(usage):
        listing = _find(litellm, [_picture(litellm, usage) or usage.model or ""], usage.provider)
        cost = max(_cost(litellm, known, listing) for known in _explained(usage))
        return _price(litellm, listing, usage, cost)


def _picture(litellm: Any, usage: Usage) -> str | None:
    """The key of this model's pictures, if the usage is of pictures alone (default_image_cost_calculator).

    As there, a picture without a stated size is a square of 1024 pixels, and without a stated quality of the highest.
    """
    if not usage.images or not usage.model or usage.total_input or usage.total_output:
        return None
    *said, name = usage.model.split("/")
    size = next((part for part in said if _PICTURES.match(f"{part}/")), "1024-x-1024")
    quality = [part for part in said if part != size]
    names = ["/".join([*quality, size, name]), "/".join(["high", size, name])]
    return next((key for key in names if key in litellm.model_cost), None)


def _explained(usage: Usage) -> list[Usage]:
    """The usage with all of its tokens explained, in each way that they may be."""
    if not usage.unexplained:
        return [usage]
    as_input = usage._replace(uncached_input=usage.uncached_input + usage.unexplained, unexplained=0)
    return [as_input, usage._replace(text_output=usage.text_output + usage.unexplained, unexplained=0)]


def _cost(litellm: Any, usage: Usage, listing: _Listing) -> float:
    """The price by litellm in USD."""
    what = f"price {listing.model}"
    pieces = cost_of_pieces(usage, listing.key, listing.provider, listing.entry)
    if usage.service_tier == "batch":
        return pieces + _ask(f"{what} in a batch", lambda: _batch_cost(litellm, usage, listing))
    if pieces and not (usage.total_input or usage.total_output or usage.web_searches or usage.maps_searches):
        return pieces
    response = _as_response(litellm, usage, listing.model)
    cost: float = _ask(
        what, lambda: litellm.completion_cost(completion_response=response, custom_llm_provider=listing.provider)
    )
    return cost + pieces


@fenced()
def price_counts(usage: Usage) -> Price:
    """Price plain numbers of input and output tokens as `litellm.cost_per_token` does.

    `completion_cost` has another price for some models, and litellm's `BudgetManager` prices text by this function.
    Raises `CannotPriceError` for a model that litellm has no price for.
    """
    litellm = _litellm()
    with _usage_is_known(usage):
        listing = _find(litellm, [usage.model or ""], usage.provider)
        cost = _ask(
            f"price {listing.model}",
            lambda: sum(
                litellm.cost_per_token(
                    model=listing.model,
                    custom_llm_provider=listing.provider,
                    prompt_tokens=usage.total_input,
                    completion_tokens=usage.total_output,
                )
            ),
        )
        return _price(litellm, listing, usage, cost)


@fenced()
def price_object(response: Any, *, model: str | None = None, provider: str | None = None) -> Price:
    """Price one of litellm's own response objects as `litellm.completion_cost` does.

    Its hidden parameters and `litellm.register_model` may change the price. As there, `model` only serves an
    object that names none. A cost that the provider stated comes first. Raises `InvalidResponseError` for an object
    without usage, and `CannotPriceError`.
    """
    litellm = _litellm()
    hidden = getattr(response, "_hidden_params", None) or {}
    named = [getattr(response, "model", None), hidden.get("model"), model]
    names = [name for name in (hidden.get("provider_response_model"), *named) if name]
    served_by = provider or hidden.get("custom_llm_provider")
    usage = _usage_of(response, model=next(filter(None, named), None), provider=served_by)
    if usage.cost is not None:
        return Price(usage.cost, usage, usage.model, {"source": "provider"})
    own = next(filter(None, (own_prices.find(name, served_by) for name in names)), None)
    if own is not None:
        return own.price(usage)
    with _usage_is_known(usage):
        listing = _find(litellm, names, served_by)
        cost = _ask(
            f"price {listing.model}",
            lambda: litellm.completion_cost(
                completion_response=response,
                model=model,
                # litellm finds by itself what the object says; only the maker of a bare name is news to it.
                custom_llm_provider=provider if listing.provider == served_by else listing.provider,
            ),
        )
        return _price(litellm, listing, usage, cost)


@fenced()
def count_text_tokens(model: str, text: str) -> int:
    """Count the tokens of plain text as `litellm.token_counter(text=…)` does, without the network."""
    return _count(model, text=text)


@fenced()
def count_message_tokens(model: str, messages: Sequence[Mapping[str, Any]]) -> int:
    """Count the tokens of chat messages as `litellm.token_counter(messages=…)` does, without the network."""
    return _count(model, messages=list(messages))


def imported() -> Any:
    """litellm, imported if it is not yet."""
    return _litellm()


def is_imported_here() -> bool:
    """Whether this process has imported litellm for a question of budgetctl's, so that nobody else has set it up."""
    return _imports_here != []


def asked_as(model: str, provider: str | None) -> tuple[str, str | None]:
    """The name and the seller by which litellm is asked for a model. Raises `CannotPriceError`."""
    listing = _find(_litellm(), [model], provider)
    return listing.model, listing.provider


_imports_here: list[Any] = []


def _litellm() -> Any:
    loaded = "litellm" in sys.modules
    # Without this, the import of litellm first tries to fetch its price map.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    if not loaded:
        _imports_here.append(litellm)
        _adopt_map()
    return litellm


def _adopt_map() -> None:
    """Give litellm, imported for a price, the map in force. A program that has imported it before has chosen one."""
    newer = price_map.in_force()
    if newer is not None and newer.installed_us is not None:
        try:
            from litellm.litellm_core_utils.get_model_cost_map import adopt_model_cost_map
        except ImportError:  # one that cannot be given a map: its own is used
            return
        adopt_model_cost_map(newer.load())


@contextmanager
def _usage_is_known(usage: Usage) -> Iterator[None]:
    """Add the usage to a `CannotPriceError`."""
    try:
        yield
    except CannotPriceError as error:
        error.usage = usage
        raise


def _ask(what: str, question: Callable[[], _Answer]) -> _Answer:
    try:
        return question()
    except Exception as error:  # litellm raises bare Exceptions
        reason = " ".join(str(error).split())[:300]
        raise CannotPriceError(f"litellm cannot {what}: {reason}") from error


def _count(model: str, **content: Any) -> int:
    litellm = _litellm()
    _refuse_unasked(litellm, model, None)
    if getattr(litellm, "disable_token_counter", False):
        raise CannotPriceError("tokens cannot be counted while litellm.disable_token_counter is set")
    # Asked for nothing else, litellm would fetch the tokenizers of some models. Anthropic's and DeepSeek's it ships.
    kind = litellm.utils.huggingface_tokenizer_kind(model)
    tokenizer = None if kind in {"anthropic", "deepseek"} else {"type": "openai_tokenizer"}
    return _ask(
        f"count the tokens of {model}",
        lambda: int(litellm.token_counter(model=model, custom_tokenizer=tokenizer, **content)),
    )


# Objects of litellm


def _usage_of(response: Any, *, model: str | None, provider: str | None) -> Usage:
    if getattr(response, "usage", None) is None or not hasattr(response, "model_dump"):
        raise InvalidResponseError(
            f"a {type(response).__name__} without usage has no price",
            hint="of a stream, pass what litellm.stream_chunk_builder makes of its chunks",
        )
    return read_usage(response.model_dump(warnings=False), model=model, provider=provider)


def _batch_cost(litellm: Any, usage: Usage, listing: _Listing) -> float:
    from litellm.cost_calculator import batch_cost_calculator

    tokens = _as_usage(litellm, usage)
    return float(sum(batch_cost_calculator(tokens, listing.model, listing.provider)))


def _as_response(litellm: Any, usage: Usage, model: str) -> Any:
    """The response whose cost litellm computes from the same counts."""
    response = {"model": model, "usage": _as_usage(litellm, usage), "service_tier": usage.service_tier}
    if not usage.web_searches:
        return response
    from litellm.types.llms.openai import ResponsesAPIResponse

    # In other responses litellm takes the searches of OpenAI's models for one, however many they were.
    return ResponsesAPIResponse.model_construct(
        **response,
        output=[{"type": "web_search_call"}],
        tool_usage={"web_search": {"num_requests": usage.web_searches}},
    )


def _as_usage(litellm: Any, usage: Usage) -> Any:
    said = {name: getattr(usage, name) for name in ("inference_geo", "speed") if getattr(usage, name)}
    if usage.citations:
        said["citation_tokens"] = usage.citations
    if usage.web_searches:  # most sellers are read from the first, xAI from the second, Perplexity from the details
        said["server_tool_use"] = {"web_search_requests": usage.web_searches}
        said["server_side_tool_usage_details"] = {"web_search_calls": usage.web_searches}
    return litellm.Usage(
        prompt_tokens=usage.total_input,
        completion_tokens=usage.total_output,
        total_tokens=usage.total_input + usage.total_output,
        prompt_tokens_details=_input_details(usage),
        completion_tokens_details={
            "text_tokens": usage.text_output,
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "image_tokens": usage.image_output,
            "video_tokens": usage.video_output,
        },
        **said,
    )


def _input_details(usage: Usage) -> dict[str, Any]:
    """The counts of the input as litellm has them: tokens read from a cache are in the count of their kind too."""
    read = usage.cache_read + usage.explicit_cache_read
    details: dict[str, Any] = {
        "text_tokens": usage.uncached_input,
        "cached_tokens": read + usage.audio_cache_read + usage.image_cache_read,
        "cache_creation_tokens": usage.cache_write_5m + usage.cache_write_1h + usage.cache_write_12h,
        "audio_tokens": usage.audio_input + usage.audio_cache_read,
        "image_tokens": usage.image_input + usage.image_cache_read,
        "video_tokens": usage.video_input,
    }
    if usage.audio_cache_read or usage.image_cache_read:
        kinds = {"audio_tokens": usage.audio_cache_read, "image_tokens": usage.image_cache_read}
        details["cached_tokens_details"] = kinds
    if usage.explicit_cache_read and usage.explicit_cache_read == details["cached_tokens"]:
        details["cache_type"] = "ephemeral"  # which says it of all: reads of both sorts cost what ordinary ones do
    if usage.web_searches:
        details["web_search_requests"] = usage.web_searches
    if usage.maps_searches:
        details["google_maps_grounding_requests"] = usage.maps_searches
    if usage.cache_write_1h or usage.cache_write_12h:
        details["cache_creation_token_details"] = _written(usage)
    return details


def _written(usage: Usage) -> dict[str, int]:
    """Cache writes by how long they last. A litellm that does not know of 12 hours would not bill them at all."""
    from litellm.types.utils import CacheCreationTokenDetails

    if "ephemeral_12h_input_tokens" in CacheCreationTokenDetails.model_fields:
        short, half_day = usage.cache_write_5m, {"ephemeral_12h_input_tokens": usage.cache_write_12h}
    else:
        short, half_day = usage.cache_write_5m + usage.cache_write_12h, {}
    return {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": usage.cache_write_1h, **half_day}


# The price map


@fenced()
def find_entry(model: str, provider: str | None) -> tuple[str, Mapping[str, Any]]:
    """A model's key in litellm's price map, and its entry. Raises `CannotPriceError`."""
    listing = _find(_litellm(), [model], provider)
    return listing.key, listing.entry


def _find(litellm: Any, models: Sequence[str], provider: str | None) -> _Listing:
    """Find the first of some names that litellm's price map lists. Raises `CannotPriceError`."""
    for model in models:
        for name, seller in names_of(model, provider):
            _refuse_unasked(litellm, name, seller)
            key = _key(litellm, name, seller)
            if key is not None:
                return _Listing(name, seller, key, litellm.model_cost[key])
    raise unpriced(litellm, models[0], provider, "is not in litellm's price map")


def _key(litellm: Any, model: str, provider: str | None) -> str | None:
    if _PICTURES.search(model) and model in litellm.model_cost:
        return model
    try:
        key = litellm.get_model_info(model=model, custom_llm_provider=provider)["key"]
    except Exception:  # noqa: BLE001 - litellm raises bare Exceptions
        return None
    # For names it does not know, litellm makes up an entry without prices from patterns.
    return key if key in litellm.model_cost and key not in NOT_MODELS else None


def _refuse_unasked(litellm: Any, model: str, provider: str | None) -> None:
    for name in (provider or "", model.partition("/")[0]):
        if name.lower() in NEVER_ASKED:
            why = "has no price: to answer, litellm would start a login or fetch files"
            raise unpriced(litellm, model, provider, why)


def _price(litellm: Any, listing: _Listing, usage: Usage, cost: float) -> Price:
    if cost == 0 and not is_free(listing.entry, usage):
        raise unpriced(litellm, listing.model, listing.provider, "has no price per token in litellm's price map")
    from litellm._version import version

    pricing = {"source": "litellm", "version": version, "key": listing.key, "rates": token_rates(listing.entry)}
    components = unpriced_components(usage, listing.entry)
    if components:
        pricing["unpriced"] = components
    return Price(money.from_number(float(cost)), usage, usage.model or listing.model, pricing)
