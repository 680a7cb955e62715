"""Copies of the installed litellm with another text in one file, made as benchmarks/proofs.py makes them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from budgetctl.pricing.litellm import installed
from support.places import ROOT

TELLING = """
with open(__import__("os").environ.get("IMPORTS_OF_LITELLM", "/dev/null"), "a") as _file:
    _file.write("1")
"""


def changed(directory: Path, name: str, edit: Callable[[str], str]) -> Path:
    """Make a litellm in the directory that differs from the installed one in one file."""
    spec = importlib.util.spec_from_file_location("benchmark_of_proofs", ROOT / "benchmarks" / "proofs.py")
    benchmark: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    package = installed.directory()
    benchmark.changed_copy(package, name, edit((package / name).read_text()), directory)
    return directory


def unknown(directory: Path) -> Path:
    """Make one that prices as the installed one does, has another digest, and tells when it is imported."""
    return changed(directory, "__init__.py", lambda text: text + TELLING)


def environment(litellm: Path, told: Path) -> dict[str, str]:
    """What a process needs to find that litellm; `told` is there when it has been imported."""
    return {"PYTHONPATH": os.pathsep.join([str(litellm), str(ROOT)]), "IMPORTS_OF_LITELLM": str(told)}
