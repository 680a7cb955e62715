"""Entries of the price map that are proven under rules of litellm which this release does not know.

The first time such an entry is priced, litellm is asked: for its price, and for those of `budgetctl.pricing.probes`.
Where all of these are what is worked out here, the entry needs no litellm from then on. What was found is kept in the
cache directory, in a file for each digest of litellm's rules, version of budgetctl and version of Python: a line for
each way in which a model is asked for, with the hashes of all entries of the map that litellm looked at. A line, or a
file, that is not as it was written proves nothing.
"""

from __future__ import annotations

import functools
import json
import os
import stat
import sys
import warnings
from binascii import crc32
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from budgetctl.errors import CannotPriceError
from budgetctl.models import Price, Usage
from budgetctl.pricing import catalog, litellm_pricing, litellm_rules, price_files, price_map
from budgetctl.pricing.catalog import Listing
from budgetctl.pricing.price_files import PriceFiles

Said = tuple[str | None, str | None, str | None]
"""The service tier, the place and the speed that a response names."""

_CELLS = 64
"""How many different things are kept that responses of one model say; more come from no provider."""

_LONGEST_WORD = 64
_LONGEST_FILE = 1 << 26
_DAY_S = 86_400

_PLAIN = (
    ("litellm", "completion_cost"),
    ("litellm", "cost_per_token"),
    ("litellm", "get_model_info"),
    ("litellm", "get_llm_provider"),
    ("litellm", "token_counter"),
    ("litellm.cost_calculator", "completion_cost"),
    ("litellm.cost_calculator", "cost_per_token"),
    ("litellm.cost_calculator", "batch_cost_calculator"),
    ("litellm.cost_calculator", "generic_cost_per_token"),
    ("litellm.cost_calculator", "get_model_info"),
    ("litellm.litellm_core_utils.llm_cost_calc.utils", "generic_cost_per_token"),
    ("litellm.litellm_core_utils.llm_cost_calc.utils", "get_model_info"),
    ("litellm.utils", "get_model_info"),
)
"""Functions of litellm that a program may have put others in the place of."""


class Proof(NamedTuple):
    """What is proven of a model, as it is asked for.

    `entries` are the hashes of all that stands in the map under the keys that litellm looked at; None where nothing
    does. For each range of lengths of the input, `counts` says whether plain numbers of tokens are equal, and `cells`
    which kinds of tokens are, by what a response says. `tokens` says whether texts have equal numbers of tokens.
    """

    model: str
    provider: str | None
    entries: Mapping[str, str | None]
    counts: Sequence[bool]
    cells: Mapping[Said, Sequence[int]]
    tokens: bool | None = None


def covers(files: PriceFiles, listing: Listing, usage: Usage, *, as_counts: bool = False) -> bool:
    """Whether what a usage costs by this listing is proven to be what litellm says."""
    found = _looked_up(files, usage.model or "", usage.provider)
    if found is None or listing.off_peak is not None or not _is_plain_where_imported():
        return False
    proof, ends = found
    length = usage.total_input
    place = bisect_left(ends, length)
    if as_counts:
        return place < len(proof.counts) and proof.counts[place]
    patterns = proof.cells.get(_said(usage))
    if patterns is None or place >= len(patterns):
        return False
    from budgetctl.pricing import probes

    pattern = probes.pattern_of(usage)
    return pattern is not None and not pattern & ~patterns[place]


def ask(usage: Usage, *, as_counts: bool = False) -> Price:
    """The price by litellm. Under rules that this release does not know, the cell of the usage is proven by the way.

    That is done once, in a process that has imported litellm for a price: the import takes longer than all the
    questions. Programs that have imported litellm themselves do not wait for it. Raises `CannotPriceError`.
    """
    price = (litellm_pricing.price_counts if as_counts else litellm_pricing.price_usage)(usage)
    if not litellm_rules.is_trusted() and litellm_pricing.is_imported_here():
        said = None if as_counts else _said(usage)
        files = price_files.seen()
        _prove_once(files, usage.model or "", usage.provider, said)
        listing = catalog.find_in(files, usage.model or "", usage.provider)
        if (
            listing is not None
            and listing.price(usage, as_counts=as_counts) is not None
            and not covers(files, listing, usage, as_counts=as_counts)
        ):
            _warn_once_a_day()
    return price


@functools.lru_cache(maxsize=4096)
def _prove_once(files: PriceFiles, model: str, provider: str | None, said: Said | None) -> None:
    """Ask about a cell that litellm has not been asked about, here or in another process. None stands for counts."""
    found = _looked_up(files, model, provider)
    if found is None or (not found[0].counts if said is None else said not in found[0].cells):
        prove(model, provider, [] if said is None else [said])


