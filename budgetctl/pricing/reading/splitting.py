"""The counts of a tally, split into disjoint ones: each token once, so that each is priced once.

The totals that an object states are held against the sum of the rest. A call that was made is not lost over counts that
contradict each other: the reading that costs more is taken, never one below the stated counts, and a note says so.
"""

from __future__ import annotations

from typing import Any

from budgetctl.errors import InvalidResponseError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import shown
from budgetctl.pricing.reading.tally import Tally

Source = tuple[Any, str | None, str | None, str | None]
"""Model, provider, id and time of an answer: the fields of `Usage` before the counts."""

Terms = tuple[str | None, str | None, str | None, Picodollars | None]
"""Service tier, place, speed and stated cost: the fields of `Usage` after the counts."""

NO_TERMS: Terms = (None, None, None, None)

_MOST_NOTED = 5
"""How many unknown counts of one usage are named."""


def _bits(first: int, last: int) -> int:
    return sum(1 << kind for kind in range(first, last + 1))


_WRITES = _bits(kinds.WRITTEN, kinds.WRITTEN_12H)
_ELABORATE = _bits(kinds.TOOL_INPUT, kinds.IMAGES) & ~_WRITES
_CACHED_PARTS = _bits(kinds.CACHED_AUDIO, kinds.CACHED_TEXT)
_INPUT_PARTS = _bits(kinds.AUDIO_INPUT, kinds.VIDEO_INPUT)
_OUTPUT_PARTS = _bits(kinds.AUDIO_OUTPUT, kinds.VIDEO_OUTPUT)
"""The kinds, as bits, that have rules of their own."""

_NONE_KEPT, _NONE_ELSE = (0,) * 6, (0,) * 11
"""The counts of `Usage` behind `cache_write_12h`, and behind `reasoning`, where there are none of them."""

_KEPT = (kinds.CACHED, *range(kinds.CACHED_AUDIO, kinds.WRITTEN_12H + 1))
"""The kinds of what was read from the cache and written to it."""


def account(
    tally: Tally,
    source: Source,
    terms: Terms = NO_TERMS,
    *,
    beside: bool = False,
    thoughts_beside: bool = False,
    explicit: bool = False,
    also: tuple[Usage, ...] = (),
    notes: tuple[str, ...] = (),
) -> Usage:
    """Split the stated counts into disjoint ones.

    `beside` says that cached tokens are counted beside the input (Anthropic), and not inside (OpenAI);
    `thoughts_beside` the same of reasoning and the output; `explicit` that the caller made the cache. A stated total
    may say otherwise. Raises `InvalidResponseError` for a value that is no count, unless the cost is stated.
    """
    if tally.odd:
        if terms[3] is None:
            raise InvalidResponseError(tally.odd[0])
        notes = (*notes, *tally.odd[:_MOST_NOTED])
    found = tally.found
    said: list[str] = []
    if not tally.unread and not tally.seen & _ELABORATE and not thoughts_beside and not explicit:
        whole_input, output, total, cached, reasoning = found[: kinds.REASONING + 1]
        text = output - reasoning
        # As most bodies are, for which this is fast.
        if beside and not total and text >= 0:
            writes = _writes(tally, said) if tally.seen & _WRITES else (0, 0, 0)
            kept = (whole_input, cached, *writes, *_NONE_KEPT, text, reasoning)
            return Usage._make((*source, *kept, *_NONE_ELSE, *terms, also, (*notes, *said), None))
        if not beside and not tally.seen & _WRITES and total in (0, whole_input + output):
            uncached = whole_input - cached
            if uncached >= 0 and text >= 0:
                kept = (uncached, cached, 0, 0, 0, *_NONE_KEPT, text, reasoning)
                return Usage._make((*source, *kept, *_NONE_ELSE, *terms, also, notes, None))
    parts = _split(tally, said, beside=beside, thoughts_beside=thoughts_beside)
    if explicit:
        parts = (parts[0], 0, *parts[2:5], parts[1], *parts[6:])
    if tally.unread and terms[3] is None:  # a stated cost has them
        said.append(_of_unread(tally))
    acts = found[kinds.WEB_SEARCHES : kinds.IMAGES + 1]
    return Usage._make((*source, *parts, *acts, *terms, also, (*notes, *said) if said else notes, None))


