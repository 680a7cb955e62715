"""The options of every command, for project, store and output, and the session that they make.

The options are accepted before and after the command's name; what is given after it wins, and the environment is asked
last.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from budgetctl import environment
from budgetctl.cli.cells import printable
from budgetctl.cli.output import Format, Output
from budgetctl.cli.progress import Progress
from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.ledger.progress import ENTRIES, STEPS
from budgetctl.names import DEFAULT_PROJECT
from budgetctl.stores import DEFAULT_WAIT_S, Store, open_store, project_stores
from budgetctl.stores.location import is_server, without_password

if TYPE_CHECKING:
    from budgetctl.manager import BudgetManager

_MAX_WAIT_S = 3600


class Session:
    """The session of one command: the project that was named for it, its store, and its output."""

    def __init__(
        self, named: str | None, location: str | None, wait_s: float, output: Output, place: Mapping[str, str]
    ) -> None:
        self.named = named
        self.location = location
        self.wait_s = wait_s
        self.output = output
        self.warnings: list[str] = []
        self._place = dict(place)
        self._progress: Progress | None = None
        self._opening = Progress("bringing the store up to date", is_quiet=output.quiet)

    def __enter__(self) -> Session:
        """Begin the session, without opening the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store, and print the warnings so far, unless an error in JSON has to stand alone on stderr."""
        self._opening.hide()
        self.close()
        if self.warnings and (error is None or self.output.format not in ("json", "jsonl")):
            from budgetctl.cli.problems import warn

            warn(*self.warnings)
        if isinstance(error, BudgetctlError) and (error.hint or "").startswith("budgetctl "):
            error.hint = self._placed(str(error.hint))

    @cached_property
    def project(self) -> str:
        """The project that was named; else, of a server for which the token of one project is stored, that one."""
        if self.named is not None:
            return self.named
        if is_server(self.location):
            from budgetctl.stores.remote.credentials import is_token_given, saved_projects

            saved = [] if is_token_given() else saved_projects(str(self.location))
            if len(saved) == 1:
                return saved[0]
        return DEFAULT_PROJECT

    @cached_property
    def store(self) -> Store:
        """The project's store."""
        store = open_store(self.location, self.project, wait_s=self.wait_s)
        store.on_progress = self._tell_progress
        return store

    @cached_property
    def manager(self) -> BudgetManager:
        """The project's budgets."""
        from budgetctl.manager import BudgetManager

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            manager = BudgetManager(self.project, store=self.store)
        self.warnings += [str(warning.message) for warning in caught]
        return manager

    def all_managers(self) -> Iterator[BudgetManager]:
        """The budgets of each project of the store. Each is closed before the next one is opened; it opens again."""
        from budgetctl.manager import BudgetManager

        for store in project_stores(self.location, wait_s=self.wait_s):
            with closing(BudgetManager(store.project, store=store)) as manager:
                yield manager

    def project_names(self) -> Iterator[str]:
        """The projects of the store."""
        for store in project_stores(self.location, wait_s=self.wait_s):
            with closing(store):
                yield store.project

    def close(self) -> None:
        """Close the store. The next use opens it again."""
        if "store" in self.__dict__:
            self.store.close()

    def forget_project(self) -> None:
        """Leave the project out of what is suggested to be typed next."""
        self._place.pop("--project", None)

    def _placed(self, hint: str) -> str:
        """The command line of a hint, for the project and the store of this session where it names no other.

        The options stand before a command that `run` is given, whose they would be.
        """
        import shlex

        own, dashes, foreign = hint.partition(" -- ") if hint.startswith("budgetctl run ") else (hint, "", "")
        words = [word for name, value in self._place.items() if name not in own for word in (name, shlex.quote(value))]
        return " ".join([own, *words]) + dashes + foreign

    def note(self, message: str) -> None:
        """Note a remark for a person, beside the result."""
        from budgetctl.cli.problems import note

        if self.output.format == "table" and not self.output.quiet:
            note(message)

    @contextmanager
    def progress(self, doing: str, *, keeps: bool = False) -> Iterator[Progress]:
        """A block of work that may take long: see `budgetctl.cli.progress`."""
        with Progress(doing, keeps=keeps, is_quiet=self.output.quiet) as self._progress:
            try:
                yield self._progress
            finally:
                self._progress = None

    def _tell_progress(self, done: int, total: int | None, what: str) -> None:
        """Hand on what the store tells. Before any work, it is that its tables are brought up to date."""
        if self._progress is not None:
            self._progress(done, total, what)
        elif what in (STEPS, ENTRIES):
            if not done:
                self._opening.begin()
            self._opening(done, total, what)
            if done == total:
                self._opening.hide()

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
            import typer

            self.note("nothing was changed")
            raise typer.Exit(1)


def open_session(before: Mapping[str, Any], after: Mapping[str, Any]) -> Session:
    """The session for the shared options given before and after the command's name, and the environment."""

    def given(name: str) -> Any:
        return before.get(name) if after.get(name) is None else after[name]

    def setting(name: str, variable: str) -> Any:
        """An option or else the environment; either is an error where it is empty."""
        return environment.variable(variable) if given(name) is None else given(name)

    def flag(name: str) -> bool:
        return bool(after.get(name) or before.get(name))

    color = (
        sys.stdout.isatty()
        and not flag("no_color")
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
    stated = given("store")
    shown = None if stated is None else without_password(stated)
    place = {"--project": given("project"), "--store": shown}
    session = Session(
        named=setting("project", "BUDGETCTL_PROJECT"),
        location=setting("store", "BUDGETCTL_STORE"),
        wait_s=_wait_s(setting("wait", "BUDGETCTL_WAIT")),
        output=Output(
            _format(after) or _format(before) or "table",
            quiet=flag("quiet"),
            color=color,
            is_paged=not flag("no_pager"),
        ),
        place={name: value for name, value in place.items() if value is not None},
    )
    if stated != shown:
        session.warnings.append(
            "everybody on this machine can see the password in --store: put it into PGPASSFILE, or the URL into"
            " BUDGETCTL_STORE"
        )
    return session


def _format(given: Mapping[str, Any]) -> Format | None:
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
