"""Results on stdout: JSON, JSON lines, CSV, or text for a person, on a terminal and in a pipe."""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from budgetctl.money import Picodollars, to_text

Format = Literal["table", "json", "jsonl", "csv"]
Document = Mapping[str, Any]

_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff"
    # What has no look of its own makes a name seem another: it turns the order of letters, or hides among them.
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"

_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
"""How formulas begin, also in the wide and small forms that a spreadsheet takes for the same."""

_CELL = re.compile(rf"(^|;)([\s'\"]*)(?=[{_FORMULA}])")
_CELL_IN_JSON = re.compile(rf"(;[\s'\"\\]*)([{_FORMULA}])")
_TABLE_PAGE = 1_000


def printable(text: str) -> str:
    """The text without characters that would act on a terminal, or hide: names come from files and responses too."""
    return _without_acting(text, lambda _: "\N{REPLACEMENT CHARACTER}")


def _without_acting(text: str, instead: Callable[[str], str]) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _ACTING.sub(lambda found: found[0] if _joins(found) else instead(found[0]), text)


def _joins(found: re.Match[str]) -> bool:
    """Whether it stands among letters or pictures that are written with it: in ASCII nothing is."""
    before, after = found.string[found.start() - 1 : found.start()], found.string[found.end() : found.end() + 1]
    return found[0] in _JOINERS and before > "\x7f" and after > "\x7f"


def dumps(value: Any, indent: str | None = None) -> str:
    """JSON in which amounts are numbers that print exactly: `json` itself would pass them through a float."""
    if isinstance(value, Picodollars):
        return to_text(value)
    if isinstance(value, Mapping):
        items = [f"{dumps(str(key))}: {dumps(item, _deeper(indent))}" for key, item in value.items()]
        return _enclose("{}", items, indent)
    if isinstance(value, (list, tuple)):
        return _enclose("[]", [dumps(item, _deeper(indent)) for item in value], indent)
    # `json` leaves some as they are, though a terminal acts on them or no encoding has them.
    return _without_acting(json.dumps(value, ensure_ascii=False), lambda character: json.dumps(character)[1:-1])


def _deeper(indent: str | None) -> str | None:
    return None if indent is None else indent + "  "


def _enclose(brackets: str, items: list[str], indent: str | None) -> str:
    if indent is None or not items:
        return brackets[0] + ", ".join(items) + brackets[1]
    inner = f",\n{indent}  ".join(items)
    return f"{brackets[0]}\n{indent}  {inner}\n{indent}{brackets[1]}"


class Column(NamedTuple):
    """A column of a table: its heading and the text of a document's cell.

    A number is aligned to the right. A name may be cut where the terminal is too narrow; nothing else is.
    """

    heading: str
    text: Callable[[Document], str]
    is_number: bool = False
    is_name: bool = False
    style: Callable[[Document], str] | None = None


class Output(NamedTuple):
    """Where results go, in the format that was asked for."""

    format: Format
    quiet: bool
    color: bool

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads along."""
        return self.format == "table" and sys.stdout.isatty()

    def document(self, document: Document, text: Callable[[], str | None]) -> None:
        """One result: the document, or what `text` says of it (or draws itself, and returns None)."""
        if self.format == "json":
            self._write(dumps(document, ""))
        elif self.format == "jsonl":
            self._write(dumps(document))
        elif self.format == "csv":
            self._csv([document], tuple(document))
        elif not self.quiet:
            line = text()
            if line is not None:
                self._write("\n".join(printable(part) for part in line.split("\n")))

    def documents(self, documents: Iterable[Document], columns: Sequence[Column], fields: Sequence[str]) -> int:
        """Many results, one after the other, and how many there were. `fields` are their keys, for CSV."""
        counted = _Counted(documents)
        if self.format == "json":
            self._json_array(counted)
        elif self.format == "jsonl":
            for document in counted:
                self._write(dumps(document))
        elif self.format == "csv":
            self._csv(counted, fields)
        elif self.quiet:
            for _ in counted:
                pass
        elif self.is_terminal:
            from budgetctl.cli.drawing import draw_table

            draw_table(_pages(counted), columns, color=self.color)
        else:
            for number, page in enumerate(_pages(counted)):
                self._plain_table(page, columns, with_heading=number == 0)
        return counted.count

    def names(self, documents: Iterable[Document], field: str) -> None:
        """One field of each, a line each."""
        for document in documents:
            self._write(printable(str(document[field])))

    def _json_array(self, documents: Iterable[Document]) -> None:
        separator = "[\n  "
        for document in documents:
            sys.stdout.write(separator + dumps(document, "  "))
            separator = ",\n  "
        self._write("[]" if separator[0] == "[" else "\n]")

    def _csv(self, documents: Iterable[Document], fields: Sequence[str]) -> None:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(fields)
        for document in documents:
            writer.writerow([_csv_cell(document.get(field)) for field in fields])

    def _plain_table(self, page: Sequence[Document], columns: Sequence[Column], *, with_heading: bool) -> None:
        rows = [[column.heading for column in columns]]
        rows += [[printable(column.text(document)) for column in columns] for document in page]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        for row in rows if with_heading else rows[1:]:
            cells = [
                cell.rjust(width) if column.is_number else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            self._write("  ".join(cells).rstrip())

    def _write(self, line: str) -> None:
        sys.stdout.write(line + "\n")


class _Counted:
    """Counts what passes through."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents
        self.count = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.count += 1
            yield document


def _pages(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Lists of documents, so that a table's columns fit without reading everything first."""
    iterator = iter(documents)
    while page := list(itertools.islice(iterator, _TABLE_PAGE)):
        yield page


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Picodollars):
        return to_text(value)
    # A spreadsheet runs a cell that begins like a formula; where numbers have commas, a semicolon begins a cell.
    if isinstance(value, str):
        return _CELL.sub(r"\1'\2", printable(value))
    return _CELL_IN_JSON.sub(lambda found: f"{found[1]}\\u{ord(found[2]):04x}", dumps(value))
