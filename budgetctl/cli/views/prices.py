"""Prices of models, and the files that they come from: documents, the columns of their table, and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from budgetctl.cli.cells import Column, Document, dumps
from budgetctl.cli.views import columns
from budgetctl.cli.views.times import moment, timestamp
from budgetctl.money import Picodollars, format_exact, from_number

if TYPE_CHECKING:
    from budgetctl.pricing.prices.map_update import Changes
    from budgetctl.pricing.prices.own_prices import OwnPrice
    from budgetctl.pricing.prices.price_map import PriceMap
    from budgetctl.pricing.prices.quotes import Quote, Sources, Trust

PRICE_FIELDS = "key source provider per rates others".split()

_FEW = 5


def own_price_document(price: OwnPrice) -> dict[str, Any]:
    """The document of a user's own price of a model."""
    return {"model": price.model, "per": price.per, "rates": price.stated()}


def quote_document(quote: Quote) -> dict[str, Any]:
    """The document of a price: `rates` are USD for `per` tokens, `others` the further fields of litellm's price map."""
    return {
        "key": quote.key,
        "source": quote.source,
        "provider": quote.provider,
        "per": quote.per,
        "rates": dict(quote.rates),
        "others": dict(quote.others),
    }


def price_sources_document(sources: Sources) -> dict[str, Any]:
    """The document of the files that prices come from."""
    return {
        "own": {"path": str(sources.own), "models": sources.own_models},
        "map": {
            "path": None if sources.map is None else str(sources.map),
            "models": sources.map_models,
            "litellm_version": sources.version,
            "installed_at": timestamp(sources.installed_us),
        },
        "rules": trust_document(sources.trust),
    }


def trust_document(trust: Trust) -> dict[str, Any]:
    """The document of the trust in litellm's rules, by which it is not asked for each price."""
    return {
        "trusted_by": trust.by,
        "digest": trust.digest,
        "proofs": None if trust.proofs is None else str(trust.proofs),
        "proven_models": trust.proven_models,
    }


def proving_document(trust: Trust, proven: Sequence[str], asked: Sequence[str]) -> dict[str, Any]:
    """The document of the prices that were proven, and of the models for which litellm is asked all the same."""
    return {**trust_document(trust), "proven": len(proven), "asked": list(asked)}


def map_document(changes: Changes, in_force: PriceMap | None, *, dry_run: bool) -> dict[str, Any]:
    """The document of the changes that a price map brings, with the file of the map in force."""
    return {**changes._asdict(), "path": str(in_force and in_force.path), "installed": not dry_run}


def _rate(name: str) -> Column:
    """A column of a rate, in USD for a million tokens."""

    def text(document: Document) -> str:
        rate = document["rates"].get(name)
        return "-" if rate is None else format_exact(rate * 10**6 // document["per"])

    return Column(name.replace("_", " ").upper(), text, is_number=True)


PRICE_COLUMNS = (
    columns.name("key", "MODEL"),
    columns.name("provider"),
    _rate("input"),
    _rate("output"),
    _rate("cache_read"),
    columns.text("source", "FROM"),
)


def own_price(price: OwnPrice, before: OwnPrice | None) -> str:
    """The sentence for a price that was set, and for the one that it replaced."""
    rates = ", ".join(f"{_spaced(name)} {format_exact(rate)}" for name, rate in price.rates.items())
    each = "" if price.web_search is None else f", {format_exact(price.web_search)} a web search"
    replaced = "" if before is None else ", in place of what was set"
    return f"{price.model}: {rates} per {_count(price.per)}{each}{replaced}"


def quoted(quote: Quote) -> str:
    """A price as lines of a word and a value."""
    lines = [("model", quote.key), ("from", "your own prices" if quote.source == "user" else "litellm's price map")]
    lines += [("provider", quote.provider)] if quote.provider else []
    lines += [(_spaced(name), f"{format_exact(rate)} per {_count(quote.per)}") for name, rate in quote.rates.items()]
    lines += [(name, _other(name, value)) for name, value in quote.others.items()]
    width = max(len(word) for word, _ in lines)
    return "\n".join(f"{word:<{width}}  {value}" for word, value in lines)


def price_sources(sources: Sources) -> str:
    """The lines of the files that prices come from, in the order in which they are asked."""
    own = f"{sources.own_models:,} models" if sources.own_models else "none set"
    lines = [f"{'your own':<10}{sources.own} ({own})"]
    rules = f"{'rules':<10}{trusted(sources.trust)}"
    if sources.map is None:
        return "\n".join([*lines, f"{'map':<10}litellm's own, which only litellm can read", rules])
    about = f"{sources.map_models:,} models, by the rules of litellm {sources.version}"
    if sources.installed_us is not None:
        about += f", installed {moment(sources.installed_us, 'UTC')}"
    return "\n".join([*lines, f"{'map':<10}{sources.map} ({about})", rules])


def trusted(trust: Trust) -> str:
    """The words on litellm's rules: whether they are trusted, or litellm is asked for prices."""
    if trust.digest is None:
        return "not to be read: litellm is asked for each price"
    if trust.by == "digest":
        return f"trusted by their digest, {trust.digest[:12]}"
    return (
        f"not known to this release, digest {trust.digest[:12]}: litellm is asked, except for the models proven in"
        f" {trust.proofs} ({trust.proven_models:,})"
    )


def proved(trust: Trust, proven: Sequence[str], asked: Sequence[str]) -> str:
    """The sentence for the prices that were proven."""
    if trust.by == "digest":
        return "litellm's rules are trusted by their digest; nothing to prove"
    line = f"{len(proven):,} {'model' if len(proven) == 1 else 'models'} proven in {trust.proofs}"
    if not asked:
        return line
    return f"{line}; for {len(asked):,} litellm is asked: {_few(asked)}"


def map_changed(changes: Changes, *, dry_run: bool) -> str:
    """The sentence for the changes that a price map brings."""
    counts = f"{len(changes.added):,} new, {len(changes.removed):,} gone, {len(changes.repriced):,} at another price"
    return f"{changes.models:,} models {'would be' if dry_run else 'are'} in force: {counts}"


def scaled_prices(changes: Changes) -> str:
    """The warning for models of a map that cost a hundred times more or less, of which a few may be right."""
    return f"a hundred times more or less than before: {_few(changes.scaled)}"


def _few(models: Sequence[str]) -> str:
    """The first of the models, with `…` where there are more."""
    return ", ".join(models[:_FEW]) + (", …" if len(models) > _FEW else "")


def _other(name: str, value: Any) -> str:
    """The value of a field of the price map that has no name in budgetctl."""
    if isinstance(value, Picodollars):
        return format_exact(value)
    if "token" in name and isinstance(value, float):
        return f"{format_exact(from_number(value) * 10**6)} per 1M tokens"
    return dumps(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _count(tokens: int) -> str:
    """A number of tokens: `1M`, `1K`, or its digits."""
    for unit, size in (("M", 1_000_000), ("K", 1_000)):
        if tokens % size == 0:
            return f"{tokens // size:,}{unit} tokens"
    return "token" if tokens == 1 else f"{tokens:,} tokens"