def _split(tally: Tally, said: list[str], *, beside: bool, thoughts_beside: bool) -> tuple[int, ...]:
    """The disjoint counts in the order of `Usage`, from the uncached input to the unexplained tokens."""
    found = tally.found
    whole_input, output, total, cached, reasoning = found[: kinds.REASONING + 1]
    whole_input += found[kinds.TOOL_INPUT]
    if found[kinds.TEXT_INPUT] or found[kinds.TEXT_OUTPUT]:
        whole_input, output = _at_least_the_modalities(tally, whole_input, said)
    seen = tally.seen
    writes = _writes(tally, said) if seen & _WRITES else (0, 0, 0)
    of_audio = of_image = 0
    if seen & _CACHED_PARTS:
        cached, of_audio, of_image = _cached(tally, said)
    kept = cached + of_audio + of_image + sum(writes)
    if total or (kept > whole_input and not beside) or (reasoning > output and not thoughts_beside):
        beside, thoughts_beside = _as_the_total_says(tally, kept, said, beside=beside, thoughts_beside=thoughts_beside)
    rest = whole_input if beside else whole_input - kept
    uncached, audio, image, video = rest, 0, 0, 0
    if seen & _INPUT_PARTS:
        uncached, audio, image, video = _modalities(tally, rest, kept, said)
    text, audio_out, image_out, video_out = output if thoughts_beside else output - reasoning, 0, 0, 0
    if seen & _OUTPUT_PARTS:
        text, audio_out, image_out, video_out = _spoken(tally, text, said)
    unexplained = 0
    if total and total != whole_input + output:
        stated = uncached + audio + image + video + kept + text + reasoning + audio_out + image_out + video_out
        unexplained = _unexplained(tally, stated, said, beside=beside)
    of_input = (uncached, cached, *writes, 0, of_audio, of_image, audio, image, video)
    return (*of_input, text, reasoning, audio_out, image_out, video_out, found[kinds.CITATIONS], unexplained)


def _at_least_the_modalities(tally: Tally, whole_input: int, said: list[str]) -> tuple[int, int]:
    """The whole input and output, or what the modalities add up to where text is among them and that is more."""
    found = tally.found
    sent = sum(found[kinds.TEXT_INPUT : kinds.VIDEO_INPUT + 1])
    if found[kinds.TEXT_INPUT] and sent > whole_input:
        said.append(_contradiction(tally.names_of(kinds.TEXT_INPUT), tally.names_of(kinds.INPUT)))
        found[kinds.INPUT] = whole_input = sent
    came = sum(found[kinds.TEXT_OUTPUT : kinds.VIDEO_OUTPUT + 1])
    if found[kinds.TEXT_OUTPUT] and came > found[kinds.OUTPUT]:
        said.append(_contradiction(tally.names_of(kinds.TEXT_OUTPUT), tally.names_of(kinds.OUTPUT)))
        found[kinds.OUTPUT] = came
    return whole_input, found[kinds.OUTPUT]


def _cached(tally: Tally, said: list[str]) -> tuple[int, int, int]:
    """The tokens read from the cache: first all but audio and images, then these two."""
    whole = tally.found[kinds.CACHED]
    audio, image, video, text = tally.found[kinds.CACHED_AUDIO : kinds.CACHED_TEXT + 1]
    if whole and audio + image + video + text > whole:
        parts = range(kinds.CACHED_AUDIO, kinds.CACHED_TEXT + 1)
        said.append(_contradiction(tally.names_of(*parts), tally.names_of(kinds.CACHED)))
    return max(whole - audio - image, video + text), audio, image


def _writes(tally: Tally, said: list[str]) -> tuple[int, int, int]:
    """The tokens written to the cache for 5 minutes (where nothing else is said), an hour and 12 hours."""
    found = tally.found
    written, short, long, longest = found[kinds.WRITTEN : kinds.WRITTEN_12H + 1]
    parts = short + long + longest
    if written and parts > written:
        names = tally.names_of(kinds.WRITTEN_5M, kinds.WRITTEN_1H, kinds.WRITTEN_12H)
        said.append(_contradiction(names, tally.names_of(kinds.WRITTEN)))
    return short + max(written - parts, 0), long, longest


