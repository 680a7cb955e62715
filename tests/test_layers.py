"""The rooms of the house stand above one another: imports point down, those in functions and for types included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "budgetctl"

ROOMS = ["cli", "server", "integrations", "manager", "stores", "wire", "pricing", "ledger", "files"]
"""From the top down. A room imports those below it."""

GROUND = {"periods", "names", "money", "errors", "directories", "environment", "bounded_http"}
"""Modules below all rooms."""

VALUES = {("errors", "budgetctl.ledger"), ("periods", "budgetctl.ledger")}
"""Which of these name values of the ledger, in types alone."""

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem in GROUND)


def imported(path: Path) -> Iterator[str]:
    """The modules of budgetctl that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("budgetctl."))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("budgetctl."):
            yield node.module


def room(module: str) -> str:
    """The room that a module is in, or the module itself."""
    return module.split(".")[1]


def level(name: str) -> int:
    """How far down a room is."""
    return len(ROOMS) if name in GROUND else ROOMS.index(name)


def test_every_folder_is_a_room_and_every_other_module_on_the_ground_or_the_entrance() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*GROUND, "__init__", "__main__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    up = {
        module
        for module in imported(path)
        if level(room(module)) < level(own) and (own, ".".join(module.split(".")[:2])) not in VALUES
    }
    assert not up


KNOT = {"budgetctl.errors", "budgetctl.money", "budgetctl.ledger.values", "budgetctl.ledger.holds"}
"""Errors carry amounts, amounts raise errors, values have both: for types, or inside functions."""


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {name_of(path): path for path in PACKAGE.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        needed = {"the knot" if each in KNOT else each for each in imported_modules(path, modules)}
        around = {package for package in needed if f"{module}.".startswith(f"{package}.")}  # for a constant of theirs
        graph.setdefault("the knot" if module in KNOT else module, set()).update(needed - around)
    graph["the knot"].remove("the knot")
    TopologicalSorter(graph).prepare()  # whose error names the circle


def imported_modules(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules that a file imports, where `from package import module` is that module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
