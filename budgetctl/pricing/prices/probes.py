"""Probes: usages by which an entry of the price map is proven, as litellm's prices of them are compared with ours.

A price is a sum over kinds of tokens. Which rates apply is decided by how long the input is, by what the response says
of tier, place and speed, and by which kinds there are at all. So a cell (what a response says, and a range of lengths)
is asked about in a fixed pattern: every kind alone and beside plain text, and an orthogonal array of strength three, in
which any three kinds are present and missing in all eight ways. A rule that looks at up to three kinds differs in one
of them. Lengths stand at the ends of the range, split at random, so that a rule that measures otherwise differs too.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budgetctl import money
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars

if TYPE_CHECKING:
    import random

INPUT = (
    "uncached_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_12h",
    "audio_cache_read",
    "image_cache_read",
    "audio_input",
    "image_input",
    "video_input",
)
OUTPUT = ("text_output", "reasoning", "audio_output", "image_output", "video_output")
KINDS = (*INPUT, *OUTPUT, "citations")
"""The kinds of tokens that are asked about: as many as the array has columns, each with its bit in a pattern."""

LONGEST = 4_000_000
"""Tokens of the longest input that is asked about, and of the most output: a longer one is not proven."""

_SHORT = 30_000
_ATTEMPTS = 5
"""The most kinds that are left out, one after the other, until the prices of the others are equal."""

_THRESHOLD = re.compile(r"_above_(\d+)(k?)_tokens", re.ASCII)

Said = tuple[str | None, str | None, str | None]
"""The service tier, the place and the speed that a response names."""

_NOTHING: Said = (None, None, None)

Priced = Callable[[Usage], Picodollars | None]
"""A function from a usage to its price; None for a usage without a price, or with a price of 0."""


def ends(entry: Mapping[str, Any]) -> list[int]:
    """The last length, in tokens, of each range of inputs that have the same rates by an entry, lowest first."""
    matches = (match for name in entry for match in _THRESHOLD.finditer(name))
    named = {int(match[1]) * (1000 if match[2] else 1) for match in matches}
    tiers = entry.get("tiered_pricing") or ()
    listed = {int(end) for tier in tiers if isinstance(tier, dict) for end in tier.get("range", ())}
    return [*sorted(end for end in named | listed if 0 < end < LONGEST), LONGEST]


def ranges(entry: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The ranges of inputs that have the same rates by an entry, each as its first and last number of tokens."""
    last = ends(entry)
    return list(zip([0, *(end + 1 for end in last)], last, strict=False))


def proven_kinds(here: Priced, litellm: Priced, said: Said, lengths: tuple[int, int]) -> int:
    """The kinds, as a pattern, for which litellm has the same prices, alone and with each other; 0 for none.

    A kind that differs beside plain text is left out. Where others differ together, the kind is left out that most of
    the differing patterns have, until all prices are equal.
    """

    @functools.cache
    def is_equal(pattern: int) -> bool:
        return all(_agree(here(usage), litellm(usage)) for usage in _usages(pattern, lengths, said))

    allowed = _priced_here(here, said, lengths)
    if is_equal(allowed & _PLAIN):
        allowed = sum(bit for bit in _bits(allowed) if bit & _PLAIN or is_equal(allowed & _PLAIN | bit))
    for _ in range(_ATTEMPTS):
        patterns = _patterns(allowed)
        differing = [pattern for pattern in patterns if not is_equal(pattern)]
        if not differing:
            return allowed
        allowed &= ~max(_bits(allowed), key=lambda bit: _suspicion(bit, patterns, differing))
        if not allowed:
            break
    return 0


def are_counts_equal(here: Priced, litellm: Priced, lengths: tuple[int, int]) -> bool:
    """Whether litellm has the same prices of plain numbers of tokens, in a range of lengths of the input."""
    usages = [usage for pattern in (_SENT, _CAME, _PLAIN) for usage in _usages(pattern, lengths, _NOTHING, times=2)]
    return all(_agree(here(usage), litellm(usage)) for usage in usages)


def pattern_of(usage: Usage) -> int | None:
    """The kinds of tokens in a usage, as a pattern; None if it has a count that is not asked about.

    Unexplained tokens are priced as text, by one of its two rates.
    """
    if any(usage[field] for field in _NOT_ASKED):
        return None
    return sum(bit for bit, field in _FIELDS if usage[field]) | (_PLAIN if usage.unexplained else 0)


