"""The directories of budgetctl, by the platform's convention: on Linux `~/.local/share`, `~/.config`, `~/.cache`."""

from __future__ import annotations

from pathlib import Path


def make_private(directory: Path) -> None:
    """Make a directory, and missing ones above it, readable by its owner alone, whatever the umask allows."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def data_directory() -> Path:
    """The directory that holds a store for each project."""
    import platformdirs

    return platformdirs.user_data_path("budgetctl", appauthor=False)


def config_directory() -> Path:
    """The directory of the user's settings."""
    import platformdirs

    return platformdirs.user_config_path("budgetctl", appauthor=False)


def cache_directory() -> Path:
    """The directory of files that can be made again."""
    import platformdirs

    return platformdirs.user_cache_path("budgetctl", appauthor=False)
