"""The program: its commands by name, of which only the one that is asked for is imported."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from budgetctl import __version__
from budgetctl.cli.session import (
    SHARED_OPTIONS,
    FormatOption,
    JsonOption,
    NoColorOption,
    ProjectOption,
    QuietOption,
    StoreOption,
    WaitOption,
    command,
)

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Budgets": {
        "create": ("create", "Create a user's budget."),
        "show": ("show", "Show a budget and what is left of it."),
        "list": ("list_budgets", "List the budgets of the project."),
        "set": ("set_budget", "Change a budget's amount or duration."),
        "delete": ("delete", "Delete a budget; its history stays."),
    },
    "Spending": {
        "update-cost": ("update_cost", "Charge a user for a response, a text, or an amount."),
        "estimate": ("estimate", "Say what a call would cost; nothing is recorded."),
        "history": ("history", "List a user's ledger entries."),
    },
    "Resets": {
        "reset": ("reset", "Start again from nothing spent."),
        "reset-due": ("reset_due", "Reset everybody whose window has passed (for cron)."),
    },
    "Set-up": {
        "projects": ("projects", "List the projects that have a store."),
        "migrate": ("migrate", "Take over litellm's user_cost.json."),
        "completion": ("completion", "Complete commands and options in a shell."),
    },
}
"""Heading of the help → command → module in `budgetctl.cli.commands`, and the command's line in the help.

The module holds a function, or a dictionary of sub-commands, of its own name.
"""

ALIASES = {
    "list-users": "list",
    "users": "list",
    "ls": "list",
    "update": "update-cost",
    "rm": "delete",
    "projected-cost": "estimate",
    "total-budget": "budget",
    "amount": "budget",
    "response-file": "response",
    "response-json": "response",
    "file": "response",
}
"""What people type first, for commands and (without the dashes) options. They work, and no help shows them."""

_EXAMPLES = """\
$ budgetctl create alice --budget 10 --duration monthly
$ budgetctl update-cost alice --response response.json
$ budgetctl show alice

"""

_SETTINGS: dict[str, Any] = {
    "context_settings": {
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": lambda token: ALIASES.get(token, token),
        "max_content_width": 100,
    },
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
}


class Command(TyperCommand):
    """A command whose help begins with examples: the lines of its docstring that start with `$`."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, then the help."""
        lines = (self.help or "").splitlines()
        formatter.write("\n".join(line for line in lines if line.startswith("$ ")) + "\n\n")
        self.help = "\n".join(line for line in lines if not line.startswith("$ "))
        super().format_help(ctx, formatter)


class Program(TyperGroup):
    """The group of all commands, which are found in the table and imported when they are needed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        modules = {name: entry for section in COMMANDS.values() for name, entry in section.items()}
        self.commands = dict.fromkeys(modules)  # type: ignore[assignment]  # for suggestions, by name
        self._modules = {name: module for name, (module, _) in modules.items()}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order of the help."""
        return list(self._modules)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import the command. None for one that does not exist."""
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        target = getattr(importlib.import_module(f"budgetctl.cli.commands.{module}"), module)
        return _group(cmd_name, target) if isinstance(target, dict) else _command(cmd_name, target)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write examples, then the help."""
        formatter.write(_EXAMPLES)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the commands under their headings, from the table: nothing is imported for it."""
        width = max(map(len, self._modules))
        for heading, section in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), line) for name, (_, line) in section.items()])


def _command(name: str, function: Callable[..., Any]) -> Any:
    """The parser of one command."""
    app = typer.Typer(**_SETTINGS)
    app.command(name, cls=Command)(command(function))
    return typer.main.get_command(app)


def _group(name: str, functions: dict[str, Callable[..., Any]]) -> Any:
    """The parser of a command that has commands of its own."""
    app = typer.Typer(name=name, no_args_is_help=True, **_SETTINGS)
    app.callback()(lambda: None)
    for sub_name, function in functions.items():
        app.command(sub_name, cls=Command)(command(function))
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"budgetctl {__version__}")
        raise typer.Exit


def root_command() -> Any:
    """The whole program."""
    app = typer.Typer(cls=Program, invoke_without_command=True, **_SETTINGS)
    app.callback()(_root)
    return typer.main.get_command(app)


def _root(
    context: typer.Context,
    project: ProjectOption = None,
    store: StoreOption = None,
    format: FormatOption = None,  # noqa: A002
    json: JsonOption = False,
    quiet: QuietOption = False,
    no_color: NoColorOption = False,
    wait: WaitOption = None,
    version: Annotated[  # noqa: ARG001  # eager: the callback has answered it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep people, agents and scripts that call LLM APIs inside a budget."""
    given = (project, store, format, json, quiet, no_color, wait)
    context.obj = dict(zip(SHARED_OPTIONS, given, strict=True))
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
