"""Completions for a shell beside commands and options, as Typer asks for them: `lookups` has the names."""

from __future__ import annotations

from collections.abc import Callable

import typer

from budgetctl.cli.lookups import look_up

Completer = Callable[[typer.Context, str], list[tuple[str, str]]]


def _completer(what: str) -> Completer:
    def complete(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        return look_up(what, context.find_root().params, context.params, incomplete)

    complete.__name__ = what
    return complete


users = _completer("users")
projects = _completer("projects")
holds = _completer("holds")
token_names = _completer("token_names")
models = _completer("models")
durations = _completer("durations")
