"""Whether a pattern means a model: one rule for every interface and every database.

A model has many names. `openai/gpt-4o` and `gpt-4o` are one model of one seller, `gpt-4o-2024-08-06` is what its
answers call it, and Bedrock sells a Claude as `us.anthropic.claude-sonnet-4-20250514-v1:0`. A pattern means a model if
it fits any of these spellings, whatever the case of their letters:

- A pattern that names no seller is held against the last part of a name: it means the model, whoever sells it.
- One that names a seller (`azure/*`, and also `azure*`) is held against names with their sellers. A bare name has the
  seller that litellm takes for it.
- Both are held against names with and without a version, and Bedrock's also without the region and the maker.

The model of a call has several names when its answer says another one than the request. They are kept as one text, a
line for each, as no name has a line's end in it (`names_of_call`). A seller in one of the names sells the others too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

MAKERS = (
    (("mistral-", "ministral-", "magistral-", "codestral-"), "mistral"),
    (("deepseek-",), "deepseek"),
    (("grok-",), "xai"),
    (("sonar",), "perplexity"),
    (("glm-",), "zai"),
    (("voyage-",), "voyage"),
)
"""Families of models whose own makers answer with the bare name, where litellm's map has `maker/name`."""

_SELLERS = (
    (
        r"(ft:)?(gpt-|chatgpt-|chat-latest|o\d|codex-|computer-use-|dall-e|text-embedding-(3|ada)|omni-|tts-|whisper-"
        r"|sora-|babbage|davinci|daybreak-)",
        "openai",
    ),
    (r"claude-.*-v\d+:\d+", "bedrock"),
    (r"claude-", "anthropic"),
    (r"gemini-|deep-research-|text-embedding-|text-multilingual-|text-unicorn|medlm-|multimodalembedding", "vertex_ai"),
    (r"command-|c4ai-|embed-|rerank-", "cohere"),
    (r"jamba-|j2-", "ai21"),
    (r"(chat)?dolphin$", "nlp_cloud"),
    (r"([a-z]+|ai21)\.[a-z]|us-gov\.", "bedrock"),
)
"""The seller to which litellm attributes a bare name, by the name's beginning."""

_SAME_SELLERS = (
    ("openai", "text-completion-openai", "custom_openai", "aiohttp_openai"),
    ("anthropic", "anthropic_text"),
    ("azure", "azure_text"),
    ("bedrock", "bedrock_converse"),
    ("cohere", "cohere_chat"),
    ("ai21", "ai21_chat"),
    ("codestral", "text-completion-codestral"),
    ("inception", "text-completion-inception"),
    ("ollama", "ollama_chat"),
    ("sagemaker", "sagemaker_chat"),
    ("vertex_ai", "vertex_ai_beta"),
    ("gemini", "models"),
)
"""Prefixes by which litellm, or the seller itself, names one seller in several ways."""

_OF_BEDROCK = r"((?:global|apac|us-gov|[a-z]{2})\.)?((?:[a-z]+|ai21)\.)(?=[a-z0-9])"
"""The region and the maker that Bedrock, and some others, put before a model."""

_MONTH, _DAY = "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])"
_VERSION = r"-v\d+$"
_CUTS = (
    r"(:[^:]*){3}$",  # whose model it is, of one that was fine-tuned
    r"\[\w+\]$|:\d+k$",  # how long its input may be
    r"(-\d)?:\d+$",  # Bedrock's revision,
    _VERSION,  # and version
    rf"[-@](20\d\d-{_MONTH}-{_DAY}|20\d\d{_MONTH}{_DAY}|2\d{_MONTH}{_DAY}|{_MONTH}{_DAY}|2[3-9]{_MONTH})$"
    rf"|-{_MONTH}-20\d\d$|(?<=-preview)-{_MONTH}-{_DAY}$|(?<=-exp)-{_MONTH}-{_DAY}$|[-@]0\d\d$|[-:@](latest|default)$",
)
"""The endings that are cut off a name, one after the other; the last is a date as the map writes it."""


def names_of_call(called: Sequence[str], model: str | None) -> str | None:
    """All names that a call has for its model as one text, `model` last; None without one."""
    return "\n".join((*called, model)) if called and model is not None else model


@functools.lru_cache(maxsize=4096)
def means(pattern: str, names: str) -> bool:
    """Whether a shell-style pattern means a model, by any of the names that a call has for it."""
    wanted = "/".join(part.strip() for part in pattern.lower().split("/"))
    return any(
        fnmatchcase(bare, wanted)
        if not seller
        else _names_seller(wanted, seller) and fnmatchcase(f"{seller}/{bare}", wanted)
        for seller, bare in _spellings(names)
    )


def _names_seller(pattern: str, seller: str) -> bool:
    """Whether a pattern names a seller. A pattern that merely begins like one (`o*`, `c*`) is for models."""
    if "/" in pattern:
        return True
    head = seller.partition("/")[0]
    words = (head[: place.start()] for place in re.finditer(r"[-_.]|$", head))
    chunks = re.split(r"[*?]|\[.*?\]", pattern)
    return head in pattern or any(word in chunks for word in words)


@functools.lru_cache(maxsize=1024)
def _spellings(names: str) -> tuple[tuple[str, str], ...]:
    """The pairs of seller and bare name by which a pattern may mean a model. An empty seller stands for any."""
    paths = [[part.strip() for part in name.split("/") if part.strip()] for name in names.lower().split("\n")]
    stated = next((path[0] for path in paths if len(path) > 1), "")
    found: dict[tuple[str, str], None] = {}
    for path in filter(None, paths):
        *above, bare = path
        above = above or list(filter(None, [stated or _seller_of(bare)]))
        for spelling in _versions(bare):
            found.update(dict.fromkeys((seller, spelling) for seller in ("", *_sellers(above))))
    return tuple(found)


def _sellers(path: Sequence[str]) -> Iterator[str]:
    """The texts before a bare name that may be its seller: the whole path, the ends of the path, its first part."""
    if not path:
        return
    same = next((names for names in _SAME_SELLERS if path[0] in names), (path[0],))
    for name in same:
        yield name
        yield "/".join([name, *path[1:]])
    for start in range(1, len(path)):
        yield "/".join(path[start:])


def _seller_of(bare: str) -> str:
    """The seller that litellm takes for a bare name; empty where litellm asks for one."""
    makers = (maker for prefixes, maker in MAKERS if bare.startswith(prefixes))
    return next(makers, "") or next((seller for start, seller in _SELLERS if re.match(start, bare)), "")


def _versions(bare: str) -> Iterator[str]:
    """A bare name, and the same name without its region, its maker and its versions."""
    before = re.match(_OF_BEDROCK, bare)
    region, maker = before.groups("") if before else ("", "")
    names = [bare.removeprefix(region + maker)]
    for cut in _CUTS:
        if cut == _VERSION and not maker and len(names) == 1:
            continue  # elsewhere that is another model
        rest = re.sub(cut, "", names[-1])
        if rest and rest != names[-1]:
            names.append(rest)
    names += [name.replace("@", "-") for name in names if "@" in name]  # Vertex AI's way to write a version
    yield from (prefix + name for prefix in dict.fromkeys((region + maker, maker, "")) for name in names)
