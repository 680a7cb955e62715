"""The program: the table of its commands, of which only the one that is run is imported."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from budgetctl import __version__
from budgetctl.cli import COMPLETE_VARIABLE
from budgetctl.cli.options import (
    SHARED_OPTIONS,
    FormatOption,
    JsonOption,
    NoColorOption,
    NoPagerOption,
    ProjectOption,
    QuietOption,
    StoreOption,
    WaitOption,
)
from budgetctl.cli.parameters import USER_OPTION, command, examples
from budgetctl.cli.typer_internals import NoSuchOption, UsageError, WrapperParser, know_shells
from budgetctl.errors import InvalidValueError
from budgetctl.money import parse_amount

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Budgets": {
        "create": ("create", "Create a user's budget."),
        "show": ("show", "Show a budget and what is left of it."),
        "list": ("list_budgets", "List the budgets of the project."),
        "set": ("set_budget", "Change a budget's amount or duration."),
        "delete": ("delete", "Delete a budget; its history stays."),
        "limit": ("limit", "Give a user more limits: by day, by model."),
        "top-up": ("top_up", "Give extra money for the current window."),
        "cap": ("cap", "Set a budget for the whole project."),
    },
    "Guarding calls": {
        "run": ("run", "Run a command inside a budget."),
        "check": ("check", "Say whether a cost would be allowed now."),
        "reserve": ("reserve", "Set money aside before a call."),
        "commit": ("commit", "Record what the call did cost."),
        "release": ("release", "Let go of what was set aside."),
        "holds": ("holds", "List what is set aside."),
    },
    "Spending": {
        "update-cost": ("update_cost", "Charge a user for a response, a text, or an amount."),
        "estimate": ("estimate", "Say what a call would cost; nothing is recorded."),
        "reprice": ("reprice", "Correct charges that were made at a wrong price, or at none."),
        "refund": ("refund", "Take back what an entry cost."),
        "history": ("history", "List a user's ledger entries."),
    },
    "Resets and warnings": {
        "warn": ("warn", "List who is past a threshold (for cron)."),
        "reset": ("reset", "Start again from nothing spent."),
        "reset-due": ("reset_due", "Reset everybody whose window has passed (for cron)."),
    },
    "Server": {
        "serve": ("serve", "Serve the budgets here to other machines."),
        "token": ("token", "Make and revoke the tokens that clients need."),
    },
    "Set-up": {
        "prices": ("prices", "Show and set what models cost."),
        "verify": ("verify", "Check the file, and that all counters are the sums of their entries."),
        "backup": ("backup", "Copy a project's budgets to a file, while others use them."),
        "restore": ("restore", "Put a backup in the place of what is there."),
        "projects": ("projects", "List the projects that have a store."),
        "upgrade": ("upgrade", "Bring a PostgreSQL database up to date."),
        "migrate": ("migrate", "Take over litellm's user_cost.json."),
        "completion": ("completion", "Complete commands and options in a shell."),
        "help": ("help_of", "Show the help of a command."),
    },
}
"""Heading of the help → command → module in `budgetctl.cli.commands`, and the command's line in the help.

The module holds a function, or a dictionary of sub-commands, of the module's name.
"""

_MODULES = {name: module for section in COMMANDS.values() for name, (module, _) in section.items()}
_LINES = {name: line for section in COMMANDS.values() for name, (_, line) in section.items()}

_WRAPPERS = frozenset({"run"})
"""The commands that run another program."""

ALIASES = {
    "list-users": "list",
    "users": "list",
    "ls": "list",
    "update": "update-cost",
    "rm": "delete",
    "projected-cost": "estimate",
    "total-budget": "budget",
    "response-file": "response",
    "response-json": "response",
    "file": "response",
}
"""Names that people try first, of commands and (without the dashes) of options. They work, and no help shows them."""

_NEGATIVE = r"-[\d.$].*"
"""What looks like an option and is an amount."""

_OF_EVERY_COMMAND = "Options of every command, such as --project and --json: budgetctl --help"

_EXAMPLES = (
    "budgetctl create alice --budget 10 --duration monthly",
    "budgetctl update-cost alice 0.12",
    "budgetctl show alice",
)

EXIT_CODES = {
    "0": "done",
    "1": "failed, or done in part: documents were skipped",
    "2": "the command line, or a value in it, is not right",
    "3": "denied: a limit does not allow it",
    "4": "no such user, hold or project",
    "5": "the store or server cannot be reached, or is busy: try again",
    "6": "nobody knows what the call costs; nothing was recorded",
    "7": "the server does not know the token, or does not allow this",
    "130": "interrupted",
}

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
        _write_examples(formatter, examples(self.help))
        self.help = "\n".join(line for line in (self.help or "").splitlines() if not line.startswith("$ "))
        super().format_help(ctx, formatter)

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        known = {name.removeprefix("--") for param in self.params for name in param.opts}
        aliases = {alias: name for alias, name in ALIASES.items() if name in known}
        self.context_settings = {
            **self.context_settings,
            "token_normalize_func": lambda token: aliases.get(token, token),
        }

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse. Errors name what was typed, and of which command they are, neither of which Typer always says."""
        words = list(args)  # which the parser uses up
        try:
            return super().parse_args(ctx, args)
        except UsageError as error:
            negative = next((word for word in words if re.fullmatch(_NEGATIVE, word)), None)
            if negative is not None and isinstance(error, NoSuchOption):
                _refuse_negative(ctx, negative)
            typed = {word.partition("=")[0].removeprefix("--") for word in words if word.startswith("--")}
            for alias, name in ALIASES.items():
                if alias in typed and name not in typed:
                    error.message = error.message.replace(f"--{name}", f"--{alias}")
            error.ctx = ctx
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`[OPTIONS] USER [AMOUNT]`: the metavar of an argument shows whether it may be left out."""
        return ["[OPTIONS]", *(str(param.metavar) for param in self.get_params(ctx) if _heading(param) == "Arguments")]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the command's own options, and where those of every command are."""
        for heading in ("Arguments", "Options"):
            params = [param for param in self.get_params(ctx) if _heading(param) == heading]
            _write_list(formatter, heading, filter(None, (param.get_help_record(ctx) for param in params)))
        formatter.write(f"\n{_OF_EVERY_COMMAND}\n")


