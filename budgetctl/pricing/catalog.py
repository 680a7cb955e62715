"""litellm's own price map, read from the installed package one entry at a time, without importing litellm.

Importing litellm takes seconds, and parsing its whole map 25 ms; one entry is found in the text in about a
millisecond. The file's name is private to litellm (a test guards it): without the file, or where the entry that
litellm would use is not certain, there is no listing, and litellm is asked itself.
"""

from __future__ import annotations

import functools
import json
import mmap
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from budgetctl.pricing.cost import Tariff, tariff, token_rates

MAP_NAME = "model_prices_and_context_window_backup.json"

_SINCE = (1, 106)
"""The first version of litellm whose rules are those of `budgetctl.pricing.cost`."""

_OUTER_INDENT = 4
"""Spaces at most before a key of the outermost object: most have as many, some none. Inner keys have more."""

_LONGEST_ENTRY = 1 << 15
"""Bytes, several times what the longest entry of a model takes."""

_REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d", re.ASCII)

NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})

_MAKERS = (
    (("mistral-", "ministral-", "magistral-", "codestral-"), "mistral"),
    (("deepseek-",), "deepseek"),
    (("grok-",), "xai"),
    (("sonar",), "perplexity"),
    (("glm-",), "zai"),
    (("voyage-",), "voyage"),
)
"""Families of models whose own makers answer with the bare name, where litellm's map has `maker/name`."""

