"""USD per token of each kind, by an entry of litellm's price map, in litellm's order of fall-backs.

The rules are those of `_get_token_base_cost`, `_modality_token_cost` and their neighbours in litellm's
`litellm_core_utils/llm_cost_calc/utils.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from budgetctl.pricing.litellm.litellm_rules import Rules

QWEN = frozenset({"dashscope", "qwencloud", "qwen_ai_platform"})
"""The names under which Alibaba sells; one calculator of litellm prices them all."""

_FLAT = frozenset(
    """
    input_cost_per_token input_cost_per_token_flex input_cost_per_token_balanced input_cost_per_token_priority
    input_cost_per_token_ultrafast output_cost_per_token output_cost_per_token_flex output_cost_per_token_balanced
    output_cost_per_token_priority output_cost_per_token_ultrafast cache_read_input_token_cost
    cache_read_input_token_cost_flex cache_read_input_token_cost_balanced cache_read_input_token_cost_priority
    cache_read_input_token_cost_ultrafast cache_creation_input_token_cost cache_creation_input_token_cost_flex
    cache_creation_input_token_cost_priority cache_creation_input_token_cost_ultrafast
    cache_creation_input_token_cost_above_1hr cache_creation_input_token_cost_above_12hr
    cache_creation_input_token_cost_above_12hr_flex cache_creation_input_token_cost_above_12hr_priority
    cache_creation_input_token_cost_above_12hr_ultrafast explicit_cache_read_input_token_cost
    cache_read_input_audio_token_cost cache_read_input_audio_token_cost_flex cache_read_input_audio_token_cost_priority
    cache_read_input_image_token_cost input_cost_per_audio_token input_cost_per_audio_token_flex
    input_cost_per_audio_token_priority input_cost_per_image_token input_cost_per_video_token
    output_cost_per_reasoning_token output_cost_per_reasoning_token_flex output_cost_per_reasoning_token_priority
    output_cost_per_audio_token output_cost_per_image_token output_cost_per_image_token_priority
    output_cost_per_video_token citation_cost_per_token
    """.split()
)
"""The rates that litellm's `get_model_info` passes on; it prices as though others were not there."""

_LONG = re.compile(
    r"(?:(?:in|out)put_cost_per_token|cache_(?:read|creation)_input_token_cost(?:_above_12?hr)?"
    r"|input_cost_per_audio_token)_above_(\d+)(k?)_tokens(_flex|_priority|_ultrafast)?",
    re.ASCII,
)
"""Rates of a request whose input is longer than a number of tokens."""

_LASTING = {"1hr": "cache_creation_input_token_cost_above_1hr", "12hr": "cache_creation_input_token_cost_above_12hr"}
_AUDIO = "input_cost_per_audio_token"

RATES = {
    "uncached_input": ("input_cost_per_token",),
    "cache_read": ("cache_read_input_token_cost", "input_cost_per_token"),
    "cache_write_5m": ("cache_creation_input_token_cost", "input_cost_per_token"),
    "cache_write_1h": (_LASTING["1hr"], "cache_creation_input_token_cost", "input_cost_per_token"),
    "cache_write_12h": (_LASTING["12hr"], "cache_creation_input_token_cost", "input_cost_per_token"),
    "explicit_cache_read": (
        "explicit_cache_read_input_token_cost",
        "cache_read_input_token_cost",
        "input_cost_per_token",
    ),
    "audio_cache_read": ("cache_read_input_audio_token_cost", "cache_read_input_token_cost", "input_cost_per_token"),
    "image_cache_read": ("cache_read_input_image_token_cost", "cache_read_input_token_cost", "input_cost_per_token"),
    "audio_input": (_AUDIO, "input_cost_per_token"),
    "image_input": ("input_cost_per_image_token", "input_cost_per_token"),
    "video_input": ("input_cost_per_video_token", "input_cost_per_token"),
    "text_output": ("output_cost_per_token",),
    "reasoning": ("output_cost_per_reasoning_token", "output_cost_per_token"),
    "audio_output": ("output_cost_per_audio_token", "output_cost_per_token"),
    "image_output": ("output_cost_per_image_token", "output_cost_per_token"),
    "video_output": ("output_cost_per_video_token", "output_cost_per_token"),
}
"""Which rates of the map apply to each kind of token, in the order of `Usage`; the first that is given wins."""


