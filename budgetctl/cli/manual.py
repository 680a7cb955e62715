"""The manual pages: `python -m budgetctl.cli.manual docs/man` writes one for each command, from the help of each."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from budgetctl.cli import PROGRAM
from budgetctl.cli.app import EXIT_CODES, is_shared, root_command
from budgetctl.cli.parameters import examples


def pages() -> Iterator[tuple[str, str]]:
    """The name of each page's file, and its text in roff."""
    program = root_command()
    root = program.make_context(PROGRAM, [], resilient_parsing=True)
    names = program.list_commands(root)
    yield f"{PROGRAM}.1", _program_page(program, root, names)
    for name in names:
        command = program.get_command(root, name)
        context = command.make_context(name, [], parent=root, resilient_parsing=True)
        below = getattr(command, "commands", {})
        yield _file(name), _command_page(command, context, [f"{name}-{each}" for each in below])
        for sub_name, sub_command in below.items():
            sub_context = sub_command.make_context(sub_name, [], parent=context, resilient_parsing=True)
            yield _file(f"{name}-{sub_name}"), _command_page(sub_command, sub_context, [name])


def _file(name: str) -> str:
    return f"{PROGRAM}-{name}.1"


def _program_page(program: Any, context: Any, names: Iterable[str]) -> str:
    commands = ((f"{PROGRAM}-{name}(1)", program.get_command(context, name).get_short_help_str(200)) for name in names)
    return "".join(
        [
            _head(PROGRAM, program.help),
            _section("SYNOPSIS", [f".B {PROGRAM}", r"[OPTIONS] COMMAND [ARGS]..."]),
            _definitions("OPTIONS", _records(program, context, "option")),
            _definitions("COMMANDS", commands),
            _definitions("EXIT STATUS", EXIT_CODES.items()),
        ]
    )


def _command_page(command: Any, context: Any, related: Iterable[str]) -> str:
    text = command.help or ""
    first, _, rest = text.partition("\n\n")
    paragraphs = [line for line in rest.splitlines() if not line.strip().startswith("$ ")]
    lines = [f"$ {line}" for line in examples(text)]
    usage = " ".join(command.collect_usage_pieces(context))
    also = [f"{PROGRAM}(1)", *(f"{PROGRAM}-{name}(1)" for name in related)]
    return "".join(
        [
            _head(context.command_path.replace(" ", "-"), first),
            _section("SYNOPSIS", [f".B {_plain(context.command_path)}", _plain(usage)]),
            _section("DESCRIPTION", [_plain(" ".join(first.split())), *_paragraphs("\n".join(paragraphs))]),
            _definitions("ARGUMENTS", _records(command, context, "argument")),
            _definitions("OPTIONS", _records(command, context, "option")),
            _section("EXAMPLES", [".nf", *map(_plain, lines), ".fi"] if lines else []),
            _section("SEE ALSO", [_plain(", ".join(also))]),
        ]
    )


def _head(name: str, summary: str) -> str:
    line = " ".join(summary.split("\n\n", maxsplit=1)[0].split()).rstrip(".")
    return f'.TH {name.upper()} 1 "" "{PROGRAM}" "{PROGRAM} manual"\n' + _section(
        "NAME", [rf"{_plain(name)} \- {_plain(line)}"]
    )


def _records(command: Any, context: Any, kind: str) -> list[tuple[str, str]]:
    own = [param for param in command.get_params(context) if context.parent is None or not is_shared(param)]
    params = [param for param in own if param.param_type_name == kind]
    return [record for record in (param.get_help_record(context) for param in params) if record is not None]


def _definitions(heading: str, records: Iterable[tuple[str, str]]) -> str:
    lines = [line for term, text in records for line in (".TP", f".B {_plain(term)}", _plain(text))]
    return _section(heading, lines)


def _paragraphs(text: str) -> list[str]:
    found = [" ".join(paragraph.split()) for paragraph in textwrap.dedent(text).split("\n\n")]
    return [line for paragraph in found if paragraph for line in (".PP", _plain(paragraph))]


def _section(heading: str, lines: list[str]) -> str:
    return "\n".join([f".SH {heading}", *lines, ""]) if lines else ""


def _plain(text: str) -> str:
    """The text, none of which is a request to roff."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    escaped = "".join(each if each.isascii() else rf"\[u{ord(each):04X}]" for each in escaped)
    return rf"\&{escaped}" if escaped[:1] in (".", "'") else escaped


def main() -> None:
    """Write all pages into the directory that is named."""
    directory = Path(sys.argv[1])
    for name, text in pages():
        (directory / name).write_text(text)


if __name__ == "__main__":
    main()
