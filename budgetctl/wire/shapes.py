"""Shapes of values in JSON: text, numbers, lists and unions. Named tuples are in `record_shapes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from budgetctl import names
from budgetctl.errors import InvalidValueError
from budgetctl.periods import check_instant

MAX_INTEGER = (1 << 63) - 1

_DIGEST_BYTES = 16

_CALENDAR = range(-62_135_500_000_000_000, 253_402_200_000_000_000)
"""The microseconds of the years from 1 to 9999, in every zone."""


class Shape:
    """How values of a type look in JSON. `where` names the value in messages."""

    kinds: frozenset[type] | None = None
    """The types of documents that are values already: such a document of a server's answer is taken as it is."""

    @property
    def is_plain(self) -> bool:
        """Whether the values are their own documents."""
        return type(self).write is Shape.write

    def write(self, value: Any) -> Any:
        """The document of a value."""
        return value

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """The value of a document. Raises `InvalidValueError`.

        `strict` is for requests that anybody may have sent: names, amounts and instants have to be possible ones, and
        unknown fields are refused. Without it the document is a server's answer, to which a newer server may have
        added fields.
        """
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the documents."""
        raise NotImplementedError


def refused(where: str, wanted: str, document: Any) -> InvalidValueError:
    """The error for a document of the wrong kind."""
    return InvalidValueError(f"{where} is {_shown(document)}: {wanted} is needed")


def _shown(document: Any) -> str:
    if isinstance(document, (dict, list)):
        return "an object" if isinstance(document, dict) else "an array"
    return "null" if document is None else f"{document!r:.80}"


class Text(Shape):
    """Text that `check` accepts. `is_empty_allowed` is for empty text that has a meaning of its own."""

    kinds = frozenset({str})

    def __init__(self, check: Callable[[Any], str], *, is_empty_allowed: bool = False) -> None:
        self._check = check
        self._is_empty_allowed = is_empty_allowed

    def read(self, document: Any, where: str, *, strict: bool) -> str:
        """The text."""
        if not isinstance(document, str):
            raise refused(where, "text", document)
        if not strict or (self._is_empty_allowed and not document):
            return document
        try:
            return self._check(document)
        except InvalidValueError as error:
            raise InvalidValueError(f"{where}: {error}") from error

    def schema(self) -> dict[str, Any]:
        """The longest and the shortest length."""
        long = self._check in (names.check_model, names.check_note)
        return {
            "type": "string",
            **({} if self._is_empty_allowed or self._check is names.check_note else {"minLength": 1}),
            "maxLength": names.MAX_TEXT_LENGTH if long else names.MAX_LENGTH,
        }


class Integer(Shape):
    """A whole number between two bounds, which are both included."""

    def __init__(self, least: int = 0, most: int = MAX_INTEGER, make: Callable[[int], int] = int) -> None:
        self._least, self._most, self._make = least, most, make
        self.kinds = frozenset({int}) if make is int else None

    def read(self, document: Any, where: str, *, strict: bool) -> int:
        """The number, as an amount where it is one."""
        if isinstance(document, bool) or not isinstance(document, int):
            raise refused(where, "a whole number", document)
        if strict and not self._least <= document <= self._most:
            raise InvalidValueError(f"{where} must be from {self._least} to {self._most}")
        return self._make(document)

    def schema(self) -> dict[str, Any]:
        """The bounds."""
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


class Instant(Integer):
    """Microseconds since 1970."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds = None

    def read(self, document: Any, where: str, *, strict: bool) -> int:
        """The instant. A server's answer may have the bound of a window, anywhere in the calendar."""
        if not strict and document.__class__ is int and document in _CALENDAR:
            return document
        instant = super().read(document, where, strict=strict)
        if strict:
            return check_instant(instant)
        raise refused(where, "an instant in microseconds since 1970", document)


class Boolean(Shape):
    """True or false."""

    kinds = frozenset({bool})

    def read(self, document: Any, where: str, *, strict: bool) -> bool:  # noqa: ARG002
        """The truth value."""
        if not isinstance(document, bool):
            raise refused(where, "true or false", document)
        return document

    def schema(self) -> dict[str, Any]:
        """The type."""
        return {"type": "boolean"}


class Digest(Shape):
    """16 bytes."""

    def write(self, value: bytes) -> str:
        """Hexadecimal digits."""
        return value.hex()

    def read(self, document: Any, where: str, *, strict: bool) -> bytes:  # noqa: ARG002
        """The bytes."""
        try:
            value = bytes.fromhex(document) if isinstance(document, str) else b""
        except ValueError:
            value = b""
        if len(value) != _DIGEST_BYTES:
            raise refused(where, "a digest of 32 hexadecimal digits", document)
        return value

    def schema(self) -> dict[str, Any]:
        """The digits."""
        return {"type": "string", "pattern": "^[0-9a-f]{32}$"}


