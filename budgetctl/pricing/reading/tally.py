"""Every count that a usage object states, found by going through its own fields.

A reader that asks for the names it expects passes over the others, and a call becomes cheaper or free by a name that
nobody asked for. Here no number is passed over: a number under a known name is filed by its kind (`vocabulary`), and
one under another name is named in a note. `splitting` makes a `Usage` of the counts. Pure functions over parsed JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budgetctl.pricing.reading import vocabulary as kinds
from budgetctl.pricing.reading.counts import MAX_TOKENS, is_object, items, kind, quoted, shown
from budgetctl.pricing.reading.vocabulary import UNKNOWN, USAGE, Names

_DEEPEST = 6

_OF_MODALITY = frozenset({"tokenCount", "token_count", "tokens"})
"""Google's names for the tokens of one modality."""

_COUNTED = {name: kind for name, kind in USAGE.kinds.items() if kind != kinds.KNOWN} | {
    "audio_tokens": kinds.AUDIO_INPUT,
    "image_tokens": kinds.IMAGE_INPUT,
    "tokenCount": kinds.KNOWN,
    "token_count": kinds.KNOWN,
}
"""Names of counts that may stand outside of a usage."""

_COUNTED_NAMES = frozenset(_COUNTED)

_OF_ANTHROPIC = frozenset(
    {"cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use"}
)
_OF_BEDROCK = frozenset(
    {"cacheReadInputTokens", "cacheWriteInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"}
)
"""Names in usages that count cached tokens beside the input."""


