"""Proofs: entries of the price map that are proven under rules of litellm which this release does not know.

The first time such an entry is priced, litellm is asked for the price, and for the prices of
`budgetctl.pricing.prices.probes`. Where all of these are equal to those worked out here, the entry needs no litellm
from then on. Proofs are kept in the cache directory, in a file for each digest of litellm's rules, version of budgetctl
and version of Python. A line is the proof for one way of asking for a model, with the hashes of all entries of the map
that litellm looked at. A line, or a file, that was changed proves nothing.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from binascii import crc32
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from budgetctl.directories import cache_directory, make_private
from budgetctl.files.opening import open_regular
from budgetctl.files.replacing import is_own
from budgetctl.ledger.values import Usage
from budgetctl.pricing.litellm import installed, litellm_rules
from budgetctl.pricing.prices import catalog, price_files, price_map
from budgetctl.pricing.prices.catalog import Listing
from budgetctl.pricing.prices.price_files import PriceFiles

Said = tuple[str | None, str | None, str | None]
"""The service tier, the place and the speed that a response names."""

LONGEST_TEXT = 30_000
"""Characters of the longest text that is counted for a proof."""

_LONGEST_FILE = 1 << 26


class Proof(NamedTuple):
    """The proof of a model under one way of asking for it.

    `entries` are the hashes of the map's entries under the keys that litellm looked at; None for a key without one. For
    each range of lengths of the input, `counts` says whether prices of plain numbers of tokens are equal, and `cells`
    for which kinds of tokens they are, by the tier, place and speed of a response. `tokens` says whether texts have
    equal numbers of tokens.
    """

    model: str
    provider: str | None
    entries: Mapping[str, str | None] = {}
    counts: Sequence[bool] = ()
    cells: Mapping[Said, Sequence[int]] = {}
    tokens: bool | None = None


def covers_tokens(model: str, length: int) -> bool:
    """Whether a model's texts of so many characters are proven to have as many tokens here as by litellm."""
    found = proof_of(price_files.seen(), model, None)
    return found is not None and bool(found.tokens) and length <= LONGEST_TEXT


def covers(files: PriceFiles, listing: Listing, usage: Usage, *, as_counts: bool = False) -> bool:
    """Whether the price of a usage by this listing is proven to be litellm's."""
    found = proof_of(files, usage.model or "", usage.provider)
    if found is None or listing.off_peak is not None or not _is_plain():
        return False
    place = bisect_left(_ends_of(files, usage.model or "", usage.provider), usage.total_input)
    if as_counts:
        return place < len(found.counts) and found.counts[place]
    from budgetctl.pricing.prices import probes

    patterns = found.cells.get(said_by(usage), ())
    pattern = probes.pattern_of(usage)
    return pattern is not None and place < len(patterns) and not pattern & ~patterns[place]


@functools.lru_cache(maxsize=4096)
def _ends_of(files: PriceFiles, model: str, provider: str | None) -> list[int]:
    """The lengths, in tokens, at which the ranges of a model's input end."""
    from budgetctl.pricing.prices import probes

    listing = catalog.find_in(files, model, provider)
    return [] if listing is None else probes.ends(entry_of(listing))


def said_by(usage: Usage) -> Said:
    """The service tier, the place and the speed of a usage."""
    return usage.service_tier, usage.inference_geo, usage.speed


def entry_of(listing: Listing) -> Mapping[str, Any]:
    """The entry in the map in force under a listing's key."""
    return dict(zip(listing.considered, listing.known[0], strict=True))[listing.key] or {}


def path() -> Path | None:
    """The file of proofs; None where there can be none, as litellm's rules cannot be read."""
    from budgetctl import __version__

    digest = litellm_rules.digest()
    if digest is None:
        return None
    python = ".".join(map(str, sys.version_info[:2]))
    with suppress(RuntimeError):  # there is no home directory
        return cache_directory() / f"proofs-{digest[:32]}-{__version__}-{python}"
    return None


