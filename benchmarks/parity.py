"""Whether prices worked out here equal litellm's: every entry of its map with prices per token, by many usages.

    python benchmarks/parity.py [SHARE [SEED]]

Prints how many of the pairs that litellm prices are worked out here, which differ, and which entries litellm cannot
place under their own key. SHARE (1 unless given) is the part of the entries that is looked at, chosen by SEED.
tests/pricing/test_parity.py looks at a part of them each day.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from budgetctl.errors import CannotPriceError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.litellm import asking
from budgetctl.pricing.prices import catalog, price_map

PLAIN = Usage(uncached_input=12_345, text_output=678)
EXPLICIT = Usage(uncached_input=1_201, explicit_cache_read=7_003, text_output=19)
USAGES = (
    PLAIN,
    Usage(),
    Usage(uncached_input=1),
    Usage(text_output=1),
    Usage(uncached_input=987, cache_read=65_431, text_output=321),
    Usage(cache_read=4_321, text_output=17),
    Usage(uncached_input=11, cache_write_5m=7_777, text_output=333),
    Usage(uncached_input=11, cache_write_1h=7_777, text_output=333),
    Usage(uncached_input=11, cache_read=9_999, cache_write_5m=2_223, cache_write_1h=3_331, text_output=333),
    Usage(uncached_input=2_001, text_output=99, reasoning=1_601),
    Usage(uncached_input=2_001, reasoning=1_601),
    Usage(uncached_input=701, cache_read=300, audio_input=2_999, text_output=123, audio_output=457),
    Usage(uncached_input=701, image_input=1_290, text_output=123, image_output=2_580),
    Usage(uncached_input=70_001, cache_read=31, audio_input=299, image_input=258, text_output=5, reasoning=77),
    Usage(audio_input=299, image_input=258, audio_output=5, image_output=77),
    Usage(uncached_input=1_500_007, cache_read=3_001, cache_write_5m=997, cache_write_1h=103, text_output=20_011),
    Usage(uncached_input=13, cache_read=1_500_007, text_output=20_011, reasoning=7_001),
    Usage(uncached_input=13, cache_write_5m=2_001, cache_write_1h=55, cache_write_12h=7_003, text_output=19),
    Usage(uncached_input=1_201, cache_write_12h=7_003, text_output=19),
    EXPLICIT,
    Usage(uncached_input=1_201, cache_read=31, audio_cache_read=2_003, audio_input=57, text_output=19),
    Usage(uncached_input=1_201, cache_read=31, image_cache_read=2_003, image_input=57, text_output=19),
    Usage(uncached_input=1_201, video_input=5_009, text_output=19, video_output=3_001),
    Usage(uncached_input=1_201, text_output=19, reasoning=7, citations=811),
    Usage(text_output=19, reasoning=7, audio_output=11, image_output=13, video_output=17),
)
ALL = Usage(
    uncached_input=1_201,
    cache_read=311,
    cache_write_5m=211,
    cache_write_1h=113,
    cache_write_12h=57,
    audio_cache_read=203,
    image_cache_read=107,
    audio_input=57,
    image_input=31,
    video_input=509,
    text_output=19,
    reasoning=7,
    audio_output=11,
    image_output=13,
    video_output=17,
    citations=811,
)
LONG = (
    Usage(uncached_input=7, image_input=1_000_003, text_output=19, image_output=2_580),
    Usage(uncached_input=7, audio_input=1_000_003, text_output=19, audio_output=457),
    Usage(cache_read=1_219, cache_write_5m=146_557, image_input=999_247, reasoning=59_243, audio_output=99),
    Usage(uncached_input=7, audio_cache_read=900_001, image_cache_read=200_003, audio_input=5, text_output=19),
    Usage(uncached_input=7, video_input=1_000_003, text_output=19, video_output=457),
    Usage(uncached_input=9, explicit_cache_read=1_000_003, text_output=19),
    Usage(uncached_input=1_000_003, cache_write_5m=7, cache_write_1h=1_009, cache_write_12h=2_003, text_output=19),
    ALL._replace(uncached_input=1_000_003),
)
"""Inputs above every threshold that consist of other kinds than text."""
TIERS = ("batch", "flex", "priority", "default", "balanced", "Fast", "ultrafast", "auto")
SAID = (
    {"inference_geo": "us"},
    {"speed": "fast"},
    {"inference_geo": "US", "speed": "fast"},
    {"inference_geo": "global"},
)


class Report(NamedTuple):
    """What came of the pairs of an entry and a usage."""

    counts: Counter[str]
    differing: list[str]
    unplaced: list[str]

    @property
    def share(self) -> float:
        """How many of the pairs that litellm prices were worked out here."""
        return self.counts["equal"] / max(self.counts["equal"] + self.counts["left to litellm"], 1)


def entries() -> dict[str, Mapping[str, Any]]:
    """The entries of litellm's map that have prices per token."""
    import litellm

    shipped = price_map.PriceMap(Path(litellm.__file__).with_name(price_map.MAP_NAME), "")
    return {
        key: entry
        for key, entry in shipped.load().items()
        if (entry.get("tiered_pricing") or any("token" in name and "cost" in name for name in entry))
    }


