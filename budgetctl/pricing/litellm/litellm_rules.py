"""litellm's rules by which prices and tokens are worked out, and whether they are proven for the installed litellm.

Versions say little: litellm changes rules within a patch series, and an installed package may have been edited. So the
files that decide prices and tokens are read, without being imported. Their digest stands in `proven_rules.json` when a
release of budgetctl has compared all prices and tokens under them (`benchmarks/proving.py` writes it).
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from budgetctl.directories import cache_directory, make_private
from budgetctl.files.opening import open_regular
from budgetctl.files.replacing import is_own, replace
from budgetctl.pricing.litellm import installed

_PROVEN = Path(__file__).with_name("proven_rules.json")

_NEEDED = """
    __init__.py constants.py cost_calculator.py types/utils.py utils.py
    litellm_core_utils/get_llm_provider_logic.py litellm_core_utils/llm_cost_calc/tool_call_cost_tracking.py
    litellm_core_utils/llm_cost_calc/utils.py litellm_core_utils/token_counter.py
""".split()
"""Files of litellm without which there are no rules."""

_LOOKED_AT = """
    _internal_context.py litellm_core_utils/core_helpers.py litellm_core_utils/decisions_pricing.py
    litellm_core_utils/default_encoding.py litellm_core_utils/fallback_generalizations.py
    litellm_core_utils/get_model_cost_map.py litellm_core_utils/llm_cost_calc/tiered_pricing.py
    litellm_core_utils/model_latest_aliases.py llms/__init__.py llms/amazon_nova/cost_calculation.py
    llms/anthropic/cost_calculation.py llms/azure/cost_calculation.py llms/azure_ai/cost_calculator.py
    llms/base_llm/base_utils.py llms/bedrock/common_utils.py llms/bedrock/cost_calculation.py
    llms/bedrock_mantle/common_utils.py llms/dashscope/cost_calculator.py llms/databricks/cost_calculator.py
    llms/deepseek/cost_calculator.py llms/fal_ai/cost_calculator.py llms/fireworks_ai/cache_pricing.py
    llms/fireworks_ai/common_utils.py llms/fireworks_ai/cost_calculator.py llms/gemini/cost_calculator.py
    llms/groq/cost_calculator.py llms/lemonade/cost_calculator.py llms/ollama/common_utils.py
    llms/openai/cost_calculation.py llms/openai_like/json_loader.py llms/openai_like/providers.json
    llms/perplexity/cost_calculator.py llms/tencent/cost_calculator.py llms/together_ai/cost_calculator.py
    llms/vertex_ai/common_utils.py llms/vertex_ai/cost_calculator.py llms/vertex_ai/gemini/cost_calculator.py
    llms/xai/cost_calculator.py responses/utils.py rust_bridge/tokenizer.py
""".split()
"""Files that play a part where they exist.

Found with `sys.setprofile`, which saw every function of litellm that ran while an entry of each seller and each set of
prices was priced in every way of `benchmarks/parity.py`, and its tokens counted; those that ran without a part in the
number (clients, parameters of requests, logging) are left out. A file that is new in a later litellm has to be imported
by one of these, which changes their digest.
"""

_SETTLED_NS = 2_000_000_000
"""For how long a file has to be unchanged before its times prove that: clocks of file systems are coarse."""

_LONGEST_MEMORY = 1 << 16
"""Bytes that are read of the remembered digest, more than one takes."""


class Rules(NamedTuple):
    """The rules in which litellm's versions from 1.106.2 on differ. The defaults are those of the newest."""

    audio_by_length: bool = True
    """Whether audio has rates of its own for long inputs. In 1.108.1 to 1.108.14, and since 1.110."""
    bedrock_has_places: bool = True
    """Whether places have a surcharge at Bedrock. Since 1.108.1."""
    writes_by_lifetime: bool = True
    """Whether cache writes are priced by how long they last in each service tier, 12 hours too; whether a rate of 0 for
    writes counts in batches; whether reads from explicit caches have a rate of their own. Since 1.109."""
    perplexity_reads_caches: bool = True
    """Whether Perplexity bills cached tokens at their rate. Since 1.109.2."""
    batches_read_at_standard_rate: bool = True
    """Whether a batch without a rate for cached tokens takes the standard one. Since 1.110."""
    counts_by_model: bool = True
    """Whether tokens of `seller/model` are counted as those of `model`. Since 1.109."""
    lacks: tuple[str, ...] = ()
    """Prices of an entry that have no effect."""
    unknown_sellers: tuple[str, ...] = ()
    """Sellers that the map may have, and litellm does not know."""


NEWEST = Rules()


@functools.cache
def is_trusted() -> bool:
    """Whether prices and tokens may be worked out here, as litellm has been shown to say the same."""
    return rules_in_force()[1]


def forget() -> None:
    """Have the next question look at the files again."""
    digest.cache_clear()
    is_trusted.cache_clear()


def rules_in_force() -> tuple[Rules, bool]:
    """The rules of the litellm that is installed, and whether this release has proven them; else the newest ones."""
    return _rules_of(digest())


@functools.cache
def digest() -> str | None:
    """The SHA-256 of the files of the installed litellm that decide prices and tokens.

    None where they cannot be read: litellm is not installed, in an archive, or without its sources. To read 1.7 MB
    takes some milliseconds, so the digest is remembered in the cache directory until a file's times, size or number
    change.
    """
    package = installed.directory()
    if package is None:
        return None
    states = dict(_states(package))
    if not states.keys() >= set(_NEEDED):
        return None
    identity = json.dumps([str(package), *states.items()])
    known = _remembered(identity)
    if known is None:
        try:
            known = _computed(package, states)
        except OSError:
            return None
        if max(state[1] for state in states.values()) < time.time_ns() - _SETTLED_NS:
            _remember(identity, known)
    return known


@functools.cache
def _rules_of(found: str | None) -> tuple[Rules, bool]:
    """The rules that are proven for a digest."""
    if found is None:
        return NEWEST, False
    proven = json.loads(_PROVEN.read_bytes()).get(found)
    return (NEWEST, False) if proven is None else (Rules(**proven["rules"]), True)


def _states(package: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The files that exist, each with its times, size and inode. The inode is needed as images have constant times."""
    for name in [*_NEEDED, *_LOOKED_AT]:
        with suppress(OSError):
            status = os.stat(f"{package}/{name}")  # noqa: PTH116 - of fifty files, in half the time
            yield name, (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _computed(package: Path, names: dict[str, tuple[int, ...]]) -> str:
    import hashlib

    content = hashlib.sha256()
    for name in sorted(names):
        data = (package / name).read_bytes()
        content.update(f"{name}\0{len(data)}\0".encode())
        content.update(data)
    return content.hexdigest()


def _remembered(identity: str) -> str | None:
    """The remembered digest of files in this state. The memory is believed only if nobody else can write it."""
    try:
        with open_regular(_memory()) as file:
            if not is_own(os.fstat(file.fileno())):
                return None
            then, _, known = file.read(_LONGEST_MEMORY).decode().rpartition("\n")
    except (OSError, ValueError, RuntimeError):  # RuntimeError: there is no home directory
        return None
    return known if then == identity else None


def _remember(identity: str, known: str) -> None:
    with suppress(OSError, RuntimeError):  # a home that is read-only has it computed each time
        path = _memory()
        make_private(path.parent)
        replace(path, f"{identity}\n{known}".encode())


def _memory() -> Path:
    """The file in which the digest is remembered, one for each environment's litellm."""
    from binascii import crc32

    return cache_directory() / f"litellm-{crc32(str(installed.directory()).encode()):08x}"
