"""Prove that prices and tokens worked out here are those of some versions of litellm, and write that down.

    python benchmarks/proving.py 1.106.12 1.110.2 …
    python benchmarks/proving.py --tokens SEED

For each version an environment is made in ENVIRONMENTS (the variable; by default a temporary directory; a version that
has one there already is not installed again), and in it are compared, with litellm's own answers: the prices of an
entry of each group that is priced alike by every usage of parity.py, those of all other entries by a plain one, and
the tokens of texts and messages for every model. Where nothing differs, the digest of that litellm goes into
budgetctl/pricing/litellm/proven_rules.json, with the rules that hold for it; versions with equal files share a row. A
version whose rules are not in HISTORY is tried with the newest ones. The second form compares the tokens of some models
with those of the litellm that is installed here.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "budgetctl" / "pricing" / "litellm" / "proven_rules.json"

HISTORY: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("1.106.2", "1.108.0", {"audio_by_length": False, "bedrock_has_places": False}),
    ("1.106.2", "1.108.99", {"writes_by_lifetime": False, "counts_by_model": False}),
    ("1.106.2", "1.109.1", {"perplexity_reads_caches": False}),
    ("1.109.0", "1.109.99", {"audio_by_length": False}),
    ("1.106.2", "1.109.99", {"batches_read_at_standard_rate": False}),
)
"""From which version to which a rule was another one."""

TEXTS = (
    "Hello, world! How are you today?",
    "naïve façade — 价格是多少。\n\n  def f(x):\n\treturn x**2  # 12345678",
    "<|endoftext|> emoji 🎉🎉 don't 'll 1,234.50",
)
MESSAGES = [{"role": "user", "content": TEXTS[1]}, {"role": "assistant", "content": "ok", "name": "bob"}]
NAMES = (
    "gpt-5.9 openai/gpt-6.2 azure/eu/gpt-4o gpt-35-turbo openrouter/deepseek/deepseek-chat ft:gpt-4o:acme::x o7-mini"
    " azure/my-deployment no-such-model gpt-4o-2031-01-01"
).split()
"""Models that are in no map."""


def main() -> None:
    """Prove each version in its environment. Exits with 1 if one differs."""
    if sys.argv[1:2] == ["--here"]:
        print(json.dumps(_proven_here(), ensure_ascii=False))
        return
    if sys.argv[1:2] == ["--tokens"]:
        different, left, asked = _tokens(sys.argv[2])
        print(json.dumps({"different": different, "left": left, "asked": asked}))
        return
    place = Path(os.environ.get("ENVIRONMENTS") or tempfile.mkdtemp())
    unproven = [version for version in sys.argv[1:] if not prove(version, place)]
    if unproven:
        sys.exit(f"not proven: {', '.join(unproven)}")


def prove(version: str, place: Path) -> bool:
    """Compare one version, and write its row, or leave the table as it was."""
    python = _environment(version, place)
    before = TABLE.read_text()
    looked = _run(python, "-c", _LOOK)
    rules: dict[str, Any] = {name: value for _, _, flags in _history(version) for name, value in flags.items()}
    rules |= {name: looked[name] for name in ("lacks", "unknown_sellers") if looked[name]}
    table = json.loads(before)
    row = table.setdefault(looked["digest"], {"litellm": [], "rules": {}})
    row["rules"] = rules
    row["litellm"] = sorted({*row["litellm"], version}, key=_numbers)
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
    found = _run(python, str(Path(__file__).resolve()), "--here")
    print(version, looked["digest"][:12], json.dumps({**found, "differing": found["differing"][:20]}, indent=1))
    if found["differing"]:
        TABLE.write_text(before)
    return not found["differing"]


_LOOK = """
import json, os
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
from budgetctl.pricing.litellm import litellm_rules
from budgetctl.pricing.prices import catalog, price_map
from budgetctl.pricing.rules import rates
fields = {name for entry in price_map.shipped().load().values() for name in entry if "token" in name and "cost" in name}
names = sorted(rates.known_names() | {name for name in fields if rates.is_rate(name) or name.endswith("_batches")})
import litellm
entry = {"litellm_provider": "openai", "mode": "chat"} | dict.fromkeys(names, 1e-6)
litellm.register_model({"openai/looked-at": entry})
info = litellm.get_model_info("openai/looked-at")
lacks = [name for name in names if info.get(name) is None]


def is_known(seller):
    try:
        return litellm.get_llm_provider(f"{seller}/model")[1] == seller
    except Exception:
        return False


unknown = sorted(seller for seller in catalog.SELLERS if not is_known(seller))
print(json.dumps({"digest": litellm_rules.digest(), "lacks": lacks, "unknown_sellers": unknown}))
"""
"""Which fields of an entry litellm does not pass on, and which sellers it does not know."""


def _proven_here() -> dict[str, Any]:
    """What differs between this budgetctl and this litellm."""
    import parity

    from budgetctl.pricing.litellm import litellm_rules

    assert litellm_rules.is_trusted(), "the row that is to be proven is not in force"
    different, left, asked = _tokens()
    entries = parity.entries()
    chosen = [key for group in parity.groups(entries) for key in group[:1]]
    random.Random(0).shuffle(chosen)
    report = parity.compare([(key, entries[key]) for key in chosen])
    others = parity.compare([(key, entries[key]) for key in entries.keys() - set(chosen)], usages=[parity.PLAIN])
    counts = report.counts + others.counts
    tokens = {"models": len(asked), "left": len(left), "different": len(different)}
    return {"prices": dict(counts), "tokens": tokens, "differing": report.differing + others.differing + different}


def _tokens(seed: str | None = None) -> list[list[str]]:
    """The models whose tokens differ, those that are left to litellm, and all; with a seed, a part of them.

    They are counted here before litellm is imported, as it is asked once it is.
    """
    from budgetctl.pricing.counting import tokens
    from budgetctl.pricing.prices import price_map

    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", HF_HUB_OFFLINE="1")
    shipped = price_map.shipped()
    assert shipped
    models = [*shipped.load(), *NAMES]
    models = models if seed is None else [*random.Random(seed).sample(models, 100), *NAMES]
    here = {model: (_each(tokens.count_text, model), tokens.count_messages(model, MESSAGES)) for model in models}
    import litellm

    litellm.suppress_debug_info = True

    def by_litellm(model: str) -> tuple[list[int | None], int | None]:
        texts = [litellm.token_counter(model=model, text=text) for text in TEXTS]
        return texts, litellm.token_counter(model=model, messages=MESSAGES)

    fetched = ("github_copilot/", "chatgpt/")  # for which litellm starts a login
    asked = [model for model in models if not model.startswith(fetched)]
    left = [model for model in asked if None in here[model][0] or here[model][1] is None]
    different = [model for model in asked if model not in left and by_litellm(model) != here[model]]
    return [[f"tokens of {model}" for model in different], left, asked]


def _each(count: Any, model: str) -> list[int | None]:
    return [count(model, text) for text in TEXTS]


def _history(version: str) -> list[tuple[str, str, dict[str, bool]]]:
    return [rule for rule in HISTORY if _numbers(rule[0]) <= _numbers(version) <= _numbers(rule[1])]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _environment(version: str, place: Path) -> Path:
    directory = place / f"v{version}"
    python = directory / "bin" / "python"
    if not python.exists():
        venv.create(directory, with_pip=True)
        wanted = [f"litellm=={version}", "typer<0.29", "tomli-w", "platformdirs", "tzdata"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return python


def _run(python: Path, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([python, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
