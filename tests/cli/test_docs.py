"""Every command is in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from budgetctl.cli.app import COMMANDS, root_command

ROOT = Path(__file__).parents[2]
DOCS = "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))


def commands() -> list[str]:
    """All commands, and those that they have, as `prices set`."""
    program = root_command()
    names = [name for section in COMMANDS.values() for name in section]
    below = {name: getattr(program.get_command(None, name), "commands", {}) for name in names}
    return [*names, *(f"{name} {each}" for name in names for each in below[name])]


@pytest.mark.parametrize("command", commands())
def test_every_command_is_named_in_the_docs(command: str) -> None:
    assert re.search(rf"(?:\bbudgetctl (?:--\S+ \S+ )*|`){command}(?![\w-])", DOCS)