def _said(usage: Usage) -> Said:
    return usage.service_tier, usage.inference_geo, usage.speed


def path() -> Path | None:
    """Where proofs are kept; None where there can be none, as litellm's rules cannot be read."""
    from budgetctl import __version__
    from budgetctl.directories import cache_directory

    digest = litellm_rules.digest()
    if digest is None:
        return None
    python = ".".join(map(str, sys.version_info[:2]))
    return cache_directory() / f"proofs-{digest[:32]}-{__version__}-{python}"


# The file


@functools.lru_cache(maxsize=4096)
def _looked_up(files: PriceFiles, model: str, provider: str | None) -> tuple[Proof, list[int]] | None:
    """The proof of a model, and the lengths at which its ranges end; None without one that holds."""
    listing = catalog.find_in(files, model, provider)
    text = None if listing is None else _read()
    if listing is None or not text:
        return None
    proof = _proof_in(text, model, provider)
    if proof is None or proof.entries != _hashes(files, listing, proof.entries):
        return None
    from budgetctl.pricing import probes

    return proof, [*probes.thresholds(entry_of(listing)), probes.LONGEST]


def entry_of(listing: Listing) -> Mapping[str, Any]:
    """What stands in the map in force under a listing's key."""
    return dict(zip(listing.considered, listing.known[0], strict=True))[listing.key] or {}


def _read() -> bytes | None:
    """All proofs; None if there are none, or if others could have written them."""
    where = path()
    if where is None:
        return None
    try:
        descriptor = os.open(where, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        return file.read(_LONGEST_FILE) if _is_ours(status) else None


def _is_ours(status: os.stat_result) -> bool:
    """Whether a file is the user's own, and nobody else can write it."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if sys.platform == "win32":
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _proof_in(text: bytes, model: str, provider: str | None) -> Proof | None:
    """The last line about a model as it is asked for."""
    start = text.rfind(b"\n" + _head(model, provider))
    if start < 0:
        return None
    return _parsed(text[start + 1 : text.find(b"\n", start + 1)])


def _head(model: str, provider: str | None) -> bytes:
    return json.dumps([model, provider])[:-1].encode() + b", "


def _line(proof: Proof) -> bytes:
    cells = [[*said, patterns] for said, patterns in proof.cells.items()]
    body = json.dumps([*proof[:4], cells, proof.tokens])
    return f"{body}{crc32(body.encode()):08x}\n".encode()


def _parsed(line: bytes) -> Proof | None:
    """A line as it was written; None for any other."""
    body, check = line[:-8], line[-8:]
    if f"{crc32(body):08x}".encode() != check:
        return None
    try:
        model, provider, entries, counts, cells, tokens = json.loads(body)
        by_said: dict[Said, Sequence[int]] = {(tier, geo, speed): found for tier, geo, speed, found in cells}
    except (ValueError, TypeError):
        return None
    return Proof(model, provider, entries, counts, by_said, tokens)


def _save(proofs: Iterable[Proof]) -> None:
    """Write lines behind those that are there, at once: other processes do so as well."""
    where = path()
    if where is None:
        return
    # A line that was cut off by a crash ends here, and proves nothing.
    lines = b"\n" + b"".join(map(_line, proofs))
    with suppress(OSError):  # where nothing can be kept, litellm is asked each time
        where.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _appended(where, lines):
            where.unlink()  # it is somebody else's, or was
            _appended(where, lines)
    _looked_up.cache_clear()


def _appended(where: Path, lines: bytes) -> bool:
    """Whether lines were written behind those of a file, which has to be the user's own. Raises `OSError`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(where, flags, 0o600)
    try:
        return _is_ours(os.fstat(descriptor)) and os.write(descriptor, lines) == len(lines)
    finally:
        os.close(descriptor)


def _hashes(files: PriceFiles, listing: Listing, keys: Iterable[str]) -> dict[str, str | None] | None:
    """The hash of what stands under each key in the map in force."""
    known = dict(zip(listing.considered, listing.known[0], strict=True))
    others = [key for key in keys if key not in known]
    if others:
        source = price_map.in_force(files)
        if source is None:
            return None
        try:
            with source.entries() as entries:
                known |= {key: entries.get(key) for key in others}
        except (OSError, ValueError, price_map.UnclearError):
            return None
    return {key: None if known[key] is None else _hash(known[key]) for key in keys}


def _hash(entry: Any) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:32]


