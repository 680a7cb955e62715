"""The options of every command, for project, store and output, and the session that they make.

`command` gives a function these options. They are accepted before and after the command's name. An option after it
goes before one in front of it, and the environment comes last.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from types import TracebackType
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from budgetctl.cli.cells import printable
from budgetctl.cli.output import Format, Output
from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.manager import BudgetManager
from budgetctl.stores import DEFAULT_WAIT_S, Store, open_store
from budgetctl.stores.location import without_password

Item = TypeVar("Item")

_MAX_WAIT_S = 3600

ProjectOption = Annotated[
    str | None,
    typer.Option("--project", "-p", metavar="NAME", help="The project. [env: BUDGETCTL_PROJECT]"),
]
StoreOption = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="A file, a directory, or a URL. [env: BUDGETCTL_STORE]"),
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", metavar="FORMAT", help="table (the default), json, jsonl or csv.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing on success.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours. [env: NO_COLOR]")]
WaitOption = Annotated[
    str | None,
    typer.Option("--wait", metavar="SECONDS", help="How long to wait for writers; 10. [env: BUDGETCTL_WAIT]"),
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
    """The session of one command: its project, its store, and its output."""

    def __init__(self, project: str, location: str | None, wait_s: float, output: Output, place: Sequence[str]) -> None:
        self.project = project
        self.location = location
        self.wait_s = wait_s
        self.output = output
        self.warnings: list[str] = []
        self._place = place

    def __enter__(self) -> Session:
        """Begin the session, without opening the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store, and print the warnings so far, unless an error in JSON has to stand alone on stderr."""
        from budgetctl.cli.problems import warn

        self.close()
        if error is None or self.output.format not in ("json", "jsonl"):
            warn(*self.warnings)
        if isinstance(error, BudgetctlError) and (error.hint or "").startswith("budgetctl "):
            import shlex

            # The command of a hint is to be for the project and the store of this session.
            error.hint = " ".join([str(error.hint), *map(shlex.quote, self._place)])

    @cached_property
    def store(self) -> Store:
        """The project's store."""
        return open_store(self.location, self.project, wait_s=self.wait_s)

    @cached_property
    def manager(self) -> BudgetManager:
        """The project's budgets."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manager = BudgetManager(self.project, store=self.store)
        self.warnings += [str(warning.message) for warning in caught]
        return manager

    def close(self) -> None:
        """Close the store. The next use opens it again."""
        if "store" in self.__dict__:
            self.store.close()

    def note(self, message: str) -> None:
        """Note a remark for a person, beside the result."""
        from budgetctl.cli.problems import note

        if self.output.format == "table" and not self.output.quiet:
            note(message)

    def progress(self, items: Sequence[Item], what: str) -> Iterable[Item]:
        """The items, one after the other; on a terminal with a bar of the share that is done."""
        if self.output.format != "table" or self.output.quiet or not sys.stderr.isatty():
            return items
        from budgetctl.cli.drawing import draw_progress

        return draw_progress(items, what, color=self.output.color)

    def confirm(self, action: str, command: str) -> None:
        """Ask before an action that cannot be taken back. Without a terminal to ask on, `--yes` is needed."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise InvalidValueError(
                f"cannot ask whether to {action}: there is no terminal", hint=f"budgetctl {command} --yes"
            )
        sys.stderr.write(f"{printable(action[0].upper() + action[1:])}? [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:  # after Ctrl-D the cursor is still on the line
            sys.stderr.write("\n")
        if answer.strip().lower() not in ("y", "yes"):
            self.note("nothing was changed")
            raise typer.Exit(1)


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a command for Typer: with the shared options, instead of which it is called with a `Session`.

    A parameter that is a named tuple stands for the options that are its fields, which several commands share.
    """
    signature = inspect.signature(function, eval_str=True)
    groups = {name: each.annotation for name, each in signature.parameters.items() if _is_group(each.annotation)}
    own = [
        option
        for name, parameter in signature.parameters.items()
        if name != "session"
        for option in (_options_of(groups[name]) if name in groups else [parameter])
    ]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(annotation), annotation=annotation)
        for name, annotation in SHARED_OPTIONS.items()
        if name not in signature.parameters
    ]
    user = signature.parameters.get("user")
    if user is not None:
        # Optional for the parser, since --user may stand for it.
        own[own.index(user)] = user.replace(default=None)
        shared.append(
            inspect.Parameter("user_option", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=UserOption)
        )

    def run(context: typer.Context, **values: Any) -> Any:
        given = {name: values.pop(name) for name in SHARED_OPTIONS if name in values}
        try:
            if user is not None:
                _place_user(values, values.pop("user_option"))
                if values["user"] is None and user.default is inspect.Parameter.empty:
                    raise InvalidValueError("no user was given", hint=examples(function.__doc__)[0])
            for name, group in groups.items():
                values[name] = group(*(values.pop(field) for field in group._fields))
            with open_session(context.obj or {}, given) as session:
                return function(session, **values)
        except BudgetctlError as error:
            error.hint = error.hint or f"{context.command_path} --help"
            raise

    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    run.__signature__ = signature.replace(parameters=[context, *keyword, *shared])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [context, *keyword, *shared]}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def _options_of(group: Any) -> list[inspect.Parameter]:
    """A parameter for each field of a named tuple of options, all of which may be left out."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(group, include_extras=True).items()
    ]


