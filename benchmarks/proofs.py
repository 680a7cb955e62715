"""Whether what probes call proven is right: random usages of random entries, held against litellm itself.

    python benchmarks/proofs.py [PAIRS [SEED]]
    python benchmarks/proofs.py --changed [PAIRS [SEED]]

Proves entries in an empty cache, as though this release knew no rules, and prices at least PAIRS random usages (20,000
unless given) that are proven. Any that costs something else by litellm is printed, and is a failure. With `--changed`
the same is done in copies of the installed litellm, each with one rule changed by hand: what differs there has to be
among what is not proven. The copies are of the files of the litellm that this runs with; a change whose text is not in
them is skipped.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from budgetctl.errors import CannotPriceError
from budgetctl.models import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing import catalog, litellm_pricing, litellm_rules, price_files, price_map, probes, proofs, proving

WORDS = (None, None, "default", "standard", "batch", "flex", "priority", "fast", "scale")
PLACES = (None, None, None, None, "us", "global", "not_available")
SPEEDS = (None, None, None, None, "fast", "standard")
USUAL = ("uncached_input", "text_output", "cache_read", "reasoning", "cache_write_5m")
FAMILIES = (
    "gpt-4o", "gpt-5.1", "gpt-audio", "claude-sonnet-4-5", "claude-opus-4-6", "azure/gpt-4o", "gemini/gemini-2.5-pro",
    "gemini-2.5-flash", "gemini/gemini-2.5-flash-image", "vertex_ai/claude-sonnet-4-5", "xai/grok-4.3",
    "deepseek/deepseek-chat", "perplexity/sonar-deep-research", "dashscope/qwen-plus-latest",
    "anthropic.claude-sonnet-4-5-20250929-v1:0", "mistral/mistral-large-latest", "groq/openai/gpt-oss-120b",
)  # fmt: skip
RATES, ANTHROPIC = "litellm_core_utils/llm_cost_calc/utils.py", "llms/anthropic/cost_calculation.py"
CHANGES = {
    "nothing but the digest": (RATES, "import re\n", "re", "re  # as before"),
    "a threshold belongs to the longer range": (RATES, "return prompt_tokens > threshold or", ">", ">="),
    "Gemini's thresholds do so": (RATES, 'frozenset({"xai"})', '"xai"', '"xai", "gemini", "vertex_ai"'),
    "flex costs what priority does": (
        RATES,
        "ServiceTier.FLEX.value: ServiceTier.FLEX",
        ": ServiceTier.FLEX",
        ": ServiceTier.PRIORITY",
    ),
    "audio without a rate is free": (
        RATES,
        "audio_token is not None else completion_base_cost",
        "completion_base_cost",
        "0.0",
    ),
    "places cost nothing more": (ANTHROPIC, "if geo_multiplier != 1.0:", "!= 1.0", "> 2.0"),
    "fast answers cost less": (
        ANTHROPIC,
        "prompt_cost *= speed_multiplier",
        "speed_multiplier",
        "speed_multiplier / 2",
    ),
    "cached tokens at half": (RATES, "float(cached_text_tokens + unclassified_cached_tokens) *", "*", "* 0.5 *"),
    "reasoning beside images is free": (
        RATES,
        "and reasoning_tokens and reasoning_tokens > 0",
        "> 0",
        "> 0 and not image_tokens",
    ),
    "output costs more behind 128k": (
        RATES,
        "float(text_tokens) * completion_base_cost",
        "*",
        "* (1 + (usage.prompt_tokens > 128_000)) *",
    ),
    "what is cached is not long": (
        RATES,
        "_prompt_exceeds_threshold(usage.prompt_tokens, threshold,",
        "tokens,",
        "tokens - usage.prompt_tokens_details.cached_tokens,",
    ),
    "images, reasoning and audio are one cheaper": (
        RATES,
        "if not is_text_tokens_total and video_tokens",
        "if",
        "completion_cost -= 1e-6 * bool(image_tokens and reasoning_tokens and audio_tokens)\n    if",
    ),
}
"""A file of litellm, a text in it that is changed where it first stands, what of it, and what that becomes."""


def check(pairs: int, seed: str, models: list[str]) -> Counter[str]:
    """Prove models and price random usages of them, until so many are proven."""
    dice, counts = random.Random(seed), Counter[str]()
    asked: set[tuple[str, Any]] = set()
    while models and counts["proven, equal"] + counts["proven, DIFFERENT"] < pairs:
        model = dice.choice(models)
        files = price_files.seen()
        listing = catalog.find_in(files, model, None)
        if listing is None:
            models.remove(model)
            continue
        said = (dice.choice(WORDS), dice.choice(PLACES), dice.choice(SPEEDS))
        if said[0] == "batch" or not dice.randrange(3):
            said = (said[0], None, None)
        if (model, said) not in asked:
            asked.add((model, said))
            start = time.perf_counter()
            proving.prove(model, None, [said])
            counts["ms proving"] += round((time.perf_counter() - start) * 1000)
            counts["cells asked about"] += 1
        *ends, _ = probes.ends(proofs.entry_of(listing))
        for usage in random_usages(dice, ends):
            usage = usage._replace(model=model, service_tier=said[0], inference_geo=said[1], speed=said[2])
            here = listing.price(usage)
            is_proven = here is not None and proofs.covers(files, listing, usage)
            there = by_litellm(usage)
            verdict = "equal" if here == there else "no price here" if here is None else "DIFFERENT"
            counts[f"{'proven' if is_proven else 'not proven'}, {verdict}"] += 1
            if is_proven and here != there:
                print(f"different: {usage.to_json()}: {here} here, {there} by litellm")
    return counts


def random_usages(dice: random.Random, ends: list[int]) -> Iterator[Usage]:
    """Usages of few kinds and of many, at thresholds and far from them."""
    for _ in range(8):
        if dice.randrange(2):
            kinds = {*dice.sample(USUAL, dice.randint(1, 4)), *dice.sample(probes.KINDS, dice.randint(0, 2))}
        else:
            kinds = set(dice.sample(probes.KINDS, dice.randint(0, len(probes.KINDS))))
        counts = {kind: round(10 ** dice.uniform(0, 5.5)) for kind in sorted(kinds)}
        sent = [kind for kind in probes.INPUT if kind in counts]
        if ends and sent and dice.randrange(3):
            grown, rest = dice.choice(sent), dice.choice(ends) + dice.choice((-1, 0, 1, 50_000))
            rest -= sum(counts[kind] for kind in sent) - counts[grown]
            counts[grown] = max(rest, 1)
        yield Usage(**counts)


def by_litellm(usage: Usage) -> Picodollars | None:
    """What litellm itself says."""
    try:
        return litellm_pricing.price_usage(usage).amount
    except CannotPriceError:
        return None


def changed_copy(package: Path, name: str, text: str, directory: Path) -> None:
    """Make a litellm in a directory that is the installed one, but for one file, which has another text."""
    copy = directory / "litellm"
    copy.mkdir(parents=True)
    for info in package.parent.glob("litellm-*.dist-info"):
        (directory / info.name).symlink_to(info)
    for part in Path(name).parts:
        for path in package.iterdir():
            if path.name not in {part, "__pycache__"}:
                (copy / path.name).symlink_to(path)
        package, copy = package / part, copy / part
        if package.is_dir():
            copy.mkdir()
    copy.write_text(text)


def run_changed(arguments: list[str]) -> int:
    """Run the check in a process of its own for each change."""
    package = price_map.package_directory()
    failures = 0
    for what, change in CHANGES.items():
        name, before, *replaced = change
        text = (package / name).read_text()
        if before not in text:
            print(f"--- {what}: skipped, this litellm is written otherwise")
            continue
        print(f"--- {what}", flush=True)
        with tempfile.TemporaryDirectory() as directory:
            changed_copy(package, name, text.replace(before, before.replace(*replaced), 1), Path(directory))
            path = os.pathsep.join([directory, str(Path(__file__).parents[1])])
            command = [sys.executable, __file__, *arguments, "families"]
            failures += subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode != 0
    return failures


def entries() -> Mapping[str, Any]:
    """The entries of litellm's map that have prices per token."""
    shipped = price_map.shipped()
    assert shipped is not None
    return {
        key: each for key, each in shipped.load().items() if any("token" in name and "cost" in name for name in each)
    }


def main() -> None:
    """Print what came of it."""
    arguments = [word for word in sys.argv[1:] if word not in {"--changed", "families"}]
    if "--changed" in sys.argv:
        sys.exit(run_changed(arguments))
    pairs = int(arguments[0]) if arguments else 20_000
    seed = arguments[1] if len(arguments) > 1 else "0"
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # not one from the network
    litellm_rules.rules_in_force = lambda: (litellm_rules.NEWEST, False)  # as under a digest that is not known
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        known = entries()
        models = [model for model in FAMILIES if model in known]
        if "families" not in sys.argv:
            models += random.Random(seed).sample(sorted(known), max(pairs // 60, 50))
        print(f"litellm {price_map.shipped().version}, digest {str(litellm_rules.digest())[:12]}, {len(models)} models")
        counts = check(pairs, seed, models)
    for what, count in sorted(counts.items()):
        print(f"{count:>9}  {what}")
    sys.exit(bool(counts["proven, DIFFERENT"]))


if __name__ == "__main__":
    main()