def _priced_here(here: Priced, said: Said, lengths: tuple[int, int]) -> int:
    """The kinds that have a price here beside plain text. For usages with other kinds, litellm is always asked."""
    return sum(
        bit for bit in _bits(_ALL) if all(here(usage) is not None for usage in _usages(_PLAIN | bit, lengths, said))
    )


def _bits(pattern: int) -> list[int]:
    """The kinds of a pattern, each as one of its own."""
    return [1 << kind for kind in range(len(KINDS)) if pattern >> kind & 1]


def has_text(pattern: int) -> bool:
    """Whether text is among the kinds of a pattern."""
    return pattern & _PLAIN == _PLAIN


def _agree(here: Picodollars | None, there: Picodollars | None) -> bool:
    # Nobody charges what has no price here: litellm is asked. A litellm that says 0 then is asked in vain.
    return (here or 0) == (there or 0)


def _suspicion(bit: int, patterns: Sequence[int], differing: Sequence[int]) -> float:
    """How much more often patterns with a kind differ than those without it."""
    having = sum(1 for pattern in patterns if pattern & bit)
    of_these = sum(1 for pattern in differing if pattern & bit)
    return of_these / max(having, 1) - (len(differing) - of_these) / max(len(patterns) - having, 1)


@functools.lru_cache(maxsize=64)
def _patterns(allowed: int) -> tuple[int, ...]:
    """The patterns that are asked about, of those kinds that are allowed."""
    kinds = range(len(KINDS))
    # Sylvester's Hadamard matrix, and its negative: any three columns have all eight combinations.
    array = [
        sum(1 << kind for kind in kinds if (row & kind).bit_count() & 1 == sign) for row in kinds for sign in (0, 1)
    ]
    sparse = [_PLAIN, *(1 << kind for kind in kinds), *(_PLAIN | 1 << kind for kind in kinds)]
    return tuple(dict.fromkeys(pattern & allowed for pattern in (*sparse, *array)))


def _usages(pattern: int, lengths: tuple[int, int], said: Said, times: int = 1) -> Iterator[Usage]:
    """Usages of exactly these kinds, whose input has a length of the range; none where no kind is of the input."""
    import random

    dice = random.Random(f"{pattern} {lengths}")  # noqa: S311 - the same ones each time
    sent = [name for kind, name in enumerate(INPUT) if pattern >> kind & 1]
    if lengths[0] and not sent:
        return
    back = [name for name in KINDS[len(INPUT) :] if pattern >> KINDS.index(name) & 1]
    for _ in range(times):
        counts = dict(zip(sent, _split(_length(lengths, len(sent), dice), len(sent), dice), strict=True))
        counts |= {name: dice.choice((1, dice.randint(2, 30_000))) for name in back}
        yield Usage(**counts, service_tier=said[0], inference_geo=said[1], speed=said[2])  # type: ignore[arg-type]


def _length(lengths: tuple[int, int], least: int, dice: random.Random) -> int:
    """Mostly an end of the range: its first length, or its last one."""
    first, last = lengths
    low = first if first else dice.randint(1, _SHORT)
    return max(dice.choice((low, low, last, last, dice.randint(first, last))), least)


def _split(length: int, parts: int, dice: random.Random) -> list[int]:
    """A length as a sum of so many numbers, none of them 0."""
    if not parts:
        return []
    ends = sorted(dice.sample(range(1, length), parts - 1))
    return [end - start for start, end in zip([0, *ends], [*ends, length], strict=True)]


_SENT, _CAME = 1 << KINDS.index("uncached_input"), 1 << KINDS.index("text_output")
_PLAIN = _SENT | _CAME
_ALL = (1 << len(KINDS)) - 1
_FIELDS = tuple((1 << kind, Usage._fields.index(name)) for kind, name in enumerate(KINDS))
_NOT_ASKED = tuple(
    Usage._fields.index(name)
    for name, default in Usage._field_defaults.items()
    if isinstance(default, int) and name not in {*KINDS, "unexplained"}
)