def examples(text: str | None) -> list[str]:
    """The command lines in a command's help, each behind `$ ` at the beginning of a line."""
    lines = map(str.strip, (text or "").splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def _default(annotation: Any) -> Any:
    return False if annotation.__origin__ is bool else None


def _place_user(values: dict[str, Any], option: str | None) -> None:
    """Let `--user` stand for the first argument; the argument in its place is then the second one."""
    if option is None:
        return
    if "command" in values:
        values["command"] = [word for word in (values["user"], *(values["command"] or ())) if word is not None]
    elif values["user"] is not None:
        if values.get("amount", "") is not None:
            raise InvalidValueError(f"two users were given: {values['user']!r} and --user {option!r}")
        values["amount"] = values["user"]
    values["user"] = option


def open_session(before: dict[str, Any], after: dict[str, Any]) -> Session:
    """The session for the shared options given before and after the command's name, and the environment."""

    def given(name: str) -> Any:
        return before.get(name) if after.get(name) is None else after[name]

    def setting(name: str, variable: str) -> Any:
        """The value of an option, also an empty one, which is an error; or of a variable, where empty means unset."""
        return os.environ.get(variable) or None if given(name) is None else given(name)

    def flag(name: str) -> bool:
        return bool(after.get(name) or before.get(name))

    color = (
        sys.stdout.isatty()
        and not flag("no_color")
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    project = setting("project", "BUDGETCTL_PROJECT")
    stated = given("store")
    shown = None if stated is None else without_password(stated)
    place = [
        (f"--{name}", value) for name, value in (("project", given("project")), ("store", shown)) if value is not None
    ]
    session = Session(
        project="default" if project is None else project,
        location=setting("store", "BUDGETCTL_STORE"),
        wait_s=_wait_s(setting("wait", "BUDGETCTL_WAIT")),
        output=Output(_format(after) or _format(before) or "table", quiet=flag("quiet"), color=color),
        place=[word for option in place for word in option],
    )
    if stated != shown:
        session.warnings.append(
            "everybody on this machine can see the password in --store: put it into PGPASSFILE, or the URL into"
            " BUDGETCTL_STORE"
        )
    return session


def _format(given: dict[str, Any]) -> Format | None:
    name: Format | None = given.get("format")
    if not given.get("json"):
        return name
    if name not in (None, "json"):
        raise InvalidValueError(f"--json and --format {name} contradict each other: give one of them")
    return "json"


def _wait_s(value: str | None) -> float:
    if value is None:
        return DEFAULT_WAIT_S
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= _MAX_WAIT_S:
        raise InvalidValueError(f"{value!r} is not a time to wait: give seconds, from 0 to {_MAX_WAIT_S}")
    return seconds