class Tally:
    """The counts that an object states, by kind. The largest counts where several names state the same kind."""

    __slots__ = ("_listed", "_sections", "found", "odd", "seen", "unread")

    def __init__(self, section: Mapping[str, Any], names: Names = USAGE) -> None:
        self.found = [0] * kinds.KINDS
        self.unread: list[tuple[str, Any]] = []
        self.odd: list[str] = []
        self.seen = 0
        """The kinds of the counts above 0, each as a bit."""
        self._sections: list[tuple[Mapping[str, Any], Names]] = []
        self._listed: list[tuple[str, str, int]] = []
        self.add(section, names)

    def add(self, section: Mapping[str, Any], names: Names = USAGE) -> None:  # noqa: C901 - inline, as it is asked often
        """Go through an object, and through those that it holds."""
        self._sections.append((section, names))
        found, known, seen = self.found, names.kinds, 0
        for name, value in section.items():
            if not value:  # zero, null, or nothing at all in its place
                continue
            kind = known.get(name)
            if kind is None:
                kind = names.kind(name)
            if type(value) is int or type(value) is float:
                if kind == UNKNOWN:
                    self.unread.append((name, value))
                elif kind != kinds.KNOWN:
                    number = value if type(value) is int and 0 <= value <= MAX_TOKENS else self._whole(name, value)
                    if number > found[kind]:
                        found[kind] = number
                        seen |= 1 << kind
            elif type(value) is dict:
                if any(value.values()):  # most details are all zeros
                    inner = names.objects.get(name)
                    if type(inner) is Names:
                        self.add(value, inner)
                    else:
                        self._add_other(name, value, names)
            elif type(value) is not str or UNKNOWN < kind < kinds.KNOWN:
                self._add_other(name, value, names)
        self.seen |= seen

    def _add_other(self, name: str, value: Any, names: Names) -> None:
        """Go through a value that is no number."""
        inner = names.inside(name)
        if inner is None:
            return
        if isinstance(inner, Names):
            if type(value) is dict or is_object(value):
                self.add(value, inner)
            elif not isinstance(value, list) or not self._add_modalities(name, value, inner):
                self.odd.append(f"{name} is {kind(value)}, which holds no numbers of tokens")
        elif names.kind(name) not in {UNKNOWN, kinds.KNOWN}:
            self.odd.append(_no_count(name, value))
        elif is_object(value) or isinstance(value, list):
            self._pass_over(name, value, 1)

    def _add_modalities(self, name: str, listed: Sequence[Any], names: Names) -> bool:
        """Go through a list of modalities and their tokens, as Google's are. False for another list.

        Several lists of one kind add up.
        """
        for item in listed:
            if not is_object(item) or "modality" not in item:
                return False
            modality = item["modality"]
            kind = names.kind(modality) if isinstance(modality, str) else UNKNOWN
            for inner, value in item.items():
                if inner == "modality" or not value:
                    continue
                if kind == UNKNOWN or inner not in _OF_MODALITY:
                    self.unread.append((f"{name} of {shown(modality)}.{inner}", value))
                    continue
                number = value if type(value) is int and 0 < value <= MAX_TOKENS else self._whole(name, value)
                self.found[kind] += number
                self._listed.append((name, modality, kind))
                self.seen |= 1 << kind
        return True

    def _pass_over(self, name: str, value: Any, depth: int) -> None:
        """Keep the numbers in an object or a list that is not known, for a note."""
        for section in items(value) if isinstance(value, list) else [value]:
            for inner, each in section.items():
                if type(each) is int or type(each) is float:
                    if each and USAGE.kind(inner) != kinds.KNOWN:
                        self.unread.append((f"{name}.{inner}", each))
                elif depth < _DEEPEST and (is_object(each) or isinstance(each, list)):
                    self._pass_over(f"{name}.{inner}", each, depth + 1)

    def _whole(self, name: str, value: Any) -> int:
        """A number of tokens, which some libraries write with a fraction of 0."""
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and 0 <= value <= MAX_TOKENS:
            return value
        self.odd.append(_no_count(name, value))
        return 0

    def add_cache_details(self, usage: Mapping[str, Any]) -> None:
        """Go through Bedrock's list of how long the caches stay."""
        for item in items(usage.get("cacheDetails")):
            self.add({f"ephemeral_{item.get('ttl')}_input_tokens": item.get("inputTokens")})

    def at_least(self, kind: int, number: int) -> None:
        """Take a count that the object does not state itself, unless it states more."""
        self.found[kind] = max(self.found[kind], number)
        self.seen |= 1 << kind

    def note_beside(self, body: Mapping[str, Any]) -> None:
        """Keep counts that stand beside the usage, and are in none of its own, for a note."""
        if _COUNTED_NAMES.isdisjoint(body):
            return
        for name, value in body.items():
            if type(value) is int and name in _COUNTED and value > self.found[_COUNTED[name]]:
                self.unread.append((name, value))

    def names_of(self, *wanted: int) -> str:
        """The names and numbers of kinds of counts, for a note."""
        named = [f"{self._name_of(kind)} {self.found[kind]:,}" for kind in wanted if self.found[kind]]
        return " and ".join(named) or "nothing"

    def _name_of(self, wanted: int) -> str:
        """The name under which the largest count of a kind stands."""
        listed = next((f"{name} of {modality}" for name, modality, kind in self._listed if kind == wanted), None)
        named = (
            name
            for section, names in self._sections
            for name, value in section.items()
            if value == self.found[wanted] and names.kind(name) == wanted
        )
        return next(named, listed or "a count")


def counts_in(section: Mapping[str, Any]) -> dict[str, Any]:
    """The counts among the fields of an object that may hold anything, and the objects of counts."""
    return {
        name: value
        for name, value in section.items()
        if _is_counted(name) or (is_object(value) and USAGE.inside(name) != UNKNOWN)
    }


def _is_counted(name: str) -> bool:
    """Whether a name is that of a count, or of one that is not known."""
    kind = USAGE.kind(name)
    return kind not in {UNKNOWN, kinds.KNOWN} or (kind == UNKNOWN and name.lower().endswith(("tokens", "token_count")))


def is_beside(usage: Mapping[str, Any], *, is_message: bool = False) -> bool:
    """Whether cached tokens are counted beside the input, as Anthropic and Bedrock do it."""
    if usage.get("prompt_tokens"):
        return False
    if "input_tokens" in usage:
        if "input_tokens_details" in usage or "input_token_details" in usage:
            return False
        return is_message or not _OF_ANTHROPIC.isdisjoint(usage)
    return not _OF_BEDROCK.isdisjoint(usage)


def states_counts(section: Mapping[str, Any]) -> bool:
    """Whether an object has a name under which something is counted, be it 0."""
    names = (name for name, value in section.items() if value is not None)
    return any(USAGE.kind(name) not in {UNKNOWN, kinds.KNOWN} for name in names)


def _no_count(name: str, value: Any) -> str:
    return f"{name} is {quoted(value)}, which is not a possible number of tokens"
