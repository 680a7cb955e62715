"""The directories of budgetctl, by the platform's convention: on Linux `~/.local/share`, `~/.config`, `~/.cache`."""

from __future__ import annotations

from pathlib import Path


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