class Choice(Shape):
    """One of some words."""

    kinds = frozenset({str})

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def read(self, document: Any, where: str, *, strict: bool) -> str:
        """The word. An unknown word is refused in a request, and accepted in the answer of a newer server."""
        if not isinstance(document, str) or (strict and document not in self._words):
            raise refused(where, f"one of {', '.join(self._words)}", document)
        return document

    def schema(self) -> dict[str, Any]:
        """The words."""
        return {"type": "string", "enum": list(self._words)}


class Optional(Shape):
    """A value of a shape, or null."""

    def __init__(self, inner: Shape) -> None:
        self._inner = inner
        self.kinds = None if inner.kinds is None else inner.kinds | {type(None)}

    @property
    def is_plain(self) -> bool:
        """Whether the values that are not null are plain."""
        return self._inner.is_plain

    def write(self, value: Any) -> Any:
        """The document of the value, or null."""
        return None if value is None else self._inner.write(value)

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """The value, or None."""
        return None if document is None else self._inner.read(document, where, strict=strict)

    def schema(self) -> dict[str, Any]:
        """The value's schema, or null."""
        return {"anyOf": [self._inner.schema(), {"type": "null"}]}


class Array(Shape):
    """A list of values of one shape."""

    def __init__(self, inner: Shape, make: Callable[[Any], Any] = list, *, most: int | None = None) -> None:
        self._inner, self._make, self._most = inner, make, most

    @property
    def is_plain(self) -> bool:
        """Whether each value is plain: JSON has tuples as arrays."""
        return self._inner.is_plain

    def write(self, value: Any) -> list[Any]:
        """A document of each."""
        return [self._inner.write(each) for each in value]

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """Each of them."""
        if not isinstance(document, list):
            raise refused(where, "an array", document)
        if self._most is not None and len(document) > self._most:
            raise InvalidValueError(f"{where} has {len(document)} items: at most {self._most}")
        if not strict:
            return self._make([self._inner.read(each, where, strict=False) for each in document])
        return self._make(self._inner.read(each, f"{where}[{n}]", strict=True) for n, each in enumerate(document))

    def schema(self) -> dict[str, Any]:
        """The items."""
        bound = {} if self._most is None else {"maxItems": self._most}
        return {"type": "array", "items": self._inner.schema(), **bound}


class Row(Shape):
    """A list of a fixed number of values, each of a shape of its own."""

    def __init__(self, inner: Sequence[Shape]) -> None:
        self._inner = inner

    def write(self, value: Any) -> list[Any]:
        """A document of each."""
        return [shape.write(each) for shape, each in zip(self._inner, value, strict=True)]

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """Each of them."""
        if not isinstance(document, list) or len(document) != len(self._inner):
            raise refused(where, f"an array of {len(self._inner)}", document)
        pairs = enumerate(zip(self._inner, document, strict=True))
        return tuple(shape.read(each, f"{where}[{n}]", strict=strict) for n, (shape, each) in pairs)

    def schema(self) -> dict[str, Any]:
        """The items."""
        items = [shape.schema() for shape in self._inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


class Names(Shape):
    """Values by a name."""

    def __init__(self, inner: Shape) -> None:
        self._inner = inner

    def write(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A document of each."""
        return {name: self._inner.write(each) for name, each in value.items()}

    def read(self, document: Any, where: str, *, strict: bool) -> dict[str, Any]:
        """Each of them."""
        if not isinstance(document, dict):
            raise refused(where, "an object", document)
        for name in document if strict else ():
            names.check_model(name)
        return {name: self._inner.read(each, f"{where}.{name:.80}", strict=strict) for name, each in document.items()}

    def schema(self) -> dict[str, Any]:
        """The values."""
        return {"type": "object", "additionalProperties": self._inner.schema()}


class Free(Shape):
    """An object of the caller's own."""

    def write(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A copy: it may be one that cannot be changed."""
        return dict(value)

    def read(self, document: Any, where: str, *, strict: bool) -> dict[str, Any]:
        """The object, if it can be stored."""
        if not isinstance(document, dict):
            raise refused(where, "an object", document)
        return names.check_document(document, where.removeprefix("the ")) if strict else document

    def schema(self) -> dict[str, Any]:
        """The type."""
        return {"type": "object"}