def _refuse_negative(ctx: Any, text: str) -> None:
    """Raise what is wrong with an amount below zero, which to the parser looked like an option."""
    try:
        parse_amount(text)
    except InvalidValueError as error:
        error.hint = f"{ctx.command_path} --help"
        raise


class Wrapper(Command):
    """A command that runs another program, whose command line follows the user: options there are the program's.

    As with `timeout` and `env`, its own failures have exit codes that few programs use, so that a caller can tell them
    from those of the program.
    """

    least_failure = 125

    def make_parser(self, ctx: Any) -> Any:
        """The parser, which leaves the command line of the program alone."""

        def note(words: int) -> None:
            ctx.find_root().command.foreign = words

        parser = WrapperParser(ctx, USER_OPTION, note)
        for param in self.get_params(ctx):
            param.add_to_parser(parser, ctx)
        return parser


class Group(TyperGroup):
    """A command that has commands of its own. Its help begins with an example of each."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, then the help."""
        _write_examples(formatter, [examples(command.help)[0] for command in self.commands.values()])
        super().format_help(ctx, formatter)


class Program(TyperGroup):
    """The group of all commands. A command is found in the table, and imported when it is needed."""

    least_failure = 0
    """The lowest exit code with which the command that is run may fail."""

    foreign = 0
    """The number of last words of the command line that are another program's."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(_MODULES)  # type: ignore[assignment]  # for suggestions, by name

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names of all commands, in the order of the help."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import the command of that name. None where there is none."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        target = getattr(importlib.import_module(f"budgetctl.cli.commands.{module}"), module)
        return _group(cmd_name, target) if isinstance(target, dict) else _command(cmd_name, target)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, and note its lowest failure for `main`, where the command is not known any more."""
        name, found, rest = super().resolve_command(ctx, args)
        self.least_failure = getattr(found, "least_failure", 0)
        return name, found, rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write examples, the help, and the meaning of exit codes."""
        _write_examples(formatter, _EXAMPLES)
        super().format_help(ctx, formatter)
        _write_list(formatter, "Exit codes", EXIT_CODES.items())

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the commands under their headings, from the table, which needs no import."""
        width = max(map(len, _MODULES))
        for heading, section in COMMANDS.items():
            _write_list(formatter, heading, ((name.ljust(width), line) for name, (_, line) in section.items()))


def is_shared(param: Any) -> bool:
    """Whether a parameter is an option of every command."""
    return param.name in (*SHARED_OPTIONS, "help")


def _heading(param: Any) -> str | None:
    if param.param_type_name == "argument":
        return "Arguments"
    return None if is_shared(param) else "Options"


def _write_examples(formatter: Any, lines: Iterable[str]) -> None:
    formatter.write("".join(f"$ {line}\n" for line in lines) + "\n")


def _write_list(formatter: Any, heading: str, rows: Iterable[tuple[str, str]]) -> None:
    rows = list(rows)
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)


def _command(name: str, function: Callable[..., Any]) -> Any:
    """The parser of one command."""
    app = typer.Typer(**_SETTINGS)
    app.command(name, cls=Wrapper if name in _WRAPPERS else Command)(command(function))
    return typer.main.get_command(app)


def _group(name: str, functions: dict[str, Callable[..., Any]]) -> Any:
    """The parser of a command that has commands of its own, and prints its help without one."""
    app = typer.Typer(name=name, cls=Group, invoke_without_command=True, **_SETTINGS)
    app.callback(help=_LINES[name])(_help_without_command)
    for sub_name, function in functions.items():
        app.command(sub_name, cls=Command)(command(function))
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"budgetctl {__version__}")
        raise typer.Exit


def root_command() -> Any:
    """The whole program."""
    if os.environ.get(COMPLETE_VARIABLE):
        know_shells()
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
    no_pager: NoPagerOption = False,
    wait: WaitOption = None,
    version: Annotated[  # noqa: ARG001  # eager: the callback has answered it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep people, agents and scripts that call LLM APIs inside a budget."""
    given = (project, store, format, json, quiet, no_color, no_pager, wait)
    context.obj = dict(zip(SHARED_OPTIONS, given, strict=True))
    _help_without_command(context)


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
