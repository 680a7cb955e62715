"""Asking litellm about the cells of an entry, in a process that has imported it.

Only an unchanged litellm proves anything: with other prices or replaced functions, its answers say nothing of other
processes.
"""

from __future__ import annotations

import functools
import itertools
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from budgetctl.directories import cache_directory, make_private
from budgetctl.errors import CannotPriceError
from budgetctl.pricing.counting import tokens
from budgetctl.pricing.litellm import asking, installed, litellm_rules
from budgetctl.pricing.litellm.fence import fenced
from budgetctl.pricing.prices import catalog, price_files, price_map, probes, proofs
from budgetctl.pricing.prices.catalog import Listing
from budgetctl.pricing.prices.price_files import PriceFiles
from budgetctl.pricing.prices.proofs import Proof, Said
from budgetctl.pricing.rules.cost import prices

_MOST_SAID, _LONGEST_WORD = 64, 64
"""How many kinds of responses of a model are kept, in words of how many characters: no provider has as many."""

_DAY_S = 86_400

_WORDS = {
    "default": ("openai", "azure", "text-completion-openai"),
    "standard": ("anthropic", "gemini", "vertex_ai"),
    "batches": ("openai", "azure", "anthropic", "gemini", "vertex_ai-language"),
}
"""Service tiers that sellers name, or price without a rate of their own."""

_PLACES = ("global", "not_available")


@functools.lru_cache(maxsize=4096)
def prove_once(files: PriceFiles, model: str, provider: str | None, said: Said | None) -> None:
    """Prove a cell, unless this process or another has asked about it. None is the cell of plain numbers of tokens."""
    known = proofs.proof_of(files, model, provider)
    if known is None or (not known.counts if said is None else said not in known.cells):
        prove(model, provider, [] if said is None else [said])


@fenced()
def prove(model: str, provider: str | None, said: Iterable[Said]) -> Proof | None:
    """Ask litellm about cells of a model, and about plain numbers of tokens; keep and return the proof.

    None where nothing can be proven: without a listing, with prices that hold at some hours only, or under a litellm
    that cannot be read, or that somebody has changed in this process.
    """
    files = price_files.seen()
    listing = catalog.find_in(files, model, provider)
    if listing is None or listing.off_peak is not None or litellm_rules.digest() is None:
        return None
    litellm = asking.imported()
    if not installed.is_plain(litellm) or not listing.holds_in(litellm):
        return None
    before = proofs.proof_of(files, model, provider) or Proof(model, provider)
    with _consulted(litellm) as keys:
        try:
            proof = _asked(litellm, listing, before, said)
        except CannotPriceError:
            return None
    return _kept(files, litellm, proof, keys | {*listing.considered})


@functools.lru_cache(maxsize=4096)
def prove_tokens_once(files: PriceFiles, model: str) -> None:
    """Prove the counting of a model's texts, unless that was asked before; warn where litellm counts otherwise."""
    known = proofs.proof_of(files, model, None)
    if known is None or known.tokens is None:
        known = prove_tokens(model)
    if known is not None and known.tokens is False:
        warn_once_a_day()


@fenced()
def prove_tokens(model: str) -> Proof | None:
    """Ask litellm for the tokens of a text and of messages; keep and return whether they are as many here.

    None where nothing can be proven, as in `prove`.
    """
    litellm = asking.imported()
    if (
        litellm_rules.digest() is None
        or not installed.is_plain(litellm)
        or getattr(litellm, "disable_token_counter", False)
    ):
        return None
    files = price_files.seen()
    before = proofs.proof_of(files, model, None) or Proof(model, None)
    with _consulted(litellm) as keys:
        equal = all(_is_counted_alike(litellm, model, content) for content in probes.contents(proofs.LONGEST_TEXT))
    return _kept(files, litellm, before._replace(tokens=equal), keys | {model})


def _is_counted_alike(litellm: Any, model: str, content: Mapping[str, Any]) -> bool:
    """Whether a text or messages are as many tokens here as litellm says."""
    here = (
        tokens.count_text(model, content["text"], unproven=True)
        if "text" in content
        else tokens.count_messages(model, content["messages"], unproven=True)
    )
    return here is not None and here == probes.tokens_by_litellm(litellm, model, **content)


def _kept(files: PriceFiles, litellm: Any, proof: Proof, keys: set[str]) -> Proof | None:
    """Keep the proof with the entries that decided. None if litellm's map has other entries than the one in force.

    litellm adds entries by itself, as for aliases.
    """
    keys = keys | {*proof.entries}
    listing = catalog.find_in(files, proof.model, proof.provider)
    entries = proofs.hashes(files, listing, sorted(keys))
    if entries is None or any(entries[key] != proofs.hash_of(litellm.model_cost.get(key)) for key in keys):
        return None
    proof = proof._replace(entries=entries)
    proofs.save(proof)
    return proof


