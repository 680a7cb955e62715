"""Where litellm is installed, without importing it."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.cache
def directory() -> Path | None:
    """Where the litellm is that an import would find."""
    from importlib.util import find_spec

    try:
        spec = find_spec("litellm")
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def version_of(package: Path) -> str | None:
    """The version of an installed package.

    By the name of the directory that installers write beside it, as importlib.metadata takes long to import.
    """
    found = [name.partition("-")[2] for name in (path.stem for path in package.parent.glob("litellm-*.dist-info"))]
    return found[0] if len(found) == 1 else None
