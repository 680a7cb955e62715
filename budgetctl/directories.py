"""The directories of budgetctl, by the platform's convention: `~/.local/share` and `~/.config` on Linux."""

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
