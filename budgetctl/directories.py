"""The directories of budgetctl, by the platform's convention: on Linux `~/.local/share`, `~/.config`, `~/.cache`."""

from __future__ import annotations

from pathlib import Path


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for its owner alone: whatever the umask lets others do."""
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
    """The directory that holds what the user has set."""
    import platformdirs

    return platformdirs.user_config_path("budgetctl", appauthor=False)


def cache_directory() -> Path:
    """The directory of what can be worked out again."""
    import platformdirs

    return platformdirs.user_cache_path("budgetctl", appauthor=False)
