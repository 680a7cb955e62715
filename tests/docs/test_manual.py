"""The manual pages: one for each command, as its help says it, in roff that a reader of it accepts."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from budgetctl.cli.manual import pages
from support.pages import ROOT

DIRECTORY = ROOT / "docs" / "man"
PAGES = dict(pages())


def test_the_files_are_what_the_help_of_the_commands_makes() -> None:
    """`python -m budgetctl.cli.manual docs/man` writes them."""
    assert {path.name: path.read_text() for path in DIRECTORY.iterdir()} == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_the_command_and_how_it_is_used(name: str) -> None:
    command = name.removesuffix(".1").replace("-", r"\-")
    assert f".SH NAME\n{command} \\- " in PAGES[name]
    assert ".SH SYNOPSIS\n.B budgetctl" in PAGES[name]


def test_groff_has_nothing_to_say_about_them() -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff here")
    paths = [str(DIRECTORY / name) for name in PAGES]
    done = subprocess.run([groff, "-ww", "-man", "-Tutf8", "-z", *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
