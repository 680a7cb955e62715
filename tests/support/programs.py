"""Programs of this package, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def program(name: str, *arguments: object) -> list[str]:
    """The command line of `support/<name>.py`, which finds this package by `environment`."""
    return [sys.executable, "-m", f"support.{name}", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """The environment of this process with its path of modules, and with more or other variables."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}


def start_program(name: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
    """Start a program that takes its orders by lines, and answers by lines."""
    return subprocess.Popen(
        program(name, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**more),
    )
