"""The installed litellm: its place, its version, and whether a program that has imported it has left it unchanged."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

_REPLACEABLE = (
    ("litellm", "completion_cost cost_per_token get_model_info get_llm_provider token_counter"),
    ("litellm.cost_calculator", "completion_cost cost_per_token batch_cost_calculator generic_cost_per_token"),
    ("litellm.litellm_core_utils.llm_cost_calc.utils", "generic_cost_per_token get_model_info"),
    ("litellm.utils", "get_model_info get_llm_provider token_counter"),
)
"""Functions of litellm that programs replace."""


@functools.cache
def directory() -> Path | None:
    """The directory of the litellm that an import would find."""
    from importlib.util import find_spec

    try:
        spec = find_spec("litellm")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def version_of(package: Path) -> str | None:
    """The version of an installed package.

    It is read from the name of the directory that installers write beside the package, as importlib.metadata takes long
    to import.
    """
    found = [name.partition("-")[2] for name in (path.stem for path in package.parent.glob("litellm-*.dist-info"))]
    return found[0] if len(found) == 1 else None


def is_plain(litellm: Any) -> bool:
    """Whether the functions that price are those in the files of the installed litellm."""
    package = directory()
    if package is None or os.path.dirname(litellm.__file__ or "") != str(package):  # noqa: PTH120 - at each price
        return False
    modules = ((sys.modules.get(module), names) for module, names in _NAMES)
    return _are_of(str(package), tuple(getattr(module, name, None) for module, names in modules for name in names))


_NAMES = tuple((module, tuple(names.split())) for module, names in _REPLACEABLE)


@functools.lru_cache(maxsize=4)
def _are_of(package: str, functions: tuple[Any, ...]) -> bool:
    """Whether functions are defined in files of the package, or are not defined at all, as versions lack some."""
    codes = [getattr(function, "__code__", None) for function in functions if function is not None]
    return all(code is not None and code.co_filename.startswith(package) for code in codes)