def ask_litellm(litellm: Any, model: str, provider: str | None) -> Priced:
    """The prices by litellm of a seller's model, from its public functions, asked with its own objects."""

    def priced(usage: Usage) -> Picodollars | None:
        tokens = _tokens(litellm, usage)
        if usage.service_tier == "batch":
            return _cost(lambda: sum(litellm.cost_calculator.batch_cost_calculator(tokens, model, provider)))
        response = {"model": model, "usage": tokens, "service_tier": usage.service_tier}
        return _cost(lambda: litellm.completion_cost(completion_response=response, custom_llm_provider=provider))

    return priced


def ask_litellm_of_counts(litellm: Any, model: str, provider: str | None) -> Priced:
    """The prices by litellm of plain numbers of tokens."""

    def priced(usage: Usage) -> Picodollars | None:
        counts = {"prompt_tokens": usage.uncached_input, "completion_tokens": usage.text_output}
        return _cost(lambda: sum(litellm.cost_per_token(model=model, custom_llm_provider=provider, **counts)))

    return priced


def _cost(question: Callable[[], Any]) -> Picodollars | None:
    try:
        return money.from_number(float(question()))
    except Exception:  # noqa: BLE001 - litellm raises bare Exceptions
        return None


def _tokens(litellm: Any, usage: Usage) -> Any:
    """The same tokens as a `Usage` of litellm, each count where the docstrings of its types have it."""
    writes = {
        "ephemeral_5m_input_tokens": usage.cache_write_5m,
        "ephemeral_1h_input_tokens": usage.cache_write_1h,
        "ephemeral_12h_input_tokens": usage.cache_write_12h,
    }
    read = usage.cache_read + usage.audio_cache_read + usage.image_cache_read
    sent: dict[str, Any] = {
        "text_tokens": usage.uncached_input,
        "cached_tokens": read,
        "cache_creation_tokens": sum(writes.values()),
        "audio_tokens": usage.audio_input + usage.audio_cache_read,
        "image_tokens": usage.image_input + usage.image_cache_read,
        "video_tokens": usage.video_input,
    }
    if usage.audio_cache_read or usage.image_cache_read:
        sent["cached_tokens_details"] = {
            "audio_tokens": usage.audio_cache_read,
            "image_tokens": usage.image_cache_read,
        }
    if usage.cache_write_1h or usage.cache_write_12h:
        sent["cache_creation_token_details"] = {name: count for name, count in writes.items() if count}
    came = {
        "text_tokens": usage.text_output,
        "reasoning_tokens": usage.reasoning,
        "audio_tokens": usage.audio_output,
        "image_tokens": usage.image_output,
        "video_tokens": usage.video_output,
    }
    said = {name: value for name, value in usage._asdict().items() if name in {"inference_geo", "speed"} and value}
    if usage.citations:
        said["citation_tokens"] = usage.citations
    return litellm.Usage(
        prompt_tokens=usage.total_input,
        completion_tokens=usage.total_output,
        total_tokens=usage.total_input + usage.total_output,
        prompt_tokens_details=sent,
        completion_tokens_details=came,
        **said,
    )


_MIXED = (
    "The quick brown fox isn't 12,345.67 m away; it's over there -> see https://example.com/a?b=c&d=%20.\n\n"
    "    def f(x: int) -> str:\n\t\treturn f'{x!r}'  # TODO\r\n   \n"
    "Größe, naïve café; 東京タワー 123 円; Привет, мир! مرحبا 👩‍👩‍👧 🇩🇪 ½ ﬁ\u00a0\u200b <|endoftext|> [INST] </s>"
    " AAAAAAAAAAAAAAAA ________________ 0xDEADBEEF SELECT * FROM t;   \n"
)


def contents(longest: int) -> list[dict[str, Any]]:
    """The contents that are counted for a proof: a text and messages of all sorts of characters, and a long text."""
    messages = [{"role": "system", "content": _MIXED}, {"role": "user", "content": "Hello!", "name": "someone"}]
    return [{"text": _MIXED}, {"messages": messages}, {"text": (_MIXED * (longest // len(_MIXED) + 1))[:longest]}]


def tokens_by_litellm(litellm: Any, model: str, **content: Any) -> int | None:
    """The tokens of a text or of messages; None where litellm cannot count."""
    try:
        return int(litellm.token_counter(model=model, **content))
    except Exception:  # noqa: BLE001 - litellm raises bare Exceptions
        return None
