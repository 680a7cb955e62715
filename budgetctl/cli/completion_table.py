"""The table of words that are looked up, made of Typer's description.

`python -m budgetctl.cli.completion_table` writes it. For each command it has the arguments, by the kind of names that
complete them, and the options: null for a flag, else the parameter and the kind. The kind is empty where nothing is
looked up. Commands that run programs are left out.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from budgetctl.cli import PROGRAM
from budgetctl.cli.app import root_command
from budgetctl.cli.quick_completing import TABLE


def text() -> str:
    """The table as JSON, a command to a line."""
    lines = (f"{json.dumps(path)}: {json.dumps(_entry(command, context))}" for path, command, context in _commands())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _commands() -> Iterator[tuple[str, Any, Any]]:
    program = root_command()
    root = program.make_context(PROGRAM, [], resilient_parsing=True)
    yield "", program, root
    for name in program.list_commands(root):
        command = program.get_command(root, name)
        if getattr(command, "least_failure", 0):
            continue
        context = command.make_context(name, [], parent=root, resilient_parsing=True)
        yield name, command, context
        for sub_name, sub_command in getattr(command, "commands", {}).items():
            sub_context = sub_command.make_context(sub_name, [], parent=context, resilient_parsing=True)
            yield f"{name} {sub_name}", sub_command, sub_context


def _entry(command: Any, context: Any) -> dict[str, Any]:
    described = inspect.signature(command.callback, eval_str=True).parameters
    arguments: list[str] = []
    options: dict[str, list[str] | None] = {}
    for param in command.get_params(context):
        what = "" if param.name not in described else _completer(described[param.name].annotation)
        if param.param_type_name == "argument":
            arguments.append(what if param.nargs == 1 else "")
            continue
        for option in (*param.opts, *param.secondary_opts):
            options[option] = None if param.is_flag else [param.name, what]
    return {"arguments": arguments, "options": dict(sorted(options.items()))}


def _completer(annotation: Any) -> str:
    """The kind of names by which Typer completes a parameter."""
    for each in getattr(annotation, "__metadata__", ()):
        complete = getattr(each, "autocompletion", None)
        if complete is not None:
            return str(complete.__name__)
    return ""


if __name__ == "__main__":
    Path(TABLE).write_text(text(), "utf-8")
