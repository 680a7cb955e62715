"""The operations of a store as calls over a network: what a server answers, and what its client asks.

Parameters and answers follow from the signatures of `Store`. A parameter that is a named tuple lends its fields; so
`POST /v1/charge` takes those of a `ChargeRequest`.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from budgetctl.ledger.store import Asked, Kind, Store, asked_operations
from budgetctl.ledger.values import Budget, Charge
from budgetctl.wire.record_shapes import Field, RecordShape
from budgetctl.wire.shapes import Integer, Shape
from budgetctl.wire.values import NAMESPACE, USER_OR_PROJECT, field_of, record_shape, shape_of

PATH = "/v1/"

_PAGE = 999
"""Items of a list in one answer. The store reads pages of one more, and one more is looked at."""


class Page(NamedTuple):
    """Some items of a list, and the parameters that continue behind them, or None at the end."""

    items: list[Any]
    next: dict[str, Any] | None


class Call:
    """An operation of `Store`, and how it is marked there: its `kind`, and whether it `is_bulk`.

    `path` is where the server answers it; `writes` says whether it changes anything.
    """

    def __init__(self, name: str, asked: Asked) -> None:
        self.name = name
        self.asked = asked
        self.kind: Kind = asked.kind
        self.is_bulk = asked.is_bulk
        self.path = PATH + name.replace("_", "-")
        self.writes = asked.kind != "read"

    @property
    def summary(self) -> str:
        """What it does, by its docstring."""
        return inspect.cleandoc(getattr(Store, self.name).__doc__ or "")

    @functools.cached_property
    def parameters(self) -> RecordShape:
        """The shape of its parameters, as those of a method."""
        return _parameters(self.name, of_project_too=self.asked.of_project_too)

    @functools.cached_property
    def answer(self) -> Shape:
        """The shape of what it returns; of a list, that of an item."""
        return _answer(self.name, self.asked.parts)

    @functools.cached_property
    def is_list(self) -> bool:
        """Whether it returns many, which come in pages if there is a `cursor`."""
        return _returned_items(self.name) is not None

    def page(self, items: Iterator[Any], asked: dict[str, Any], size: int | None = None) -> Page:
        """The first items of a list that was asked for so. Those that one cursor stands for stay together."""
        if self.asked.cursor is None:
            return Page(list(items), None)
        taken: list[Any] = []
        place: dict[str, Any] | None = None
        for item in items:
            here = self.asked.cursor(item, asked)
            if len(taken) >= min(size or _PAGE, _PAGE) and here != place:
                return Page(taken, place)
            taken.append(item)
            place = here
        return Page(taken, None)

    def answer_schema(self) -> dict[str, Any]:
        """What `write_answer` gives, as JSON Schema."""
        schema = self.answer.schema()
        if not self.is_list:
            return schema
        properties: dict[str, Any] = {"items": {"type": "array", "items": schema}}
        if self.kind == "read":
            properties["next"] = {"anyOf": [{"type": "object"}, {"type": "null"}]}
        return {"type": "object", "properties": properties, "required": list(properties)}

    def write_answer(self, value: Any) -> dict[str, Any]:
        """The document of what the operation returns."""
        if isinstance(value, Page):
            continued = None if value.next is None else self.parameters.write_values(value.next)
            return {"items": [self.answer.write(each) for each in value.items], "next": continued}
        if self.is_list:
            return {"items": [self.answer.write(each) for each in value]}
        document: dict[str, Any] = self.answer.write(value)
        return document

    def read_answer(self, document: Any) -> Any:
        """What the operation returned; of a list in pages, a `Page`."""
        if not self.is_list:
            return self.answer.read(document, "the answer", strict=False)
        items = [self.answer.read(each, "an item", strict=False) for each in document["items"]]
        if self.asked.cursor is None:
            return items
        continued = document.get("next")
        if continued is not None:
            continued = self.parameters.read_values(continued)
        return Page(items, continued)


class BatchCall(Call):
    """`apply`. The budgets stand beside the items, each once, and a charge says its place: many have the same one."""

    def answer_schema(self) -> dict[str, Any]:
        """The items, whose charges have a number in place of the budget, and the budgets."""
        schema = super().answer_schema()
        kinds = schema["properties"]["items"]["items"]["oneOf"]
        charge = next(kind for kind in kinds if "charge" in kind["properties"])
        charge["properties"]["charge"] = _placed_charge().schema()
        schema["properties"]["budgets"] = {"type": "array", "items": record_shape(Budget).schema()}
        return {**schema, "required": [*schema["required"], "budgets"]}

    def write_answer(self, value: Any) -> dict[str, Any]:
        """The items and the budgets."""
        budgets: list[Budget] = []
        places: dict[int, int] = {}
        items = []
        for answer in value:
            if not isinstance(answer, Charge):
                items.append(self.answer.write(answer))
                continue
            place = places.setdefault(id(answer.budget), len(budgets))
            if place == len(budgets):
                budgets.append(answer.budget)
            items.append({"charge": _placed_charge().write(answer._replace(budget=cast(Budget, place)))})
        return {"items": items, "budgets": [record_shape(Budget).write(budget) for budget in budgets]}

    def read_answer(self, document: Any) -> list[Any]:
        """What became of each request."""
        budgets = [record_shape(Budget).read(each, "a budget", strict=False) for each in document["budgets"]]
        answers = []
        for item in document["items"]:
            if "charge" in item:
                charge = _placed_charge().read(item["charge"], "a charge", strict=False)
                answers.append(charge._replace(budget=budgets[charge.budget]))
            else:
                answers.append(self.answer.read(item, "an item", strict=False))
        return answers


@functools.cache
def _placed_charge() -> RecordShape:
    return record_shape(Charge).with_field("budget", Integer(0))


class _Nothing(Shape):
    """The answer of what returns nothing."""

    def write(self, value: Any) -> dict[str, Any]:  # noqa: ARG002
        """An empty object."""
        return {}

    def read(self, document: Any, where: str, *, strict: bool) -> None:
        """Nothing."""

    def schema(self) -> dict[str, Any]:
        """An empty object."""
        return {"type": "object"}


class _Parts(Shape):
    """The answer of what returns one value that is no named tuple, or several, as an object."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def write(self, value: Any) -> dict[str, Any]:
        """Each under its name."""
        values = value if len(self._fields) > 1 else (value,)
        return {field.name: field.shape.write(each) for field, each in zip(self._fields, values, strict=True)}

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """The value, or a tuple of them."""
        read = tuple(field.shape.read(document[field.name], where, strict=strict) for field in self._fields)
        return read if len(read) > 1 else read[0]

    def schema(self) -> dict[str, Any]:
        """The properties."""
        properties = {field.name: field.shape.schema() for field in self._fields}
        return {"type": "object", "properties": properties, "required": list(properties)}


