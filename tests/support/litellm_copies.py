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
    """Copy litellm to the directory, with another text in one file."""
    spec = importlib.util.spec_from_file_location("benchmark_of_proofs", ROOT / "benchmarks" / "proofs.py")
    benchmark: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    package = installed.directory()
    benchmark.changed_copy(package, name, edit((package / name).read_text()), directory)
    return directory


def unknown(directory: Path) -> Path:
    """Copy litellm so that it has the same prices and another digest, and tells of its import."""
    return changed(directory, "__init__.py", lambda text: text + TELLING)


def environment(litellm: Path, told: Path) -> dict[str, str]:
    """The environment in which a process finds that litellm; the file `told` is made by its import."""
    return {"PYTHONPATH": os.pathsep.join([str(litellm), str(ROOT)]), "IMPORTS_OF_LITELLM": str(told)}