_SELLERS = frozenset(
    """
    aihubmix anthropic azure azure_ai baseten bedrock bedrock_mantle cerebras cloudflare codestral cognition cohere
    cohere_chat crusoe darkbloom dashscope databricks deepinfra deepseek fal_ai fireworks_ai friendliai gemini
    gigachat gmi gradient_ai groq hyperbolic inception lambda_ai lemonade libertai llamagate meta minimax mistral
    moonshot morph nebius nlp_cloud novita nscale nvidia_nim oci ollama openai openrouter ovhcloud perplexity
    pinstripes prism publicai qwen_ai_platform qwencloud replicate sagemaker sail sambanova sarvam scaleway scx-ai
    snowflake strands_decider tencent tensormesh text-completion-codestral text-completion-inception
    text-completion-openai together_ai typesafe v0 vercel_ai_gateway vertex_ai volcengine voyage wandb watsonx xai
    xiaomi_mimo zai
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
"""To whom litellm attributes a bare name, by the `litellm_provider` of its entry."""


_Answer = TypeVar("_Answer")


class Package(NamedTuple):
    """An installed litellm."""

    directory: Path
    version: str


class Listing(NamedTuple):
    """A model in the map: its key, how its seller prices by the entry, and what is kept with a price."""

    key: str
    tariff: Tariff
    rates: dict[str, Any]
    version: str
    considered: tuple[tuple[str, Mapping[str, Any] | None], ...]
    """The keys that decide on the price, and what stands there."""
    by_region: bool
    """Whether the name has a region, whose own entry litellm uses for plain numbers of tokens only."""

    def holds_in(self, litellm: ModuleType) -> bool:
        """Whether litellm, imported in this process, would still use this entry.

        `register_model`, a map fetched from the network, and configured discounts and margins change prices.
        """
        entries = getattr(litellm, "model_cost", None)
        if not isinstance(entries, dict):  # its import has not ended
            return False
        if getattr(litellm, "cost_discount_config", None) or getattr(litellm, "cost_margin_config", None):
            return False
        return all(entries.get(key) == entry for key, entry in self.considered)


class _UnclearError(LookupError):
    """The map is not written as it was when this was."""


class _Map:
    """The text of the map: an object of entries by model, one field to a line. Entries are decoded when asked for."""

    def __init__(self, text: bytes | mmap.mmap) -> None:
        self._text = text
        self._known: dict[str, Mapping[str, Any] | None] = {}

    def entry(self, key: str) -> Mapping[str, Any] | None:
        """What stands under a key of the outermost object; None if the key is not there. Raises `_UnclearError`."""
        if key not in self._known:
            self._known[key] = self._found(key)
        return self._known[key]

    def has_aliases(self) -> bool:
        """Whether entries stand under further keys, which litellm adds when it is imported."""
        return self._text.find(b'"aliases":') >= 0

    def _found(self, key: str) -> Mapping[str, Any] | None:
        name = json.dumps(key).encode() + b":"
        found = self._text.rfind(name)  # of equal keys, a parser takes the last
        while found >= 0:
            line = self._text.rfind(b"\n", 0, found) + 1
            indent = self._text[line:found]
            if indent.strip():
                raise _UnclearError(key)
            if len(indent) <= _OUTER_INDENT:
                return self._decoded(key, found + len(name))
            found = self._text.rfind(name, 0, found)
        return None

    def _decoded(self, key: str, start: int) -> Mapping[str, Any]:
        value = self._text[start : start + _LONGEST_ENTRY].decode(errors="replace").lstrip()
        try:
            entry, _ = json.JSONDecoder().raw_decode(value)
        except ValueError:
            raise _UnclearError(key) from None
        if not isinstance(entry, dict):
            raise _UnclearError(key)
        return entry


def names_of(model: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    """The names and sellers under which a model may stand in the map, in the order in which they are tried.

    A stated seller is the only one. A bare name of a family is its maker's, and `models/name`, as Google's Gemini
    API writes it, is Google's; only then is it litellm that says who sells a name.
    """
    name = model.removeprefix("models/")
    if provider:
        yield name, provider
        return
    if name != model:
        yield name, "gemini"
    yield from ((name, maker) for prefixes, maker in _MAKERS if name.startswith(prefixes))
    yield name, None


@functools.lru_cache(maxsize=4096)
def find(model: str, provider: str | None) -> Listing | None:
    """The listing by which litellm prices a model, or None if litellm has to be asked for that."""
    return _read(lambda entries, version: _find(entries, version, model, provider))


@functools.lru_cache(maxsize=4096)
def provider_of(key: str) -> str | None:
    """The `litellm_provider` under exactly this key; empty if the map has no such key, None if that is not certain."""
    return _read(lambda entries, _: _provider_of(entries, key))


def package() -> Package | None:
    """The litellm that an import would find, if it is one whose rules are known here."""
    installed = _installed()
    version = _version(installed.parent) if installed is not None else None
    return Package(installed.parent, version) if installed is not None and version is not None else None


def _read(question: Callable[[_Map, str], _Answer | None]) -> _Answer | None:
    """What the map, of a version of litellm, says to a question; None without it, or if it is not written as known."""
    found = package()
    if found is None:
        return None
    try:
        with (
            (found.directory / MAP_NAME).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            return question(_Map(text), found.version)
    except (OSError, ValueError, _UnclearError):  # ValueError is an empty file
        return None


def _find(entries: _Map, version: str, model: str, provider: str | None) -> Listing | None:
    for name, given_seller in names_of(model, provider):
        seller = given_seller or _seller(entries, name)
        bare = name.removeprefix(f"{seller}/")
        if seller not in _SELLERS or _is_left_to_litellm(seller, bare):
            return None
        region_free = _region_free(bare) if seller == "bedrock_mantle" and not provider else bare
        considered = tuple((key, entries.entry(key)) for key in (f"{seller}/{region_free}", region_free))
        if bare.startswith(f"{seller}/") and considered[1][1]:
            return None  # litellm drops a seller that is repeated, or does not
        found = next(((key, entry) for key, entry in considered if entry is not None), None)
        if found is not None:
            return _listing(*found, seller, version, considered, by_region=region_free != bare)
    return None


def _provider_of(entries: _Map, key: str) -> str | None:
    entry = entries.entry(key)
    if entry is None:
        return None if entries.has_aliases() else ""
    return None if key in NOT_MODELS else str(entry.get("litellm_provider", ""))


def _listing(
    key: str,
    entry: Mapping[str, Any],
    seller: str,
    version: str,
    considered: tuple[tuple[str, Mapping[str, Any] | None], ...],
    *,
    by_region: bool,
) -> Listing | None:
    if key in NOT_MODELS or not _is_sold_by(seller, entry):
        return None
    rules = tariff(entry, seller)
    return None if rules is None else Listing(key, rules, token_rates(entry), version, considered, by_region)


def imported_litellm() -> ModuleType | None:
    """litellm, if this process has imported it."""
    return sys.modules.get("litellm")


def _seller(entries: _Map, name: str) -> str:
    """Whom litellm takes for the seller of a name that comes without one; empty if that is not certain."""
    prefix, slash, _ = name.partition("/")
    if slash:
        return prefix
    entry = entries.entry(name)
    return _SELLERS_OF_BARE_NAMES.get(str(entry.get("litellm_provider")), "") if entry else ""


def _is_left_to_litellm(seller: str, bare: str) -> bool:
    """Whether more than an entry decides on the price of a seller's name."""
    if seller in {"azure", "azure_ai"} and "router" in bare:
        return True  # a fee is added
    if seller == "vertex_ai" and bare.startswith(("openai/", "xai/")):
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


@functools.cache
def _installed() -> Path | None:
    """The map of the litellm that an import would find."""
    from importlib.util import find_spec

    try:
        spec = find_spec("litellm")
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin:
        return None
    path = Path(spec.origin).with_name(MAP_NAME)
    return path if path.is_file() else None


@functools.cache
def _version(package: Path) -> str | None:
    """The version of an installed package, if it is one whose rules are known here.

    By the name of the directory that installers write beside it, as importlib.metadata takes long to import.
    """
    found = [name.partition("-")[2] for name in (path.stem for path in package.parent.glob("litellm-*.dist-info"))]
    if len(found) != 1:
        return None
    numbers = found[0].split(".")[:2]
    if not all(number.isdecimal() for number in numbers) or tuple(map(int, numbers)) < _SINCE:
        return None
    return found[0]
