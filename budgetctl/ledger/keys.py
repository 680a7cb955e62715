"""Keys that make a repeated request change nothing.

Requests are compared by their usage or stated amount, never by the computed price, which may change between two tries.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from budgetctl.errors import InvalidValueError
from budgetctl.ledger.values import IdempotencyKey, Usage
from budgetctl.money import Picodollars, to_text

_MAX_KEY_LENGTH = 1024
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))  # once: `json.dumps` makes one for each value


def caller_key(key: str, *, amount: Picodollars, model: str | None, usage: Mapping[str, Any] | None) -> IdempotencyKey:
    """The key that a caller gives to a charge of this usage, or of this amount for a model when no usage is known."""
    return _key("caller", key, amount, model, usage)


def commit_key(
    hold_id: str, *, amount: Picodollars, model: str | None, usage: Mapping[str, Any] | None
) -> IdempotencyKey:
    """The key of a hold's commit. Another usage is another commit, or another amount where no usage is known."""
    return _key("commit", hold_id, amount, model, usage)


def _key(
    kind: Literal["caller", "commit"], key: str, amount: Picodollars, model: str | None, usage: Mapping[str, Any] | None
) -> IdempotencyKey:
    if not isinstance(key, str) or not key.strip():
        raise InvalidValueError(f"{key!r} is not an idempotency key: pass some text")
    if len(key) > _MAX_KEY_LENGTH:
        raise InvalidValueError(f"the idempotency key {key[:40]!r}… is longer than {_MAX_KEY_LENGTH} characters")
    request = dict(usage) if usage else {"amount": to_text(amount), "model": model}
    return IdempotencyKey(kind, digest(key), digest(request), key if kind == "caller" else None)


def response_key(usage: Usage) -> IdempotencyKey | None:
    """The key that a saved response has by itself, or None for one without an id.

    Ids alone collide (some servers count to 999, mocks repeat one), so that the whole usage is part of the key.
    """
    if usage.request_id is None:
        return None
    own = digest(usage.to_json())
    return IdempotencyKey("response", own, own)


def digest(value: object) -> bytes:
    """16 bytes that stand for a value of JSON."""
    from hashlib import blake2b

    return blake2b(canonical(value), digest_size=16).digest()


def canonical(value: object) -> bytes:
    """The JSON that equal values have in common."""
    return _ENCODER.encode(value).encode()
