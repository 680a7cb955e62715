"""Values as JSON documents and back, as they travel between a server and its clients.

The shape of a value follows from its type: a named tuple is an object of its fields, an amount is an integer of
picodollars under a name that says so (`spent_picodollars`: 10¹² are a US dollar), an instant an integer of microseconds
since 1970 (`at_us`), bytes are hexadecimal. A `Shape` writes and reads, and its `schema` describes the documents.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from budgetctl import names
from budgetctl.errors import BudgetctlError, OverBudgetError
from budgetctl.ledger import corrections, holds, store, top_ups
from budgetctl.ledger import values as models
from budgetctl.ledger.identities import MAX_IDENTITIES
from budgetctl.money import Picodollars
from budgetctl.wire.record_shapes import Field, RecordShape
from budgetctl.wire.shapes import (
    Array,
    Boolean,
    Choice,
    Digest,
    Free,
    Instant,
    Integer,
    Names,
    Optional,
    Row,
    Shape,
    Text,
    refused,
)

MAX_AMOUNT = 10**27
"""In picodollars. `money` reads smaller amounts only."""

_MAX_TTL_US = 7 * 86_400_000_000

NAMESPACE: dict[str, Any] = {
    **vars(corrections),
    **vars(holds),
    **vars(top_ups),
    **vars(models),
    **vars(store),
    "BudgetctlError": BudgetctlError,
    "Request": store.ChargeRequest | holds.HoldRequest | store.CommitRequest | store.ReleaseRequest,
    "Answer": models.Charge | holds.Hold,
}
"""The names that annotations of stores may have, also those that are imported for type checkers alone."""

_TAGS: dict[type, str] = {
    store.ChargeRequest: "charge",
    holds.HoldRequest: "reserve",
    store.CommitRequest: "commit",
    store.ReleaseRequest: "release",
    models.Charge: "charge",
    holds.Hold: "hold",
    BudgetctlError: "error",
}
"""The name in JSON of each alternative of a union."""

_EMBEDDED = frozenset({(store.CommitRequest, "charge")})
"""Named tuples whose fields stand beside those of the one that they are in."""


_OF_PROJECT_TOO = frozenset({models.Budget, models.Standing, models.Reset, corrections.Difference})
"""Named tuples whose user may be empty: that of the account which has the budget of the whole project."""

_MOST_ITEMS = {"called": names.MAX_CALLED, "identities": MAX_IDENTITIES}

USER_OR_PROJECT = Text(names.check_user, is_empty_allowed=True)


class Tagged(Shape):
    """One of several kinds of values, under the name of its kind."""

    def __init__(self, shapes: Mapping[type, Shape]) -> None:
        self._shapes = shapes

    def write(self, value: Any) -> dict[str, Any]:
        """`{kind: document}`."""
        kind = next(kind for kind in self._shapes if isinstance(value, kind))
        return {_TAGS[kind]: self._shapes[kind].write(value)}

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """The value."""
        for kind, shape in self._shapes.items():
            if isinstance(document, dict) and document.keys() == {_TAGS[kind]}:
                return shape.read(document[_TAGS[kind]], f"{where}.{_TAGS[kind]}", strict=strict)
        raise refused(where, f"an object with one of {', '.join(_TAGS[kind] for kind in self._shapes)}", document)

    def schema(self) -> dict[str, Any]:
        """One of them."""
        return {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {_TAGS[kind]: shape.schema()},
                    "required": [_TAGS[kind]],
                    "additionalProperties": False,
                }
                for kind, shape in self._shapes.items()
            ]
        }


_TEXTS = {
    "user": Text(names.check_user),
    "after": Text(names.check_user, is_empty_allowed=True),
    "parent": Text(names.check_user, is_empty_allowed=True),
    "name": Text(names.check_name),
    "limit": Text(names.check_name),
    "hold_id": Text(names.check_hold),
    "note": Text(names.check_note),
}
_OTHER_TEXT = Text(names.check_model)
_SCALARS: dict[Any, Shape] = {
    int: Integer(),
    bool: Boolean(),
    bytes: Digest(),
    Picodollars: Integer(0, MAX_AMOUNT - 1, Picodollars),
}
_INSTANT, _TTL = Instant(), Integer(1_000_000, _MAX_TTL_US)
_SORT_VALUE = Integer(-MAX_AMOUNT, MAX_AMOUNT)
"""An amount, or less than nothing: what remains is sorted by its negative, and may be negative itself."""


@functools.cache
def shape_of(hint: Any, name: str = "") -> Shape:
    """The shape of a type, for a field of that name."""
    found = _scalar_shape(hint, name)
    if found is not None:
        return found
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union_shape(arguments, name)
    if origin is Mapping:
        return Free() if arguments[1] is Any else Names(shape_of(arguments[1], name))
    if origin in (tuple, list, Sequence):
        return _sequence_shape(origin, arguments, name)
    return record_shape(hint)


def _scalar_shape(hint: Any, name: str) -> Shape | None:
    if hint is str:
        return _TEXTS.get(name, _OTHER_TEXT)
    if hint is int and name == "after_value":
        return _SORT_VALUE
    if hint is int and name.endswith("_us"):
        return _TTL if name == "ttl_us" else _INSTANT
    if typing.get_origin(hint) is Literal:
        return Choice(typing.get_args(hint))
    return _SCALARS.get(hint)


def _sequence_shape(origin: Any, arguments: Sequence[Any], name: str) -> Shape:
    if origin is tuple and arguments[-1] is not Ellipsis:
        return Row([shape_of(each, name) for each in arguments])
    most = _MOST_ITEMS.get(name)
    return Array(shape_of(arguments[0], name), tuple if origin is tuple else list, most=most)


def _union_shape(arguments: Sequence[Any], name: str) -> Shape:
    others = [each for each in arguments if each is not types.NoneType]
    if len(others) == 1:
        return Optional(shape_of(others[0], name))
    return Tagged({each: ErrorShape() if each is BudgetctlError else shape_of(each) for each in others})


@functools.cache
def record_shape(kind: Any) -> RecordShape:
    """The shape of a named tuple."""
    hints = typing.get_type_hints(kind, localns=NAMESPACE)
    embedded = {
        each: record_shape(hints.pop(each)).without(user="") for each in list(hints) if (kind, each) in _EMBEDDED
    }
    fields = [field_of(each, hint, is_required=each not in kind._field_defaults) for each, hint in hints.items()]
    record = RecordShape(kind.__name__, checked(kind), fields, embedded)
    return record.with_field("user", USER_OR_PROJECT) if kind in _OF_PROJECT_TOO else record


def field_of(attribute: str, hint: Any, *, is_required: bool) -> Field:
    """A field of a record. The name of an amount's field ends in its unit, `_picodollars`."""
    name = f"{attribute}_picodollars" if "Picodollars" in str(hint) else attribute
    return Field(attribute, name, shape_of(hint, attribute), is_required)