@functools.cache
def _hints(name: str) -> dict[str, Any]:
    return typing.get_type_hints(getattr(Store, name), localns=NAMESPACE)


def _named_tuple(hint: Any) -> Any:
    """The named tuple that a parameter is, or may be."""
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((kind for kind in kinds if hasattr(kind, "_field_defaults")), None)


@functools.cache
def _parameters(name: str, *, of_project_too: bool) -> RecordShape:
    hints = _hints(name)
    fields: list[Field] = []
    embedded: dict[str, RecordShape] = {}
    defaults: dict[str, None] = {}
    for parameter in inspect.signature(getattr(Store, name)).parameters.values():
        if parameter.name == "self":
            continue
        hint = hints[parameter.name]
        kind = _named_tuple(hint)
        if kind is not None:
            embedded[parameter.name] = record_shape(kind).without(user="") if name == "commit" else record_shape(kind)
            continue
        is_optional = type(None) in typing.get_args(hint)
        if is_optional:
            defaults[parameter.name] = None
        is_required = parameter.default is parameter.empty and not is_optional
        fields.append(field_of(parameter.name, hint, is_required=is_required))

    def make(**values: Any) -> dict[str, Any]:
        return {**defaults, **values}

    record = RecordShape(name, make, fields, embedded)
    if of_project_too:
        return record.with_field("user", USER_OR_PROJECT)
    return record


@functools.cache
def _returned_items(name: str) -> Any:
    """The type of an item of what the operation returns, or None when it returns no list."""
    hint = _hints(name)["return"]
    return typing.get_args(hint)[0] if typing.get_origin(hint) in (list, Iterator) else None


@functools.cache
def _answer(name: str, parts: tuple[str, ...]) -> Shape:
    hint = _returned_items(name) or _hints(name)["return"]
    if hint is type(None):
        return _Nothing()
    if not parts:
        return shape_of(hint)
    hints = typing.get_args(hint) if len(parts) > 1 else (hint,)
    return _Parts([field_of(part, each, is_required=True) for part, each in zip(parts, hints, strict=True)])


CALLS = {name: (BatchCall if name == "apply" else Call)(name, marks) for name, marks in asked_operations().items()}
"""Every call by the name of its operation."""