# Proving


def prove(model: str, provider: str | None, said: Iterable[Said], *, counts: bool = True) -> Proof | None:
    """Ask litellm about the cells of a model, keep what it says, and return it.

    None where nothing can be proven: without a listing, with prices that hold at some hours only, or under a litellm
    that somebody has changed in this process.
    """
    files = price_files.seen()
    listing = catalog.find_in(files, model, provider)
    if listing is None or listing.off_peak is not None or litellm_rules.digest() is None:
        return None
    from budgetctl.pricing import probes
    from budgetctl.pricing.fence import fenced

    with fenced():
        litellm = litellm_pricing.imported()
        if not _is_plain(litellm) or not listing.holds_in(litellm):
            return None
        found = _looked_up(files, model, provider)
        before = found[0] if found else Proof(model, provider, {}, (), {})
        try:
            asked_as = litellm_pricing.asked_as(model, provider)
        except CannotPriceError:
            return None
        ranges = probes.ranges(probes.thresholds(entry_of(listing)))
        there = probes.ask_litellm(litellm, *asked_as)
        with _consulted(litellm) as keys:
            cells = {
                words: [probes.proven_kinds(listing.price, there, probes.Said(*words), each) for each in ranges]
                for words in said
                if all(len(word or "") <= _LONGEST_WORD for word in words)
            }
            plain = before.counts
            if counts and not plain:
                by_counts = probes.ask_litellm_of_counts(litellm, *asked_as)
                price = functools.partial(listing.price, as_counts=True)
                plain = [probes.are_counts_equal(price, by_counts, each) for each in ranges]
        keys |= {*before.entries, *listing.considered}
        hashes = _hashes(files, listing, sorted(keys))
        if hashes is None or any(hashes[key] != _hash_in(litellm, key) for key in keys):
            return None
    proof = before._replace(entries=hashes, counts=plain, cells=dict([*before.cells.items(), *cells.items()][-_CELLS:]))
    _save([proof])
    return proof


def _hash_in(litellm: Any, key: str) -> str | None:
    entry = litellm.model_cost.get(key)
    return None if entry is None else _hash(entry)


class _Consulted(dict[str, Any]):
    """litellm's map, which notes the keys that are looked for."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        super().__init__(entries)
        self.keys_sought: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.keys_sought.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.keys_sought.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_sought.add(key)
        return super().get(key, default)


@contextmanager
def _consulted(litellm: Any) -> Iterator[set[str]]:
    """The keys that litellm looks for in its map meanwhile. What it remembers of before is forgotten first."""
    known = litellm.model_cost
    noting = _Consulted(known)
    for function in vars(litellm.utils).values():
        forget = getattr(function, "cache_clear", None)
        if forget is not None:
            forget()
    litellm.model_cost = noting
    try:
        yield noting.keys_sought
    finally:
        litellm.model_cost = known


def _is_plain_where_imported() -> bool:
    litellm = catalog.imported_litellm()
    return litellm is None or _is_plain(litellm)


def _is_plain(litellm: Any) -> bool:
    """Whether the functions that price are those of litellm's files."""
    package = price_map.package_directory()
    if package is None or os.path.dirname(litellm.__file__ or "") != str(package):  # noqa: PTH120 - in each price
        return False
    functions = tuple(getattr(sys.modules.get(module), name, None) for module, name in _PLAIN)
    return _are_of(functions, str(package))


@functools.lru_cache(maxsize=4)
def _are_of(functions: tuple[Any, ...], package: str) -> bool:
    """Whether functions are written in files of the package. Some versions lack one or the other."""
    codes = (getattr(getattr(function, "__wrapped__", function), "__code__", None) for function in functions)
    return all(
        function is None or (code is not None and code.co_filename.startswith(package))
        for function, code in zip(functions, codes, strict=True)
    )


# What is said of it


def _warn_once_a_day() -> None:
    """Warn that litellm is asked, as its rules are newer than this release: once a day, in whatever process."""
    import time

    from budgetctl.directories import cache_directory

    marker = cache_directory() / "asked-litellm"

    try:
        if time.time() - marker.stat().st_mtime < _DAY_S:
            return
    except OSError:
        pass
    with suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker.touch()
    installed = price_map.shipped()
    warnings.warn(
        f"prices by litellm {installed.version if installed else ''} are not all known to this release of budgetctl: "
        "where they differ litellm is asked, which takes seconds; a newer budgetctl is due",
        stacklevel=2,
    )
