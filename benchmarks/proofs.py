"""Whether what probes call proven is right: random usages of random entries, held against litellm itself.

    python benchmarks/proofs.py [PAIRS [SEED]]
    python benchmarks/proofs.py --changed [PAIRS]

Proves entries in an empty cache, as though this release knew no rules, and prices at least PAIRS random usages (20,000
unless given) that are proven. Any that costs something else by litellm is printed, and is a failure. With `--changed`
the same is done in copies of the installed litellm, each with one rule changed by hand: what differs there has to be
among what is not proven. The copies are of the files of the litellm that this runs with; a change whose text is not in
them is skipped.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from budgetctl.errors import CannotPriceError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.litellm import asking, installed, litellm_rules
from budgetctl.pricing.prices import catalog, price_files, price_map, probes, proofs, proving
from budgetctl.pricing.prices.proofs import Said
from budgetctl.pricing.rules.cost import prices

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
    "nothing but the digest": (RATES, "import re\n", "re", "re  # as before", "gpt-4o", None),
    "a threshold is in the longer range": (
        *(RATES, "return prompt_tokens > threshold or", ">", ">="),
        *("gemini/gemini-2.5-pro", None),
    ),
    "Gemini's thresholds are in the longer range": (
        *(RATES, 'frozenset({"xai"})', '"xai"', '"xai", "gemini"'),
        *("gemini/gemini-2.5-pro", None),
    ),
    "flex costs what priority does": (
        *(RATES, "ServiceTier.FLEX.value: ServiceTier.FLEX", ": ServiceTier.FLEX", ": ServiceTier.PRIORITY"),
        *("gpt-5.1", "flex"),
    ),
    "audio without a rate is free": (
        *(RATES, "audio_token is not None else completion_base_cost", "completion_base_cost", "0.0"),
        *("gpt-4o", None),
    ),
    "places cost nothing more": (
        *(ANTHROPIC, "if geo_multiplier != 1.0:", "!= 1.0", "> 2.0"),
        *("claude-opus-4-6", "standard us"),
    ),
    "fast answers cost less": (
        *(ANTHROPIC, "prompt_cost *= speed_multiplier", "speed_multiplier", "speed_multiplier / 2"),
        *("claude-opus-5", "standard global fast"),
    ),
    "cached tokens at half": (
        *(RATES, "float(cached_text_tokens + unclassified_cached_tokens) *", "*", "* 0.5 *"),
        *("gpt-4o", "default"),
    ),
    "reasoning beside images is free": (
        *(RATES, "and reasoning_tokens and reasoning_tokens > 0", "> 0", "> 0 and not image_tokens"),
        *("gpt-5.1", None),
    ),
    "output costs more behind 128k": (
        *(RATES, "float(text_tokens) * completion_base_cost", "*", "* (1 + (usage.prompt_tokens > 128_000)) *"),
        *("gpt-4o", None),
    ),
    "what is cached is not long": (
        *(RATES, "_prompt_exceeds_threshold(usage.prompt_tokens, threshold,"),
        *("tokens,", "tokens - usage.prompt_tokens_details.cached_tokens,"),
        *("gemini/gemini-2.5-pro", None),
    ),
    "images, reasoning and audio cost less together": (
        *(RATES, "if not is_text_tokens_total and video_tokens", "if"),
        "completion_cost -= 1e-6 * bool(image_tokens and reasoning_tokens and audio_tokens)\n    if",
        *("gpt-audio", None),
    ),
    "batches cost two fifths": (
        *("cost_calculator.py", "base_input_tokens * (input_cost_per_token) / 2", "/ 2", "* 0.4"),
        *("mistral/mistral-large-latest", "batch"),
    ),
}
"""What changes: a file of litellm, a text in it that is changed where it first stands, what of it, and to what.

