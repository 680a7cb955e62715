"""Errors and warnings on stderr, for a person and for a program."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from budgetctl.cli import progress
from budgetctl.cli.cells import dumps, printable
from budgetctl.errors import BudgetctlError, OverBudgetError, StoreUnavailableError

if TYPE_CHECKING:
    from budgetctl.cli.typer_internals import ClickException


def report(error: BudgetctlError, arguments: Sequence[str]) -> None:
    """Report an error of budgetctl. A denial's document has the decision."""
    more = {}
    if isinstance(error, OverBudgetError):
        from budgetctl.cli.views.decisions import decision_document

        more["decision"] = decision_document(error.decision)
    _write(error.code, error.message, error.hint, arguments, **more)


def report_usage(error: ClickException, arguments: Sequence[str]) -> None:
    """Report a command line that the parser could not understand."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "budgetctl"
    message = " ".join(error.format_message().split())
    _write("usage", message[:1].lower() + message[1:], f"{path} --help", arguments)


def report_interrupt(arguments: Sequence[str]) -> None:
    """Report that Ctrl-C was pressed, which a terminal shows as `^C` on the line."""
    if sys.stderr.isatty():
        print(file=sys.stderr)  # noqa: T201
    _write("interrupted", "interrupted", None, arguments)


def system_error(error: OSError) -> BudgetctlError:
    """An error of the operating system as one of budgetctl, where no store and no reader has named it already."""
    return StoreUnavailableError(
        f"{error.filename}: {error.strerror}", hint="check the path, its permissions and the free space"
    )


def report_bug(error: Exception, arguments: Sequence[str]) -> None:
    """Report an error that nobody foresaw. Its traceback is shown where it is asked for."""
    if os.environ.get("BUDGETCTL_DEBUG"):
        import traceback

        traceback.print_exception(error)
    _write(
        "internal",
        f"unexpected {type(error).__name__}: {error}",
        "this is a fault of budgetctl: set BUDGETCTL_DEBUG=1 and report the traceback",
        arguments,
    )


def warn(*messages: object) -> None:
    """Print warnings for a person, beside the result, a line each."""
    for message in messages:
        _line("warning", str(message))


def note(message: str) -> None:
    """Print a remark for a person, beside the result."""
    _line("note", message)


def tell(line: str) -> None:
    """Print a result for a person on stderr, where stdout is another program's."""
    _print(printable(line))


def _write(code: str, message: str, hint: str | None, arguments: Sequence[str], **more: Any) -> None:
    if _wants_json(arguments):
        _print(dumps({"error": {"code": code, "message": message, "hint": hint, **more}}))
        return
    _line("error", message.rstrip("."))
    if hint:
        _print(f"  try: {printable(hint)}")


def _line(word: str, message: str) -> None:
    _print(f"{word}: {printable(' '.join(message.split()))}")


def _print(line: str) -> None:
    """Print a line on stderr, behind what stdout was given before: both may go to one pipe, as in a mail of cron."""
    with suppress(OSError):  # nobody reads the results any more, which `main` notices
        sys.stdout.flush()
    progress.make_way()
    print(line, file=sys.stderr)  # noqa: T201


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON. The parser may have failed before it got to the option, or to `--`."""
    arguments = list(itertools.takewhile(lambda argument: argument != "--", arguments))
    formats = [after for before, after in itertools.pairwise(arguments) if before == "--format"]
    formats += [argument.partition("=")[2] for argument in arguments if argument.startswith("--format=")]
    return "--json" in arguments or any(name in ("json", "jsonl") for name in formats)
