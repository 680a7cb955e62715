"""Shapes of records in JSON: of named tuples, and of the parameters of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from budgetctl.errors import InvalidValueError
from budgetctl.wire.shapes import Shape, refused


def _getter(kind: Callable[..., Callable[[Any], Any]], names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that gets all of the names as a tuple. `attrgetter` and `itemgetter` return none for one name."""
    if len(names) > 1:
        return kind(*names)
    return lambda value: tuple(kind(name)(value) for name in names)


class Field(NamedTuple):
    """A field of a record: its attribute, its name in JSON, its shape, and whether it may be left away."""

    attribute: str
    name: str
    shape: Shape
    is_required: bool


class RecordShape(Shape):
    """Named values: the fields of a named tuple, or the parameters of a method.

    `embedded` are records whose fields stand among the record's own.
    """

    def __init__(
        self, title: str, make: Callable[..., Any], fields: Sequence[Field], embedded: Mapping[str, RecordShape]
    ) -> None:
        self.title = title
        self.fields = fields
        self._make = make
        self._embedded = embedded
        self.field_names: frozenset[str] = frozenset(field.name for field in self.all_fields())
        # Most fields are plain: not to call anything for them takes a third of the time.
        self._names = [field.name for field in fields]
        self._attributes = _getter(attrgetter, [field.attribute for field in fields])
        self._items = _getter(itemgetter, self._names)
        self._written = [(field.name, field.shape.write) for field in fields if not field.shape.is_plain]
        self._read = [(place, field) for place, field in enumerate(fields) if field.shape.kinds is None]
        self._kinds = [field.shape.kinds for field in fields]
        self._is_tuple = isinstance(make, type) and not embedded

    def write(self, value: Any) -> dict[str, Any]:
        """The document of a named tuple, or of another object that has the fields as attributes."""
        document = dict(zip(self._names, self._attributes(value), strict=True))
        for name, write in self._written:
            found = document[name]
            if found is not None:  # which is its own document
                document[name] = write(found)
        for attribute, record in self._embedded.items():
            document |= record.write(getattr(value, attribute))
        return document

    def write_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The document of those fields that have a value here, by attribute."""
        document = {
            each.name: each.shape.write(values[each.attribute]) for each in self.fields if each.attribute in values
        }
        for attribute, record in self._embedded.items():
            if values.get(attribute) is not None:
                document |= record.write(values[attribute])
        return document

    def read_values(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The values that `write_values` has written, of the record's own fields."""
        return {
            each.attribute: each.shape.read(document[each.name], each.name, strict=False)
            for each in self.fields
            if each.name in document
        }

    def read(self, document: Any, where: str, *, strict: bool) -> Any:
        """The named tuple."""
        if not strict and self._is_tuple:
            found = self._answered(document)
            if found is not None:
                return found
        return self._make(**self.values(document, where, strict=strict))

    def _answered(self, document: Any) -> Any:
        """The named tuple of a server's answer, or None for an answer that has to be read field by field."""
        try:
            values = list(self._items(document))
        except (KeyError, TypeError):
            return None
        for value, kinds in zip(values, self._kinds, strict=True):
            if kinds is not None and value.__class__ not in kinds:
                return None
        for place, field in self._read:
            values[place] = field.shape.read(values[place], field.name, strict=False)
        return self._make(*values)

    def values(self, document: Any, where: str, *, strict: bool) -> dict[str, Any]:
        """The values of a document's fields, by attribute. Fields that are left away are left to their defaults."""
        if not isinstance(document, dict):
            raise refused(where, "an object", document)
        if strict and not document.keys() <= self.field_names:
            unknown = sorted(document.keys() - self.field_names)[0]
            raise InvalidValueError(
                f"{where} has an unknown field {unknown!r:.80}", hint=f"known are {', '.join(sorted(self.field_names))}"
            )
        return self._values(document, where, strict=strict)

    def _values(self, document: dict[str, Any], where: str, *, strict: bool) -> dict[str, Any]:
        values = {}
        for attribute, name, shape, is_required in self.fields:
            if name in document:
                values[attribute] = shape.read(document[name], f"{where}.{name}" if strict else name, strict=strict)
            elif is_required:
                raise InvalidValueError(f"{where} lacks the field {name!r}")
        for attribute, record in self._embedded.items():
            values[attribute] = record._make(**record._values(document, where, strict=strict))
        return values

    def without(self, **fixed: Any) -> RecordShape:
        """The record without these fields, which are always the same."""

        def make(**values: Any) -> Any:
            return self._make(**values, **fixed)

        fields = [each for each in self.fields if each.attribute not in fixed]
        return RecordShape(self.title, make, fields, self._embedded)

    def with_field(self, attribute: str, shape: Shape) -> RecordShape:
        """The record with another shape for one of its fields."""
        fields = [each._replace(shape=shape) if each.attribute == attribute else each for each in self.fields]
        return RecordShape(self.title, self._make, fields, self._embedded)

    def all_fields(self) -> Iterator[Field]:
        """The record's fields, and those of the records among them."""
        yield from self.fields
        for record in self._embedded.values():
            yield from record.all_fields()

    def schema(self) -> dict[str, Any]:
        """The properties."""
        return {
            "type": "object",
            "properties": {field.name: field.shape.schema() for field in self.all_fields()},
            "required": [field.name for field in self.all_fields() if field.is_required],
            "additionalProperties": False,
        }
