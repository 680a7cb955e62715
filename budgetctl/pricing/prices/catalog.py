"""The key of the price map under which a model stands, and the seller by whose rules it is priced, as in litellm.

litellm itself is not imported. Where it is not certain which entry litellm would use, there is no listing, and litellm
has to be asked.
"""

from __future__ import annotations

import functools
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from budgetctl.ledger.matching import MAKERS, means
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.litellm import litellm_rules
from budgetctl.pricing.prices import disputes, price_files, price_map, retired
from budgetctl.pricing.prices.pieces import unpriced_components
from budgetctl.pricing.prices.price_files import PriceFiles
from budgetctl.pricing.prices.price_map import NOT_MODELS, Entries, PriceMap, UnclearError
from budgetctl.pricing.rules.cost import Tariff, tariff, token_rates
from budgetctl.pricing.rules.off_peak import OffPeak, off_peak

_Answer = TypeVar("_Answer")

_REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d", re.ASCII)

SELLERS = frozenset(
    """
    abliteration aiand aihubmix anthropic azure azure_ai baseten bedrock bedrock_mantle bespoke bigmodel
    cerebras clf_ai_gateway cloudflare codestral cognition cohere cohere_chat coralbricks crusoe darkbloom
    dashscope databricks deepinfra deepseek empiriolabs eu_jev fal_ai fireworks_ai friendliai gemini gigachat
    gmi gradient_ai groq hostinger_router hyperbolic inception inferenceapis kyma lambda_ai laya lemonade
    libertai llamagate meta minimax mistral moonshot morph nace nebius nlp_cloud novita nscale nvidia_nim oci
    ollama openai opencode_go openinfer openrouter ovhcloud perplexity pinstripes prism publicai
    qwen_ai_platform qwencloud refuseless replicate sagemaker sail sambanova sarvam scaledown scaleway scx-ai
    snowflake strands_decider streamlake tencent tensormesh text-completion-codestral text-completion-inception
    text-completion-openai together_ai typesafe v0 vercel_ai_gateway vertex_ai volcengine voyage wally wandb
    watsonx xai xiaomi_mimo zai zerogpu
    """.split()
)
"""Sellers to whom litellm attributes `seller/name` and whom it prices by the token."""

_SELLERS_OF_BARE_NAMES = {
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "cohere": "cohere",
    "cohere_chat": "cohere_chat",
    "nlp_cloud": "nlp_cloud",
    "openai": "openai",
    "text-completion-openai": "text-completion-openai",
    "vertex_ai-embedding-models": "vertex_ai",
    "vertex_ai-language-models": "vertex_ai",
    "vertex_ai-text-models": "vertex_ai",
}
"""The seller to which litellm attributes a bare name, by the `litellm_provider` of its entry."""


