"""What every command shares: the options for project, store and output, and the session they make.

`command` gives a function these options. They are accepted before and after the command's name; what is
given after it wins, and the environment is asked last.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any

import typer

from budgetctl.cli.output import Format, Output
from budgetctl.errors import InvalidValueError
from budgetctl.manager import BudgetManager
from budgetctl.stores import DEFAULT_WAIT_S, Store, open_store

_MAX_WAIT_S = 3600

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="NAME", help="The project. [env: BUDGETCTL_PROJECT; default: default]"),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="PATH", help="A store's file, or a directory of stores. [env: BUDGETCTL_STORE]"),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", metavar="table|json|jsonl|csv", help="How to print the result.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on success.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours. [env: NO_COLOR]")]
WaitOption = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        help="How long to wait for other writers. [env: BUDGETCTL_WAIT; default: 10]",
    ),
]
UserOption = Annotated[str | None, typer.Option("--user", hidden=True)]

SHARED_OPTIONS: dict[str, Any] = {
    "project": ProjectOption,
    "store": StoreOption,
    "format": FormatOption,
    "json": JsonOption,
    "quiet": QuietOption,
    "no_color": NoColorOption,
    "wait": WaitOption,
}


class Session:
    """One run of a command: where its budgets are, and where its results go."""

    def __init__(self, project: str, location: str | None, wait_s: float, output: Output) -> None:
        self.project = project
        self.location = location
        self.wait_s = wait_s
        self.output = output

    @cached_property
    def store(self) -> Store:
        """The project's store."""
        return open_store(self.location, self.project, wait_s=self.wait_s)

    @cached_property
    def manager(self) -> BudgetManager:
        """The project's budgets."""
        from budgetctl.cli.problems import warn

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manager = BudgetManager(self.project, store=self.store)
        for warning in caught:
            warn(warning.message)
        return manager

    def confirm(self, question: str) -> None:
        """Ask before something that cannot be taken back. Without a terminal to ask on, `--yes` is needed."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise InvalidValueError(
                f"not done: {question[0].lower()}{question[1:]}",
                hint="add --yes to do it without being asked",
            )
        if not typer.confirm(question, err=True):
            raise typer.Exit(1)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a command for Typer: with the shared options, and called with a `Session` for them."""
    signature = inspect.signature(function, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "session"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(annotation), annotation=annotation)
        for name, annotation in SHARED_OPTIONS.items()
        if name not in signature.parameters
    ]
    if "user" in signature.parameters:
        shared.append(
            inspect.Parameter("user_option", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=UserOption)
        )

    def run(context: typer.Context, **values: Any) -> Any:
        given = {name: values.pop(name) for name in SHARED_OPTIONS if name in values}
        if "user" in values:
            _place_user(values, values.pop("user_option"), required=signature.parameters["user"].default is not None)
        return function(_session(context.obj or {}, given), **values)

    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    run.__signature__ = signature.replace(parameters=[context, *keyword, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [context, *keyword, *shared]}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _default(annotation: Any) -> Any:
    return False if annotation.__origin__ is bool else None


def _place_user(values: dict[str, Any], option: str | None, *, required: bool) -> None:
    """Let `--user` stand for the first argument; what stands there is then the second one."""
    if option is not None:
        if values["user"] is not None:
            if values.get("amount", "") is not None:
                raise InvalidValueError(f"two users were given: {values['user']!r} and --user {option!r}")
            values["amount"] = values["user"]
        values["user"] = option
    if values["user"] is None and required:
        raise InvalidValueError("no user was given: name one, as in 'alice'")


def _session(before: dict[str, Any], after: dict[str, Any]) -> Session:
    def setting(name: str, variable: str) -> Any:
        for value in (after.get(name), before.get(name), os.environ.get(variable)):
            if value is not None and value != "":
                return value
        return None

    def flag(name: str) -> bool:
        return bool(after.get(name) or before.get(name))

    as_json = flag("json")
    format_name: Format = after.get("format") or before.get("format") or ("json" if as_json else "table")
    if as_json and format_name != "json":
        raise InvalidValueError(f"--json and --format {format_name} contradict each other: give one of them")
    color = (
        sys.stdout.isatty()
        and not flag("no_color")
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    return Session(
        project=setting("project", "BUDGETCTL_PROJECT") or "default",
        location=setting("store", "BUDGETCTL_STORE"),
        wait_s=_wait_s(setting("wait", "BUDGETCTL_WAIT")),
        output=Output(format_name, quiet=flag("quiet"), color=color),
    )


def _wait_s(value: Any) -> float:
    if value is None:
        return DEFAULT_WAIT_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _MAX_WAIT_S:
        raise InvalidValueError(f"{value!r} is not a time to wait: give seconds, from 0 to {_MAX_WAIT_S}")
    return seconds
