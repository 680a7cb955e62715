"""Results on stdout: as JSON, JSON lines, CSV, or text for a person, on a terminal and in a pipe."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from budgetctl.cli.cells import Column, Document, dumps, printable
from budgetctl.money import Picodollars, to_text

Format = Literal["table", "json", "jsonl", "csv"]

_FORMULA = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
"""The characters with which formulas begin, also in the wide and small forms that a spreadsheet takes for the same."""

_CELL = re.compile(rf"(^|;)([\s'\"]*)(?=[{_FORMULA}])")
_CELL_IN_JSON = re.compile(rf"(;[\s'\"\\]*)([{_FORMULA}])")
_TABLE_PAGE = 1_000


class Output(NamedTuple):
    """The output of results, in the format that was asked for."""

    format: Format
    quiet: bool
    color: bool
    is_paged: bool = True

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal and the format is text, so that a person reads along."""
        return self.format == "table" and sys.stdout.isatty()

    def document(self, document: Document, text: Callable[[], str | None], *, is_needed: bool = False) -> None:
        """One result: the document, or what `text` says of it (or draws itself, and returns None).

        A result that `is_needed`, as an id or a secret that is not to be had again, is printed by a quiet command too.
        """
        if self.format == "json":
            self._write(dumps(document, ""))
        elif self.format == "jsonl":
            self._write(dumps(document))
        elif self.format == "csv":
            self._csv([document], tuple(document))
        elif is_needed or not self.quiet:
            line = text()
            if line is not None:
                self._write("\n".join(printable(part) for part in line.split("\n")))

    def documents(self, documents: Iterable[Document], columns: Sequence[Column], fields: Sequence[str]) -> int:
        """Write results one after the other; returns their number. `fields` are the keys of all documents, for CSV."""
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

            draw_table(_pages(counted), columns, color=self.color, is_paged=self.is_paged)
        else:
            for number, page in enumerate(_pages(counted)):
                self._plain_table(page, columns, with_heading=number == 0)
        return counted.count

    def names(self, documents: Iterable[Document], field: str) -> None:
        """Write one field of each document, a line each."""
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
    """An iterator that counts the items that pass through it."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._documents = documents
        self.count = 0

    def __iter__(self) -> Iterator[Document]:
        for document in self._documents:
            self.count += 1
            yield document


def _pages(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """The documents in pages, so that the columns of a table fit without reading all documents first."""
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