class Listing(NamedTuple):
    """A model in the map: its key, its seller's tariff, and the remarks that are kept with a price."""

    key: str
    tariff: Tariff
    rates: dict[str, Any]
    source: PriceMap
    considered: tuple[str, ...]
    """The keys that decide on the price."""
    known: tuple[tuple[Mapping[str, Any] | None, ...], ...]
    """The entries under these keys: in the map in force, and in the map that litellm ships."""
    by_region: bool
    """Whether the name has a region, whose own entry litellm uses for plain numbers of tokens and batches only."""

    off_peak: tuple[OffPeak, Listing] | None = None
    """The hours at which another price holds, and the listing with that price."""
    by_list: Tariff | None = None
    """The tariff by the provider's own list, where litellm's price is disputed."""

    def at(self, usage: Usage, at_us: int | None) -> Listing:
        """The listing that holds for a usage at an instant, by default now. Batches have one price at all times."""
        if self.off_peak is None or usage.service_tier == "batch":
            return self
        hours, lower = self.off_peak
        return lower if hours.is_at(time.time_ns() // 1000 if at_us is None else at_us) else self

    def price(self, usage: Usage, *, as_counts: bool = False) -> Picodollars | None:
        """The price of a usage; None where litellm has to be asked."""
        if self.by_region and (as_counts or usage.service_tier == "batch"):
            return None
        return self.tariff.price(usage)

    def remarks(self, usage: Usage) -> dict[str, Any]:
        """The remarks on a price beside its rates: the counts without one, and by how many USD it is disputed."""
        names = unpriced_components(usage, self.tariff.entry) if usage.citations else []
        said: dict[str, Any] = {"unpriced": names} if names else {}
        return said if self.by_list is None else said | disputes.disputed(self.by_list, self.tariff, usage)

    def holds_in(self, litellm: ModuleType) -> bool:
        """Whether litellm, imported in this process, has no other prices.

        `register_model`, a map fetched from the network, and configured discounts and margins change prices.
        """
        entries = getattr(litellm, "model_cost", None)
        if not isinstance(entries, dict):  # its import has not ended
            return False
        if getattr(litellm, "cost_discount_config", None) or getattr(litellm, "cost_margin_config", None):
            return False
        return any(
            all(entries.get(key) == entry for key, entry in zip(self.considered, known, strict=True))
            for known in self.known
        )

    def is_missing_in(self, litellm: ModuleType) -> bool:
        """Whether litellm, imported in this process, has no entry for the model: nobody has registered one."""
        entries = getattr(litellm, "model_cost", None)
        return isinstance(entries, dict) and self.key not in entries


def names_of(model: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    """The names and sellers under which a model may stand in the map, in the order in which they are tried.

    A stated seller is the only one. A bare name of a family is its maker's, and `models/name`, as Google's Gemini
    API writes it, is Google's. For all other names, the seller is the one that litellm takes.
    """
    name = model.removeprefix("models/")
    if provider:
        yield name, provider
        return
    if name != model:
        yield name, "gemini"
    yield from ((name, maker) for prefixes, maker in MAKERS if name.startswith(prefixes))
    yield name, None


def find(model: str, provider: str | None) -> Listing | None:
    """The listing by which litellm prices a model, or None if litellm has to be asked for that."""
    return find_in(price_files.seen(), model, provider)


@functools.lru_cache(maxsize=4096)
def find_in(files: PriceFiles, model: str, provider: str | None) -> Listing | None:
    """The same, by the files as they were seen."""
    return _read(files, lambda entries, source: _find(entries, source, model, provider))


@functools.lru_cache(maxsize=1024)
def find_retired(files: PriceFiles, model: str, provider: str | None) -> Listing | None:
    """The last known listing of a model that the map in force has dropped; None for others."""
    source = price_map.in_force(files)
    if source is None:
        return None
    listing = _find(retired.entries(), source, model, provider)
    if listing is None:
        return None
    own = listing.tariff.entry.get("litellm_provider")
    kinds = {key: _kind_in(files, key) for key in listing.considered}
    is_dropped = kinds[listing.key] == Kind() and all(kind and kind.provider != own for kind in kinds.values())
    return listing if is_dropped else None


def target_of(model: str, provider: str | None) -> str | None:
    """The model that a name stands for in litellm's map, as `claude-opus-latest` for the newest; None for others."""
    return _target_in(price_files.seen(), f"{provider}/{model}" if provider else model)


@functools.lru_cache(maxsize=1024)
def _target_in(files: PriceFiles, name: str) -> str | None:
    seller, _, bare = name.rpartition("/")
    own = bare if seller and means(f"{seller}/*", bare) else name  # litellm's map has these without their seller
    return _read(files, lambda entries, _: entries.target(name) or entries.target(own))


class Kind(NamedTuple):
    """The facts about a model in an entry of the map, beside its prices; None for those that it does not state."""

    provider: str | None = None
    mode: str | None = None
    supports_pdf_input: bool | None = None


def kind_of(key: str) -> Kind | None:
    """The kind of the entry under exactly this key; an empty one without such an entry, None if that is not certain."""
    return _kind_in(price_files.seen(), key)


def provider_of(key: str) -> str | None:
    """The `litellm_provider` under exactly this key; empty if the map has no such key, None if that is not certain."""
    kind = kind_of(key)
    return None if kind is None else kind.provider or ""


@functools.lru_cache(maxsize=4096)
def _kind_in(files: PriceFiles, key: str) -> Kind | None:
    return _read(files, lambda entries, _: _kind(entries, key))


def _read(files: PriceFiles, question: Callable[[Entries, PriceMap], _Answer | None]) -> _Answer | None:
    """The answer of the map in force to a question; None without a map, or if it is not written as expected."""
    source = price_map.in_force(files)
    if source is None or not source.has_known_rules:
        return None
    try:
        with source.entries() as entries:
            return question(entries, source)
    except (OSError, ValueError, UnclearError):  # ValueError is an empty file
        return None


def _kind(entries: Entries, key: str) -> Kind | None:
    entry = entries.get(key)
    if entry is None:
        return None if entries.has_aliases() else Kind()
    if key in NOT_MODELS:
        return None
    return Kind(str(entry.get("litellm_provider", "")), entry.get("mode"), entry.get("supports_pdf_input"))


def _with_shipped(listing: Listing) -> Listing:
    """A listing of a newer map that also holds while litellm has its shipped map."""
    shipped = price_map.shipped()
    if shipped is None:
        return listing
    with shipped.entries() as entries:
        return listing._replace(known=(*listing.known, tuple(map(entries.get, listing.considered))))


def _find(
    entries: Entries | Mapping[str, Mapping[str, Any]], source: PriceMap, model: str, provider: str | None
) -> Listing | None:
    unknown = litellm_rules.rules_in_force()[0].unknown_sellers
    for name, given_seller in names_of(model, provider):
        seller = given_seller or _seller(entries, name)
        bare = name.removeprefix(f"{seller}/")
        if seller not in SELLERS or seller in unknown:
            return None
        if _is_left_to_litellm(seller, bare, is_stated=given_seller is not None):
            return None
        region_free = _region_free(bare) if seller == "bedrock_mantle" and not provider else bare
        considered = {key: entries.get(key) for key in (f"{seller}/{region_free}", region_free)}
        if bare.startswith(f"{seller}/") and considered[region_free]:
            return None  # litellm drops a seller that is repeated, or does not
        found = next(((key, entry) for key, entry in considered.items() if entry is not None), None)
        if found is not None:
            listing = _listing(*found, seller, source, considered, by_region=region_free != bare)
            return listing if listing is None or source.installed_us is None else _with_shipped(listing)
    return None


def _listing(
    key: str,
    entry: Mapping[str, Any],
    seller: str,
    source: PriceMap,
    considered: Mapping[str, Mapping[str, Any] | None],
    *,
    by_region: bool,
) -> Listing | None:
    if key in NOT_MODELS or not _is_sold_by(seller, entry):
        return None
    block = entry.get("off_peak_pricing")
    rules, _ = litellm_rules.rules_in_force()
    hours, prices = off_peak(block), tariff(entry, seller, rules)
    if prices is None or (block and (hours is None or not _is_lowered_as_known(seller, entry))):
        return None
    known = (tuple(considered.values()),)
    listing = Listing(key, prices, token_rates(entry), source, tuple(considered), known, by_region)
    listing = listing._replace(by_list=disputes.by_list(key, entry, seller, rules))
    if hours is None:
        return listing
    lowered = {**entry, **token_rates(entry["off_peak_pricing"])}
    lower = listing._replace(tariff=Tariff(lowered, seller, (), rules), rates=token_rates(lowered))
    return listing._replace(off_peak=(hours, lower))


def _is_lowered_as_known(seller: str, entry: Mapping[str, Any]) -> bool:
    """Whether off-peak rates merely replace the ordinary ones, and nothing else decides on them."""
    return seller in {"deepseek", "tencent"} and not any(
        "_above_" in name or name == "tiered_pricing" for name in entry
    )


def imported_litellm() -> ModuleType | None:
    """litellm, if this process has imported it."""
    return sys.modules.get("litellm")


def _seller(entries: Entries | Mapping[str, Mapping[str, Any]], name: str) -> str:
    """The seller that litellm takes for a name without one; empty if that is not certain."""
    prefix, slash, _ = name.partition("/")
    if slash:
        return prefix
    entry = entries.get(name)
    return _SELLERS_OF_BARE_NAMES.get(str(entry.get("litellm_provider")), "") if entry else ""


def _is_left_to_litellm(seller: str, bare: str, *, is_stated: bool) -> bool:
    """Whether more than an entry decides on the price of a seller's name."""
    if seller in {"azure", "azure_ai"} and "router" in bare:
        return True  # a fee is added
    if seller == "vertex_ai" and is_stated and bare.startswith(("openai/", "xai/")):
        return True  # litellm does not find these when the seller is stated
    if seller == "azure":
        return bare.startswith(("mistral", "command"))  # litellm takes these for OpenAI's
    return bare.startswith("ft:o")  # which litellm does not know for OpenAI's


def _region_free(bare: str) -> str:
    """A name at Bedrock's Mantle without its region (split_mantle_region_prefix in llms/bedrock_mantle)."""
    head, slash, rest = bare.partition("/")
    return rest if slash and _REGION.fullmatch(head) else bare


def _is_sold_by(seller: str, entry: Mapping[str, Any]) -> bool:
    """Whether an entry is the seller's own (_check_provider_match in litellm's utils.py, the certain part of it)."""
    provider = str(entry.get("litellm_provider"))
    if seller in {"vertex_ai", "fireworks_ai"}:
        return provider.startswith(seller)
    return provider == seller or (seller == "bedrock" and provider == "bedrock_converse")
