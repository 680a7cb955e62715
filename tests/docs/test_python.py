"""The Python of the README runs as it stands, in order, with answers that litellm makes up."""

from __future__ import annotations

import os
import subprocess
import sys

from support.pages import ROOT, blocks

PRELUDE = """
import functools
import litellm

litellm.completion = functools.partial(litellm.completion, mock_response="Paris.")
messages = [{"role": "user", "content": "Where is the Louvre?"}]
"""

RUN = """
import ast, asyncio, inspect, sys

names = {}
for block in sys.stdin.read().split("\\0"):
    code = compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)
    if inspect.iscoroutine(result):
        asyncio.run(result)
"""


def test_the_python_of_the_readme_runs() -> None:
    code = [PRELUDE, *("\n".join(lines) for _, _, lines in blocks(ROOT / "README.md", "python"))]
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input="\0".join(code),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "USD are left" in done.stdout