def proven_models() -> int:
    """The number of ways of asking for a model that have a line, also of those whose entries have changed since."""
    proofs = map(_parsed, (_read() or b"").splitlines())
    return len({(proof.model, proof.provider) for proof in proofs if proof is not None})


@functools.lru_cache(maxsize=4096)
def proof_of(files: PriceFiles, model: str, provider: str | None) -> Proof | None:
    """The proof of a model; None without one, or where an entry of the map has changed since."""
    listing = catalog.find_in(files, model, provider)
    text = _read()
    start = text.rfind(_head(model, provider)) if text else -1
    if text is None or start < 0:
        return None
    proof = _parsed(text[start + 1 : text.find(b"\n", start + 1)])
    return proof if proof is not None and proof.entries == hashes(files, listing, proof.entries) else None


def save(proof: Proof) -> None:
    """Append a line in one write, as other processes append lines too."""
    where = path()
    if where is None:
        return
    with suppress(OSError):  # where nothing can be kept, litellm is asked each time
        make_private(where.parent)
        if not _appended(where, _line(proof)):
            where.unlink()  # others could have written it
            _appended(where, _line(proof))
    proof_of.cache_clear()


def hashes(files: PriceFiles, listing: Listing | None, keys: Iterable[str]) -> dict[str, str | None] | None:
    """The hash of the entry under each key in the map in force; None if the map cannot be read."""
    known = {} if listing is None else dict(zip(listing.considered, listing.known[0], strict=True))
    others = [key for key in keys if key not in known]
    source = price_map.in_force(files) if others else None
    if others and source is None:
        return None
    try:
        if source is not None:
            with source.entries() as entries:
                known |= {key: entries.get(key) for key in others}
    except (OSError, ValueError, price_map.UnclearError):
        return None
    return {key: hash_of(known[key]) for key in keys}


def hash_of(entry: Mapping[str, Any] | None) -> str | None:
    """The hash of an entry; None for none."""
    import hashlib

    return None if entry is None else hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:32]


def _is_plain() -> bool:
    """Whether litellm is not imported here, or is as it is installed."""
    litellm = catalog.imported_litellm()
    return litellm is None or installed.is_plain(litellm)


# The file


def _read() -> bytes | None:
    """The content of the file; None if it is missing, or if others could have written it."""
    where = path()
    if where is None:
        return None
    with suppress(OSError), open_regular(where, more_flags=getattr(os, "O_NOFOLLOW", 0)) as file:
        return file.read(_LONGEST_FILE) if is_own(os.fstat(file.fileno())) else None
    return None


def _appended(where: Path, line: bytes) -> bool:
    """Append a line to a file, which has to be the user's own, and say whether it was. Raises `OSError`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe would wait for a reader
    descriptor = os.open(where, flags, 0o600)
    try:
        return is_own(os.fstat(descriptor)) and os.write(descriptor, line) == len(line)
    finally:
        os.close(descriptor)


def _head(model: str, provider: str | None) -> bytes:
    """How a line begins. What a crash has cut off before ends there, and proves nothing."""
    return b"\n" + json.dumps([model, provider])[:-1].encode() + b", "


def _line(proof: Proof) -> bytes:
    cells = [[*said, patterns] for said, patterns in proof.cells.items()]
    body = json.dumps([*proof[:4], cells, proof.tokens]).encode()
    return b"\n%b%08x\n" % (body, crc32(body))


def _parsed(line: bytes) -> Proof | None:
    """The proof of a line; None for a line that was changed."""
    body, check = line[:-8], line[-8:]
    if b"%08x" % crc32(body) != check:
        return None
    try:
        model, provider, entries, counts, cells, tokens = json.loads(body)
        by_said: dict[Said, Sequence[int]] = {(tier, place, speed): found for tier, place, speed, found in cells}
    except (ValueError, TypeError):
        return None
    return Proof(model, provider, entries, counts, by_said, tokens)