def checked(kind: Any) -> Callable[..., Any]:
    """The function that makes a named tuple, for types that check more than their fields."""
    if kind is holds.HoldRequest:
        return lambda **values: holds.check_request(holds.HoldRequest(**values))
    if kind is not store.BudgetChange:
        return typing.cast(Callable[..., Any], kind)

    def change(**values: Any) -> store.BudgetChange:
        from budgetctl.ledger.records import check_terms

        percents = values.get("warn_at")
        if percents is not None:
            values["warn_at"] = names.check_percents(percents)
        return check_terms(store.BudgetChange(**values))

    return change


class ErrorShape(Shape):
    """An error: a code word, a message, and a hint; of a denial, also the decision."""

    def write(self, value: BudgetctlError) -> dict[str, Any]:
        """The document of an error."""
        decision = getattr(value, "decision", None)
        more = {} if decision is None else {"decision": record_shape(holds.Decision).write(decision)}
        return {"code": value.code, "message": value.message, "hint": value.hint, **more}

    def read(self, document: Any, where: str, *, strict: bool) -> BudgetctlError:
        """An error of the class that has the code word."""
        if not isinstance(document, dict) or not isinstance(document.get("message"), str):
            raise refused(where, "an error with a message", document)
        if not isinstance(document.get("hint"), str | None):
            raise refused(f"{where}.hint", "text", document["hint"])
        kind = _error_kinds().get(str(document.get("code")), BudgetctlError)
        if issubclass(kind, OverBudgetError) and document.get("decision") is None:
            raise refused(f"{where}.decision", "a decision", None)
        error: BudgetctlError = kind.__new__(kind)
        BudgetctlError.__init__(error, document["message"], hint=document.get("hint"))
        if document.get("decision") is not None:
            decision = record_shape(holds.Decision).read(document["decision"], f"{where}.decision", strict=strict)
            vars(error)["decision"] = decision
        return error

    def schema(self) -> dict[str, Any]:
        """The fields that every error has."""
        return {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "decision": record_shape(holds.Decision).schema(),
            },
            "required": ["code", "message", "hint"],
        }


@functools.cache
def _error_kinds() -> dict[str, type[BudgetctlError]]:
    kinds: list[type[BudgetctlError]] = [BudgetctlError]
    found: dict[str, type[BudgetctlError]] = {}
    for kind in kinds:
        found.setdefault(kind.code, kind)  # a class that has its code from the one above stands for no other
        kinds += kind.__subclasses__()
    return found
