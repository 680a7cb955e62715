"""Answers to a shell that completes a name, without Typer, whose import takes longer than the name does.

A table that is made of Typer's description (`completion_table`) says which words are looked up. All else is left to
Typer: commands, options and their choices, words with quotes, shells that are seldom used, and what it would refuse.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from budgetctl.cli import COMPLETE_VARIABLE

TABLE = Path(__file__).with_name("completions.json")

_SPECIAL = frozenset("\"'\\=")

Names = list[tuple[str, str]]


def answer() -> int | None:
    """Answer the shell and return the exit code. None where Typer has to."""
    shell = os.environ[COMPLETE_VARIABLE].removeprefix("complete_")
    asked = _asked(shell)
    if asked is None:
        return None
    words, incomplete = asked
    wanted = _wanted(words)
    if wanted is None or incomplete.startswith("-"):
        return None
    from budgetctl.cli.lookups import look_up

    names = look_up(*wanted, incomplete)
    if shell == "fish" and os.environ.get("_TYPER_COMPLETE_FISH_ACTION") != "get-args":
        return 0 if names else 1
    sys.stdout.write(_FORMATS[shell](names) + "\n")
    return 0


def _asked(shell: str) -> tuple[list[str], str] | None:
    """The words behind the program's name, and the one that is to be completed."""
    line = os.environ.get("COMP_WORDS" if shell == "bash" else "_TYPER_COMPLETE_ARGS", "")
    if shell not in _FORMATS or not _SPECIAL.isdisjoint(line):
        return None
    words = line.split()
    place = len(words) if line.endswith(" ") else len(words) - 1
    if shell == "bash":
        place = int(os.environ.get("COMP_CWORD", "0"))
    if place < 1:
        return None
    return words[1:place], words[place] if place < len(words) else ""


def _wanted(words: Iterable[str]) -> tuple[str, Mapping[str, Any], Mapping[str, Any]] | None:
    """What is looked up behind these words, and the options before and after the command's name."""
    import json

    table: dict[str, Any] = json.loads(TABLE.read_text("utf-8"))
    path, command, place = "", table[""], 0
    given: list[dict[str, Any]] = [{}, {}]
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            if word not in command["options"]:
                return None
            option = command["options"][word]
            if option is None:
                continue
            name, what = option
            value = next(rest, None)
            if value is None:
                return (what, given[0], given[1]) if what else None
            if value.startswith("-"):
                return None
            given[bool(path)][name] = value
        elif f"{path} {word}".strip() in table:
            path = f"{path} {word}".strip()
            command, place = table[path], 0
        elif command["arguments"]:
            place += 1
        else:
            return None
    arguments = command["arguments"]
    what = arguments[place] if place < len(arguments) else ""
    return (what, given[0], given[1]) if what else None


def _for_zsh(names: Names) -> str:
    def escape(text: str) -> str:
        for character, instead in (('"', '""'), ("'", "''"), ("$", "\\$"), ("`", "\\`"), (":", "\\\\:")):
            text = text.replace(character, instead)
        return f'"{text}"'

    items = "\n".join(escape(name) + (f":{escape(remark)}" if remark else "") for name, remark in names)
    return f"_arguments '*: :(({items}))'" if names else "_files"


def _for_fish(names: Names) -> str:
    return "\n".join(f"{name}\t{remark}" if remark else name for name, remark in names)


def _for_bash(names: Names) -> str:
    return "\n".join(name for name, _ in names)


_FORMATS: dict[str, Callable[[Names], str]] = {"bash": _for_bash, "zsh": _for_zsh, "fish": _for_fish}
"""Shell → the answer as Typer's script for it reads it."""
