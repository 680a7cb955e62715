"""Identities: the names under which those who answer calls know them, so that one call is charged once.

A record of a call may come from its response, a session's log, a proxy's log or telemetry, and often from several of
them. They have an id in common, which whoever answered the call has made. An id means something within the namespace of
its issuer, and only where that issuer makes each id once: servers that count to 999, and mocks that repeat one, do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.keys import digest
from budgetctl.ledger.values import Usage

MAX_IDENTITIES = 8
"""How many identities a charge may have."""

_MAX_LENGTH = 1024


class Identity(NamedTuple):
    """The id of a call, in the namespace of its issuer, who makes each id once."""

    namespace: str
    id: str


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

_MINTED = {
    "anthropic": r"(?:msg|req)_(?:bdrk_|vrtx_)?01[0-9A-Za-z]{20,40}",
    "openai": r"(?:chatcmpl|cmpl)-[0-9A-Za-z]{29}|(?:resp|req)_[0-9a-f]{32,64}",
    "openrouter": r"gen-\d{10}-[0-9A-Za-z]{20}",
    "uuid": rf"(?:[a-z]+[-_])?{_UUID}",
}
"""Forms of ids of which no issuer makes one twice. The same UUID is the same id, whoever has made it."""

_LEAST_LETTERS = 9
"""Ids with fewer different letters were not drawn at random, but written by somebody."""


def identities_of(usage: Usage) -> tuple[Identity, ...]:
    """The identities of a response by its id, the one that tells it from others first; none for ids that may repeat.

    A reader that knows who has issued the ids says so (`Usage.issuer`). Else their form says it.
    """
    ids = [each for each in (usage.request_id or "").split(":") if each.strip() and len(each) <= _MAX_LENGTH]
    ids = ids[:MAX_IDENTITIES]
    if usage.issuer == "":
        return ()
    if usage.issuer is not None:
        return tuple(Identity(usage.issuer, each) for each in ids)
    return tuple(_minted(ids))


def identity_digests(identities: Sequence[Identity]) -> tuple[bytes, ...]:
    """What a store keeps of identities. Raises `InvalidValueError` for what is none, and for too many."""
    if not identities:
        return ()
    if len(identities) > MAX_IDENTITIES:
        raise InvalidValueError(f"a charge has {len(identities)} identities: at most {MAX_IDENTITIES}")
    for each in identities:
        if not all(isinstance(part, str) and part.strip() and len(part) <= _MAX_LENGTH for part in each):
            raise InvalidValueError(f"{tuple(each)!r:.80} is not an identity: pass the issuer's namespace and an id")
    return tuple(dict.fromkeys(digest(list(each)) for each in identities))


def _minted(ids: Sequence[str]) -> Iterator[Identity]:
    for each in ids:
        if len(set(re.split("[-_]", each, maxsplit=1)[-1])) < _LEAST_LETTERS:
            continue
        for namespace, form in _MINTED.items():
            if re.fullmatch(form, each):
                yield Identity(namespace, each)
                break
