"""The documentation says what the program does: every console on a page is typed into a shell, in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.pages import ROOT, Command, Shell, blocks, commands, is_shown, lasting

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
SECTIONS = [(page, heading) for page in PAGES for heading in dict.fromkeys(each.heading for each in commands(page))]

BEFORE = {"Backup and restore": "budgetctl --store postgresql://budgetctl@db.example/budgets create alice 10"}
"""What a reader has done before a section."""


def untrue(shell: Shell, typed: list[Command], page: Path) -> str:
    """What the commands print that the page does not show, and the other way round."""
    wrong = []
    for command in typed:
        printed = lasting(shell.type(command), shell.home)
        shown = lasting("\n".join(command.shown), shell.home)
        if not is_shown(printed, shown):
            lines = [*(f"  prints  {line}" for line in printed), *(f"  shown   {line}" for line in shown)]
            wrong.append("\n".join([f"{page.name}:{command.line}: $ {command.text}", *lines]))
    return "\n\n".join(wrong)


def test_the_readme_shows_what_its_commands_print_from_its_first_line_on(new_shell: Callable[[], Shell]) -> None:
    assert untrue(new_shell(), commands(README), README) == ""


@pytest.mark.parametrize(("page", "heading"), SECTIONS, ids=lambda value: getattr(value, "stem", value))
def test_a_section_of_a_page_shows_what_its_commands_print(
    new_shell: Callable[[], Shell], page: Path, heading: str
) -> None:
    shell = new_shell()
    if heading in BEFORE:
        shell.type(Command(heading, 0, BEFORE[heading], []))
    assert untrue(shell, [each for each in commands(page) if each.heading == heading], page) == ""


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    linked = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    used = re.findall(r"\bexamples/[\w.-]+\w", page.read_text())
    assert [name for name in linked if not (page.parent / name).exists()] == []
    assert [name for name in used if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.stem)
def test_jobs_find_the_program_though_they_have_no_path_of_a_users(page: Path) -> None:
    for _, _, lines in blocks(page, "crontab"):
        has_path = lines[0].startswith("PATH=/")
        jobs = [line.split(maxsplit=5)[5] for line in lines if not line.startswith("PATH=")]
        assert [job for job in jobs if not has_path and not job.startswith(("/", "$HOME/"))] == []
    for _, _, lines in blocks(page, "ini"):
        started = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]
        assert [path for path in started if not path.startswith(("/", "%h/"))] == []


def test_the_script_of_the_readme_is_an_example_that_guards_a_call(new_shell: Callable[[], Shell]) -> None:
    script = "\n".join(next(lines for _, _, lines in blocks(README, "bash")))
    assert f"{script}\n" == (ROOT / "examples" / "guard.sh").read_text()
    shell = new_shell()
    printed = shell.type(Command("", 0, "examples/guard.sh", []))
    assert (shell.code, printed.split(" · ")[0]) == (0, "alice +$0.0039 gpt-4o (1,204 in, 87 out)")
    assert shell.type(Command("", 0, "budgetctl set alice 0.01 --quiet; examples/guard.sh", [])).startswith(
        "error: alice: $0.05 is"
    )
    assert shell.code == 3