class Rates(NamedTuple):
    """USD per token of each kind, in the order of `Usage`, for one service tier and one range of input lengths."""

    uncached_input: float
    cache_read: float
    cache_write_5m: float
    cache_write_1h: float
    cache_write_12h: float
    explicit_cache_read: float
    audio_cache_read: float
    image_cache_read: float
    audio_input: float
    image_input: float
    video_input: float
    text_output: float
    reasoning: float
    audio_output: float
    image_output: float
    video_output: float


class _Text(NamedTuple):
    """The rates of text. Reads and writes without a rate of their own cost what input costs."""

    base: float
    output: float
    read: float
    write: float
    write_1h: float
    write_12h: float


class Schedule:
    """An entry's rates by service tier and length of the input."""

    __slots__ = ("_rules", "_seller", "_tiers", "bands", "info", "is_inclusive")

    def __init__(self, info: Mapping[str, float], seller: str, tiers: Sequence[Mapping[str, Any]], rules: Rules):
        self.info = info
        self._seller = seller
        self._tiers = tiers
        self._rules = rules
        self.is_inclusive = seller == "xai"
        """Whether a range of lengths starts at its threshold, and not above (_uses_inclusive_token_thresholds)."""
        ends = {end for tier in tiers for end in tier["range"]}
        self.bands = sorted(ends | {_threshold(name) for name in info if _LONG.fullmatch(name)})
        """The lengths between which rates do not change."""

    def rates(self, suffix: str, length: int) -> Rates:
        """The rates of a service tier, by the ending of its rates' names, for an input of some length."""
        info, tier = self.info, _tier(self._tiers, length)
        text = self._text(suffix, length) if tier is None else self._text_of_tier(tier)
        read = self._with(suffix, "cache_read_input_audio_token_cost"), self._with(suffix, RATES["image_cache_read"][0])
        image = self._with(suffix, "output_cost_per_image_token")
        return Rates(
            uncached_input=text.base,
            cache_read=text.read,
            cache_write_5m=text.write,
            cache_write_1h=text.write_1h,
            cache_write_12h=text.write_12h,
            explicit_cache_read=self._explicit(tier, text.read),
            audio_cache_read=text.read if read[0] is None else read[0],
            image_cache_read=text.read if read[1] is None else read[1],
            audio_input=self._audio(suffix, length, text.base),
            image_input=info.get("input_cost_per_image_token", text.base),
            video_input=info.get("input_cost_per_video_token", text.base),
            text_output=text.output,
            reasoning=self._reasoning(suffix, text.output) if tier is None else self._reasoning_of_tier(tier, text),
            audio_output=info.get("output_cost_per_audio_token", text.output),
            image_output=text.output if image is None else image,
            video_output=info.get("output_cost_per_video_token", text.output),
        )

    def _with(self, suffix: str, name: str, default: float | None = None) -> float | None:
        """A rate of a service tier, or the usual one (get_cost_per_unit)."""
        value = self.info.get(name + suffix)
        return self.info.get(name, default) if value is None else value

    def _text(self, suffix: str, length: int) -> _Text:
        """The rates of text without tiered prices (_get_token_base_cost)."""
        names = ["output_cost_per_token", "cache_read_input_token_cost", "cache_creation_input_token_cost"]
        base = self._with(suffix, "input_cost_per_token") or 0.0
        output, read, write = (self._with(suffix, name) for name in names)
        if not output and self._seller not in QWEN:
            output = self.info.get("output_cost_per_image_token", output)
        crossed = self._crossed(suffix, length)
        for threshold in crossed:
            base = self._with(suffix, f"input_cost_per_token_above_{threshold}_tokens", base) or 0.0
            output, read, write = (
                self._with(suffix, f"{name}_above_{threshold}_tokens", before)
                for name, before in zip(names, (output, read, write), strict=True)
            )
        write = base if write is None else write
        lasting = (self._lasting(name, suffix, crossed, write) for name in _LASTING.values())
        return _Text(base, output or 0.0, base if read is None else read, write, *lasting)

    def _lasting(self, name: str, suffix: str, crossed: Sequence[str], write: float) -> float:
        """The rate of writes that last for longer than five minutes."""
        if self._seller in QWEN:
            return write
        if not self._rules.writes_by_lifetime:
            rate = self.info.get(name)
            for threshold in crossed:
                rate = self._with(suffix, f"{name}_above_{threshold}_tokens", rate)
            return write if rate is None else rate
        # Of a long input in a service tier, only a rate that is for both counts: the next is that of a short one.
        found = name + suffix
        for threshold in crossed:
            both = f"{name}_above_{threshold}_tokens{suffix}"
            found = both if both in self.info else found
        rate = self.info.get(found)
        rate = self.info.get(found.removesuffix(suffix)) if rate is None else rate
        return write if rate is None else rate

    def _crossed(self, suffix: str, length: int) -> list[str]:
        """The thresholds that an input of this length crosses, as the names of rates write them, lowest first."""
        if self._seller in QWEN | {"perplexity"}:
            return []
        found = {}
        for name in self.info:
            match = _LONG.fullmatch(name)
            if match and match[3] in {None, suffix} and not name.startswith(_AUDIO):
                found[match[1] + match[2]] = _threshold(name)
        crossed = (name for name, threshold in found.items() if self._is_crossed(threshold, length))
        return sorted(crossed, key=found.__getitem__)

    def _is_crossed(self, threshold: int, length: int) -> bool:
        return length > threshold or (length == threshold and self.is_inclusive)

    def _audio(self, suffix: str, length: int, base: float) -> float:
        """The rate of audio, whose thresholds are its own (get_modality_token_cost_key)."""
        long = ""
        if self._rules.audio_by_length:
            names = (name for name in self.info if name.startswith(f"{_AUDIO}_above_"))
            own = [name for name in names if name.endswith("_tokens") or (suffix and name.endswith(f"_tokens{suffix}"))]
            crossed = [name for name in own if self._is_crossed(_threshold(name), length)]
            long = max(crossed, key=_threshold, default="").removesuffix(suffix)
        rate = self._with(suffix, long or _AUDIO)
        return base if rate is None else rate

    def _explicit(self, tier: Mapping[str, Any] | None, read: float) -> float:
        """The rate of reads from a cache that the caller made (resolve_explicit_cache_read_cost_rate)."""
        own = self.info.get("explicit_cache_read_input_token_cost")
        if not self._rules.writes_by_lifetime:
            return read
        if tier is not None:
            return float(tier.get("explicit_cache_read_input_token_cost", read))
        return read if own is None else own

    def _reasoning(self, suffix: str, output: float) -> float:
        """The rate of reasoning (_resolve_reasoning_token_cost): a tier that has an output rate uses that."""
        own = self.info.get("output_cost_per_reasoning_token" + suffix)
        if own is not None:
            return own
        if suffix and "output_cost_per_token" + suffix in self.info:
            return output
        return self.info.get("output_cost_per_reasoning_token", output)

    def _text_of_tier(self, tier: Mapping[str, Any]) -> _Text:
        """Every token of a request at its tier's rates (_get_tiered_base_costs, llms/dashscope/cost_calculator.py).

        A tier without an output rate leaves the output at the entry's own.
        """

        def rate(name: str, fallback: float) -> float:
            return fallback if tier.get(name) is None else float(tier[name])

        base = rate("input_cost_per_token", 0.0)
        write = rate("cache_creation_input_token_cost", base)
        lasting = (write if self._seller in QWEN else rate(name, write) for name in _LASTING.values())
        output = rate("output_cost_per_token", self.info.get("output_cost_per_token", 0.0))
        return _Text(base, output, rate("cache_read_input_token_cost", base), write, *lasting)

    def _reasoning_of_tier(self, tier: Mapping[str, Any], text: _Text) -> float:
        if tier.get("output_cost_per_reasoning_token") is not None:
            return float(tier["output_cost_per_reasoning_token"])
        if "output_cost_per_token" in tier:
            return text.output
        return self.info.get("output_cost_per_reasoning_token", text.output)


def is_rate(name: str) -> bool:
    """Whether litellm prices tokens by a field of this name."""
    return name in _FLAT or _LONG.fullmatch(name) is not None


def known_names() -> frozenset[str]:
    """The names of all rates but those of long inputs, whose thresholds are any."""
    return _FLAT


def _tier(tiers: Sequence[Mapping[str, Any]], length: int) -> Mapping[str, Any] | None:
    """The tier of an input's length (select_tier_for_input): ranges exclude their start and include their end."""
    if not tiers or length <= 0:
        return None
    ordered = sorted(tiers, key=lambda tier: tier["range"][0])
    return next((tier for tier in ordered if tier["range"][0] < length <= tier["range"][1]), ordered[-1])


def _threshold(name: str) -> int:
    match = _LONG.fullmatch(name)
    assert match  # noqa: S101 - callers have matched it
    return int(match[1]) * (1000 if match[2] else 1)