def groups(known: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """The keys of entries that are priced by the same rules: of one seller, with the same fields."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for key, entry in sorted(known.items()):
        fields = frozenset(name for name in entry if "cost" in name or "pricing" in name or "specific" in name)
        tiers = frozenset(name for tier in entry.get("tiered_pricing") or () for name in tier)
        seller = key.partition("/")[0] if "/" in key else ""
        found.setdefault((seller, entry.get("litellm_provider"), entry.get("mode"), fields, tiers), []).append(key)
    return list(found.values())


def usages_of(entry: Mapping[str, Any]) -> Iterator[Usage]:
    """Usages of all kinds, at and around the thresholds of the entry, in every service tier."""
    thresholds = {
        int(match[1]) * (1000 if match[2] else 1)
        for name in entry
        if (match := re.search(r"_above_(\d+)(k?)_tokens", name))
    } | {int(end) for tier in entry.get("tiered_pricing") or () for end in tier.get("range", ())}
    mixed = Usage(cache_read=1_003, cache_write_5m=501, cache_write_1h=77, text_output=2_003, reasoning=1_201)
    around = [
        mixed._replace(uncached_input=length - mixed.total_input)
        for end in sorted(thresholds)
        for length in (end - 1, end, end + 1)
        if length > mixed.total_input
    ]
    yield from (*USAGES, *LONG, *around)
    for tier in TIERS:
        for usage in (PLAIN, USAGES[8], USAGES[11], USAGES[13], EXPLICIT, ALL, LONG[1], LONG[-1], *around):
            yield usage._replace(service_tier=tier)
    if entry.get("provider_specific_entry"):
        yield from (usage._replace(**said) for said in SAID for usage in (PLAIN, USAGES[8]))


def compare(
    chosen: Sequence[tuple[str, Mapping[str, Any]]],
    seconds: float = float("inf"),
    usages: Sequence[Usage] | None = None,
) -> Report:
    """Price usages of the chosen entries (all, if none are given) here and by litellm, until the time is up."""
    report = Report(Counter(), [], [])
    end = time.monotonic() + seconds
    for key, entry in chosen:
        if time.monotonic() > end:
            break
        report.counts["entries"] += 1
        # Other usages would say the same: litellm finds no price, and looks for similar names each time.
        if _by_litellm(PLAIN._replace(model=key)) is None and catalog.find(key, None) is None:
            report.unplaced.append(key)
            continue
        for usage in usages or usages_of(entry):
            report.counts[_compared(usage._replace(model=key), report.differing)] += 1
        listing = catalog.find(key, None)
        if listing is not None and not listing.by_region:
            _compare_counts(PLAIN._replace(model=key), listing, report)
    return report


def _compared(usage: Usage, differing: list[str]) -> str:
    listing = catalog.find(usage.model or "", usage.provider)
    here = None if listing is None else listing.at(usage, None).price(usage)
    there = _by_litellm(usage)
    if here is None:
        return "without a price" if there is None else "left to litellm"
    if here == there:
        return "equal"
    differing.append(f"{usage.to_json()}: {here} here, {there} by litellm")
    return "different"


def _compare_counts(usage: Usage, listing: catalog.Listing, report: Report) -> None:
    """Plain numbers of tokens, which litellm prices by another function than responses."""
    try:
        there = asking.price_counts(usage).amount
    except CannotPriceError:
        there = None
    here = listing.at(usage, None).price(usage, as_counts=True)
    report.counts["counts equal" if here == there else "counts different"] += 1
    if here is not None and here != there:
        report.differing.append(f"counts of {usage.to_json()}: {here} here, {there} by litellm")


def _by_litellm(usage: Usage) -> Picodollars | None:
    try:
        return asking.price_usage(usage).amount
    except CannotPriceError:
        return None


def main() -> None:
    """Print what came of it."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # not one from the network
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    seed = sys.argv[2] if len(sys.argv) > 2 else "0"
    known = sorted(entries().items())
    chosen = random.Random(seed).sample(known, round(len(known) * share))
    start = time.monotonic()
    report = compare(chosen)
    print(f"{len(chosen)} of {len(known)} entries in {time.monotonic() - start:.0f} s")
    for what, count in report.counts.most_common():
        print(f"{count:>9}  {what}")
    print(f"{report.share:9.3%}  of the pairs that litellm prices are worked out here")
    for line in report.differing[:50]:
        print("different:", line)
    for key in report.unplaced:
        print("litellm has no price under its own key:", key)
    sys.exit(bool(report.differing))


if __name__ == "__main__":
    main()