def _asked(litellm: Any, listing: Listing, before: Proof, said: Iterable[Said]) -> Proof:
    """The proof of a model, extended by litellm's answers. Raises `CannotPriceError` where it knows no such model."""
    name, seller = asking.asked_as(before.model, before.provider)
    ranges = probes.ranges(proofs.entry_of(listing))
    there = probes.ask_litellm(litellm, name, seller)
    cells = dict(before.cells)
    for words in said:
        if all(len(word or "") <= _LONGEST_WORD for word in words) and len(cells) < _MOST_SAID:
            cells[words] = [probes.proven_kinds(listing.price, there, words, each) for each in ranges]
    counts = before.counts
    if not counts:
        by_counts = probes.ask_litellm_of_counts(litellm, name, seller)
        price = functools.partial(listing.price, as_counts=True)
        counts = [probes.are_counts_equal(price, by_counts, each) for each in ranges]
    return before._replace(cells=cells, counts=counts)


def provable() -> list[str]:
    """The models of the map in force that are priced by the token."""
    source = price_map.in_force()
    entries = {} if source is None else source.load()
    return sorted(key for key, entry in entries.items() if any("token" in name for name in prices(entry)))


def known(models: Sequence[str]) -> Sequence[str]:
    """These models. Raises `CannotPriceError` for one that has no entry."""
    for model in models:
        asking.find_entry(model, None)
    return models


def prove_all(models: Iterable[str]) -> tuple[list[str], list[str]]:
    """Prove what responses of these models usually say: the proven ones, and those for which litellm is asked."""
    proven: list[str] = []
    asked: list[str] = []
    for model in models:
        (proven if prove_usual(model) else asked).append(model)
    return proven, asked


def prove_usual(model: str) -> bool:
    """Prove the usual cells of a model, and say whether its text needs no litellm from now on."""
    listing = catalog.find(model, None)
    proof = None if listing is None else prove(model, None, _usual(proofs.entry_of(listing)))
    if proof is not None:
        prove_tokens(model)
    if proof is None or proofs.proof_of(price_files.seen(), model, None) is None:
        return False
    return all(proof.counts) and all(map(probes.has_text, itertools.chain(*proof.cells.values())))


def _usual(entry: Mapping[str, Any]) -> list[Said]:
    """The tiers, places and speeds of a seller's answers that are priced by an entry."""
    seller = str(entry.get("litellm_provider"))
    words: list[str | None] = [None]
    words += [word for word in ("flex", "priority", "batches") if any(name.endswith(f"_{word}") for name in entry)]
    words += [word for word, sellers in _WORDS.items() if seller.startswith(sellers)]
    said: list[Said] = [("batch" if word == "batches" else word, None, None) for word in dict.fromkeys(words)]
    return said + [("standard", place, None) for place in _PLACES if seller == "anthropic"]


class _NotingMap(dict[str, Any]):
    """litellm's map, which notes the keys that are looked for."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.sought: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.sought.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, str):
            self.sought.add(key)
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry of a key."""
        self.sought.add(key)
        return super().get(key, default)


_REMEMBERED = ("get_model_info", "cost_map_key")
"""Parts of the names of functions that remember entries of litellm's map."""


@contextmanager
def _consulted(litellm: Any) -> Iterator[set[str]]:
    """The keys that litellm looks for in its map in the block. Entries that it remembers are forgotten before."""
    for name, function in list(vars(litellm.utils).items()):
        if hasattr(function, "cache_clear") and any(part in name for part in _REMEMBERED):
            function.cache_clear()
    known = litellm.model_cost
    noting = litellm.model_cost = _NotingMap(known)
    try:
        yield noting.sought
    finally:
        litellm.model_cost = known


def warn_once_a_day() -> None:
    """Warn that litellm is asked, as its rules are not those of this release: once a day, in one of all processes."""
    marker = cache_directory() / "litellm-was-asked"
    try:
        make_private(marker.parent)
        if marker.exists() and time.time() - marker.stat().st_mtime < _DAY_S:
            return
        marker.touch()
    except OSError:  # where nothing can be kept, that would be said each time
        return
    ours = price_map.shipped()
    warnings.warn(
        f"litellm {ours.version if ours else ''} prices in ways that this release of budgetctl does not know:"
        " there litellm is asked, which takes seconds; a newer budgetctl is due",
        stacklevel=2,
    )
