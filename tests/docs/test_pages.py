"""The documentation says what the program does: every console on a page is typed into a shell, in order."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.outages import free_port
from support.pages import ROOT, Command, Shell, blocks, commands, is_shown, lasting
from support.postgres import new_database, programs

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
SECTIONS = [(page, heading) for page in PAGES for heading in dict.fromkeys(each.heading for each in commands(page))]

CURL = f"""#!{sys.executable}
import pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1]) if "-o" in sys.argv else None
answer = pathlib.Path("{ROOT}/examples/openai-chat.json").read_text()
out.write_text(answer) if out else print(answer, end="")
"""
"""A provider that answers at once: nothing of a test leaves the machine."""

BEFORE = {"Backup and restore": "budgetctl --store postgresql://budgetctl@db.example/budgets create alice 10"}
"""What a reader has done before a section."""

Open = Callable[[], Shell]


@pytest.fixture
def new_shell(tmp_path: Path) -> Iterator[Open]:
    """Opens a shell as a newcomer has it: an empty home, the examples, budgetctl installed, its first line typed."""
    with ExitStack() as stack:
        database, restored = stack.enter_context(new_database()), stack.enter_context(new_database())
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "curl").write_text(CURL)
        (tools / "curl").chmod(0o755)
        (tmp_path / "backup").mkdir()
        places = {
            "8484": str(free_port()),
            "8485": str(free_port()),
            "postgresql://budgetctl@db.example/budgets": database,
            "postgresql://budgetctl@db.example/restored": restored,
            'database "restored"': f'database "{urlsplit(restored).path[1:]}"',
            "createdb --host=db.example restored": f"psql --quiet --command='SELECT' {restored} >/dev/null",
            "/backup/": f"{tmp_path}/backup/",
        }

        def open_shell() -> Shell:
            home = tmp_path / "newcomer"
            home.mkdir()
            shutil.copytree(ROOT / "examples", home / "examples")
            path = [str(tools), str(Path(sys.executable).parent), programs(), os.environ["PATH"]]
            environment = {
                "HOME": str(home),
                "PATH": os.pathsep.join(filter(None, path)),
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "OPENAI_API_KEY": "sk-none",
                **{name: os.environ[name] for name in ("PYTHONPATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ},
            }
            shell = Shell(home, environment, places)
            stack.callback(shell.close)
            for command in first_minute():
                shell.type(command)
            return shell

        yield open_shell


def first_minute() -> list[Command]:
    """What the first block of the README does once budgetctl is installed."""
    heading, line, lines = next(blocks(README, "sh"))
    words = " ".join(lines).replace(".venv/bin/", "").split(" && ")
    return [Command(heading, line, each, []) for each in words if each.startswith("budgetctl ")]


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


def test_the_readme_shows_what_its_commands_print_from_its_first_line_on(new_shell: Open) -> None:
    assert untrue(new_shell(), commands(README), README) == ""


@pytest.mark.parametrize(("page", "heading"), SECTIONS, ids=lambda value: getattr(value, "stem", value))
def test_a_section_of_a_page_shows_what_its_commands_print(new_shell: Open, page: Path, heading: str) -> None:
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