Then a model that meets it, and what its response says.
"""


def check(pairs: int, cells: Iterator[tuple[str, Said]]) -> Counter[str]:
    """Prove cells and price random usages in them, until so many are proven, or ten times as many are not."""
    counts, dice, asked = Counter[str](), random.Random(0), set()
    while counts["proven, equal"] + counts["proven, DIFFERENT"] < pairs and counts.total() < 10 * pairs:
        model, said = next(cells)
        files = price_files.seen()
        listing = catalog.find_in(files, model, None)
        if listing is None:
            continue
        if (model, said) not in asked:
            asked.add((model, said))
            proving.prove(model, None, [said])
        *ends, _ = probes.ends(proofs.entry_of(listing))
        for usage in random_usages(dice, ends):
            usage = usage._replace(model=model, service_tier=said[0], inference_geo=said[1], speed=said[2])
            here, there = listing.price(usage), by_litellm(usage)
            is_proven = here is not None and proofs.covers(files, listing, usage)
            verdict = "equal" if here == there else "no price here" if here is None else "DIFFERENT"
            counts[f"{'proven' if is_proven else 'not proven'}, {verdict}"] += 1
            if is_proven and here != there:
                print(f"different: {usage.to_json()}: {here} here, {there} by litellm")
    print(f"{len(asked):>9}  cells asked about")
    return counts


def any_cells(seed: str, pairs: int) -> Iterator[tuple[str, Said]]:
    """Random models, and what responses may say of themselves."""
    dice, shipped = random.Random(seed), price_map.shipped()
    priced = [key for key, entry in shipped.load().items() if any("token" in name for name in prices(entry))]
    models = [*FAMILIES, *dice.sample(sorted(priced), pairs // 60)]
    while True:
        word, place, speed = dice.choice(WORDS), dice.choice(PLACES), dice.choice(SPEEDS)
        is_plain = word == "batch" or not dice.randrange(3)
        yield dice.choice(models), (word, None, None) if is_plain else (word, place, speed)


def random_usages(dice: random.Random, ends: list[int]) -> Iterator[Usage]:
    """Usages of few kinds and of many, at thresholds and far from them."""
    for _ in range(40):
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
        return asking.price_usage(usage).amount
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


def run_changed(pairs: int) -> int:
    """Run the check in a process of its own for each change, and count failures."""
    package = installed.directory()
    failures = 0
    for what, (name, before, old, new, model, words) in CHANGES.items():
        print(f"--- {what}", flush=True)
        text = (package / name).read_text()
        if before not in text:
            print("    skipped: this litellm is written otherwise")
            continue
        with tempfile.TemporaryDirectory() as directory:
            changed_copy(package, name, text.replace(before, before.replace(old, new), 1), Path(directory))
            path = os.pathsep.join([directory, str(Path(__file__).parents[1])])
            command = [
                sys.executable,
                __file__,
                str(pairs),
                "--model",
                model,
                *([] if words is None else ["--said", words]),
            ]
            failures += subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode != 0
    return failures


def main() -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", type=int, nargs="?", default=20_000)
    parser.add_argument("seed", nargs="?", default="0")
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--model", help="of one model alone")
    parser.add_argument("--said", default="", help="service tier, place and speed, with spaces between them")
    given = parser.parse_args()
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # not one from the network
    if given.changed:
        sys.exit(run_changed(given.pairs))
    litellm_rules.rules_in_force = lambda: (litellm_rules.NEWEST, False)  # as under a digest that is not known
    words = (*given.said.split(), None, None, None)[:3]
    cells = itertools.repeat((given.model, words)) if given.model else any_cells(given.seed, given.pairs)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        print(f"litellm {price_map.shipped().version}, digest {str(litellm_rules.digest())[:12]}")
        counts = check(given.pairs, cells)
    for what, count in sorted(counts.items()):
        print(f"{count:>9}  {what}")
    sys.exit(bool(counts["proven, DIFFERENT"]))


if __name__ == "__main__":
    main()