def _as_the_total_says(
    tally: Tally, kept: int, said: list[str], *, beside: bool, thoughts_beside: bool
) -> tuple[bool, bool]:
    """Whether cached tokens are beside the input, and reasoning beside the output, so that the stated total adds up.

    The total may say that they are beside, which costs more, but not that they are inside: some totals leave out cached
    tokens. Only Google's thoughts may be either (https://ai.google.dev/api/generate-content#UsageMetadata).
    Parts that are more than their whole are beside it.
    """
    found = tally.found
    whole_input, whole_output = found[kinds.INPUT] + found[kinds.TOOL_INPUT], found[kinds.OUTPUT]
    reasoning, total = found[kinds.REASONING], found[kinds.TOTAL]
    plain = whole_input + whole_output
    if thoughts_beside and total and total == plain + (kept if beside else 0) and reasoning <= whole_output:
        return beside, False
    if total > plain:
        for kept_beside, thoughts in ((False, True), (True, False), (True, True)):
            if kept_beside < beside or thoughts < thoughts_beside:
                continue
            if total == plain + kept_beside * kept + thoughts * reasoning:
                beside, thoughts_beside = kept_beside, thoughts
                break
    if kept > whole_input and not beside:
        beside = True
        said.append(_contradiction(tally.names_of(*_KEPT), tally.names_of(kinds.INPUT)))
    if reasoning > whole_output and not thoughts_beside:
        thoughts_beside = True
        if total != plain + reasoning:
            said.append(_contradiction(tally.names_of(kinds.REASONING), tally.names_of(kinds.OUTPUT)))
    return beside, thoughts_beside


def _modalities(tally: Tally, rest: int, kept: int, said: list[str]) -> tuple[int, int, int, int]:
    """Split the input that was not cached into text, audio, images and video.

    A body's counts of audio and images include the tokens that were read from the cache. Where it does not state how
    many of them were, all of them may have been, and are then billed as cached.
    """
    audio, image, video = tally.found[kinds.AUDIO_INPUT : kinds.VIDEO_INPUT + 1]
    if audio + image + video > rest + kept:
        names = tally.names_of(kinds.AUDIO_INPUT, kinds.IMAGE_INPUT, kinds.VIDEO_INPUT)
        said.append(_contradiction(names, tally.names_of(kinds.INPUT)))
        return rest, audio, image, video
    audio = min(_without(tally, kinds.AUDIO_INPUT, kinds.CACHED_AUDIO, said), rest)
    image = min(_without(tally, kinds.IMAGE_INPUT, kinds.CACHED_IMAGE, said), rest - audio)
    video = min(_without(tally, kinds.VIDEO_INPUT, kinds.CACHED_VIDEO, said), rest - audio - image)
    return rest - audio - image - video, audio, image, video


def _without(tally: Tally, kind: int, cached: int, said: list[str]) -> int:
    """The tokens of a modality that were not read from the cache."""
    whole, part = tally.found[kind], tally.found[cached]
    if 0 < whole < part:
        said.append(_contradiction(tally.names_of(cached), tally.names_of(kind)))
        return whole
    return max(whole - part, 0)


def _spoken(tally: Tally, answer: int, said: list[str]) -> tuple[int, int, int, int]:
    """Split an output without its reasoning into text, audio, images and video."""
    audio, image, video = tally.found[kinds.AUDIO_OUTPUT : kinds.VIDEO_OUTPUT + 1]
    rest = answer - audio - image - video
    if rest < 0:
        names = tally.names_of(kinds.AUDIO_OUTPUT, kinds.IMAGE_OUTPUT, kinds.VIDEO_OUTPUT)
        said.append(_contradiction(names, tally.names_of(kinds.OUTPUT)))
        rest = answer
    return rest, audio, image, video


def _unexplained(tally: Tally, stated: int, said: list[str], *, beside: bool) -> int:
    """The tokens of a stated total that no other count has."""
    more = tally.found[kinds.TOTAL] - stated
    if more > 0:
        name = tally.names_of(kinds.TOTAL)
        said.append(f"{name} is {more:,} more than the other counts: priced as text at the dearer rate (estimated)")
    elif more < 0 and not said and not beside:  # totals may leave out what was cached
        name = tally.names_of(kinds.TOTAL)
        said.append(f"{name} is less than the other counts, which are in the price: {stated:,}")
    return max(more, 0)


def _of_unread(tally: Tally) -> str:
    named = [f"{shown(name)[:60]} {shown(value)[:20]}" for name, value in tally.unread[:_MOST_NOTED]]
    more = len(tally.unread) - len(named)
    listed = ", ".join(named) + (f" and {more} more" if more else "")
    return f"not known here, and not in the price: {listed}"


def _contradiction(parts: str, whole: str) -> str:
    return f"{parts}, but {whole}, which should include that: both are in the price"
