"""What the tests of the documentation share: a shell as a newcomer has it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.outages import free_port
from support.pages import ROOT, Command, Shell, blocks
from support.postgres import new_database, programs

CURL = f"""#!{sys.executable}
import pathlib, random, string, sys
out = pathlib.Path(sys.argv[sys.argv.index("-o") + 1]) if "-o" in sys.argv else None
answer = pathlib.Path("{ROOT}/examples/openai-chat.json").read_text()
new = "".join(random.choices(string.ascii_letters + string.digits, k=29))
answer = answer.replace("CeR4pVtJ2mQx8sZbW1nKd5uYh0aLf", new)
out.write_text(answer) if out else print(answer, end="")
"""
"""A provider that answers at once, each call under an id of its own: nothing of a test leaves the machine."""

JQ = f"""#!{sys.executable}
import decimal, json, re, sys
value = json.load(sys.stdin, parse_float=decimal.Decimal)
for name, place in re.findall(r"\\.([a-z_]+)|\\[(-?[0-9]+)\\]", sys.argv[-1]):
    value = value[name or int(place)]
print(value)
"""
"""As much of jq as the pages need, as not every machine has it."""

Open = Callable[[], Shell]


@pytest.fixture
def new_shell(tmp_path: Path) -> Iterator[Open]:
    """Opens a shell as a newcomer has it: an empty home, the examples, budgetctl installed, its first line typed."""
    with ExitStack() as stack:
        database, restored = stack.enter_context(new_database()), stack.enter_context(new_database())
        tools = tmp_path / "tools"
        tools.mkdir()
        for name, source in (("curl", CURL), ("jq", JQ)):
            (tools / name).write_text(source)
            (tools / name).chmod(0o755)
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
    heading, line, lines = next(blocks(ROOT / "README.md", "sh"))
    words = " ".join(lines).replace(".venv/bin/", "").split(" && ")
    return [Command(heading, line, each, []) for each in words if each.startswith("budgetctl ")]
