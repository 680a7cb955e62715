"""The price map in force: the one that litellm's package ships, or a newer one that `prices update` has installed.

The map is read without importing litellm, which takes seconds. An entry is found in its text in about a millisecond,
where parsing the whole text takes 25. The name of litellm's file is private to litellm (a test guards it): without the
file, litellm is asked for prices.
"""

from __future__ import annotations

import functools
import json
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from budgetctl.files.opening import open_regular, read_regular
from budgetctl.pricing.litellm import installed
from budgetctl.pricing.prices import price_files
from budgetctl.pricing.prices.price_files import PriceFiles

MAP_NAME = "model_prices_and_context_window_backup.json"

MAX_BYTES = 64 * 2**20
"""Bytes of the largest map that is read, many times the size of today's."""

NOT_MODELS = frozenset({"sample_spec", "fallback_generalizations"})
"""The keys of the map that are no names of models."""

_ALIAS = "alias_of"
"""The field by which an entry says that another one stands for it: `gpt-astra-latest`."""

_OUTER_INDENT = 4
"""The most spaces before a key of the outermost object. Inner keys have more."""

_LONGEST_ENTRY = 1 << 15
"""Bytes that are read of an entry, several times as many as the longest has."""


class PriceMap(NamedTuple):
    """A map, the version of the litellm whose rules apply to it, and the time at which it was installed, if it was."""

    path: Path
    version: str
    installed_us: int | None = None

    @property
    def has_known_rules(self) -> bool:
        """Whether the rules for the map are known: the proven ones, or the newest."""
        from budgetctl.pricing.litellm import litellm_rules

        return litellm_rules.digest() is not None

    @contextmanager
    def entries(self) -> Iterator[Entries]:
        """The map's entries, to be looked up. Raises `OSError`, and `ValueError` for an empty file."""
        with open_regular(self.path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            yield Entries(text)

    def load(self) -> dict[str, dict[str, Any]]:
        """All models of the map. Raises `OSError`, and `ValueError` for what is not JSON."""
        entries = json.loads(read_regular(self.path, MAX_BYTES))
        return {key: _resolved(entry, entries) for key, entry in entries.items() if key not in NOT_MODELS}

    def keys(self, beginning: str = "") -> set[str]:
        """The names of models that begin so. The map is not parsed where its layout is clear. Raises as `load` does."""
        with self.entries() as entries:
            try:
                return set(entries.keys(beginning)) - NOT_MODELS
            except UnclearError:
                return {key for key in self.load() if key.startswith(beginning)}


class UnclearError(LookupError):
    """The text of the map does not have the layout that this module was written for."""


class Entries:
    """The text of a map: an object of entries by model, one field to a line. Entries are decoded when asked for."""

    def __init__(self, text: bytes | mmap.mmap) -> None:
        self._text = text
        self._known: dict[str, Mapping[str, Any] | None] = {}

    def get(self, key: str) -> Mapping[str, Any] | None:
        """The entry under a key of the outermost object; None without such a key. Raises `UnclearError`."""
        if key not in self._known:
            entry = self._found(key)
            other = (entry or {}).get(_ALIAS)
            self._known[key] = entry if other is None else self._found(other) or entry
        return self._known[key]

    def target(self, key: str) -> str | None:
        """The key that an alias such as `claude-opus-latest` stands for; None for no alias. Raises `UnclearError`."""
        other = (self._found(key) or {}).get(_ALIAS)
        return other if isinstance(other, str) else None

    def keys(self, beginning: str = "") -> Iterator[str]:
        """The keys of models that begin so, found in some milliseconds. Raises `UnclearError`."""
        if self._text.find(b"\n") < 0:
            raise UnclearError(beginning)
        for indent in range(_OUTER_INDENT + 1):
            line = b"\n" + b" " * indent
            wanted = line + json.dumps(beginning)[:-1].encode()
            found = self._text.find(wanted)
            while found >= 0:
                end = self._text.find(b"\n", found + 1)
                key, colon, value = self._text[found + len(line) : end].partition(b": ")
                if colon and value == b"{":  # not a field of an entry that is indented less than others
                    yield json.loads(key)
                found = self._text.find(wanted, end)

    def has_aliases(self) -> bool:
        """Whether the map has aliases, for which litellm adds keys when it is imported."""
        return self._text.find(b'"aliases":') >= 0

    def _found(self, key: str) -> Mapping[str, Any] | None:
        name = json.dumps(key).encode() + b":"
        found = self._text.rfind(name)  # of equal keys, a parser takes the last
        while found >= 0:
            line = self._text.rfind(b"\n", 0, found) + 1
            indent = self._text[line:found]
            if indent.strip():
                raise UnclearError(key)
            if len(indent) <= _OUTER_INDENT:
                return self._decoded(key, found + len(name))
            found = self._text.rfind(name, 0, found)
        return None

    def _decoded(self, key: str, start: int) -> Mapping[str, Any]:
        value = self._text[start : start + _LONGEST_ENTRY].decode(errors="replace").lstrip()
        try:
            entry, _ = json.JSONDecoder().raw_decode(value)
        except ValueError:
            raise UnclearError(key) from None
        if not isinstance(entry, dict):
            raise UnclearError(key)
        return entry


def _resolved(entry: dict[str, Any], entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    other = entry.get(_ALIAS)
    return entry if other is None else entries.get(other, entry)


def in_force(files: PriceFiles | None = None) -> PriceMap | None:
    """The map by which models are priced; None where litellm has to be asked."""
    files = files or price_files.seen()
    ours = shipped()
    if ours is None or files.map_state is None or not ours.has_known_rules:
        return ours
    return PriceMap(files.map, ours.version, files.map_state[0] // 1000)


@functools.cache
def shipped() -> PriceMap | None:
    """The map of the litellm that an import would find."""
    litellm = installed.directory()
    if litellm is None or not (litellm / MAP_NAME).is_file():
        return None
    version = installed.version_of(litellm)
    return None if version is None else PriceMap(litellm / MAP_NAME, version)
