"""The command line: it parses, calls `BudgetManager`, and hands the answer to the output."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence

PROGRAM = "budgetctl"
COMPLETE_VARIABLE = "_BUDGETCTL_COMPLETE"
"""The environment variable that a shell sets to ask for completions, instead of running a command."""

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code. The only place where errors become text and codes."""
    if arguments is None:
        # As a program: it ends before there is garbage to collect, and looking for it costs 7 ms of every start.
        gc.disable()
        arguments = sys.argv[1:]
    _prepare_streams()
    _prepare_waiting()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # which needs the message alone
            answered = _answer_shell()
            code = _run(arguments) if answered is None else answered
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except OSError:
        # A closed pipe or a full device: the work is done, and nobody is there to be told.
        code = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _show_warning(message: object, *_: object) -> None:
    """Show a warning of the library as one of the program."""
    from budgetctl.cli.problems import warn

    warn(message)


def _prepare_streams() -> None:
    """Make stdin, stdout and stderr usable, also those that the caller has closed.

    A closed one is replaced before any file is opened, which would take its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _prepare_waiting() -> None:
    """Have the system keep the exit codes of programs that are run from here: a caller may have told it not to."""
    import signal

    if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _answer_shell() -> int | None:
    """Complete a name for a shell that asks for one, without loading the program. None where that is needed."""
    if not os.environ.get(COMPLETE_VARIABLE):
        return None
    from budgetctl.cli.quick_completing import answer

    try:
        return answer()
    except Exception as error:  # noqa: BLE001  # never a traceback to a user
        from budgetctl.cli.problems import report_bug

        report_bug(error, ())
        return 1


def _run(arguments: Sequence[str]) -> int:
    from budgetctl.cli.app import root_command
    from budgetctl.cli.problems import report, report_bug, report_interrupt, report_usage, system_error
    from budgetctl.cli.typer_internals import ClickException
    from budgetctl.errors import BudgetctlError

    program = root_command()

    def own() -> Sequence[str]:
        """The arguments without the command line of a program that is run."""
        return arguments[: len(arguments) - program.foreign]

    try:
        code = program.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except BudgetctlError as error:
        report(error, own())
        failure = error.exit_code
    except ClickException as error:
        report_usage(error, own())
        failure = error.exit_code
    except OSError as error:
        if error.filename is None:  # opening a file has not failed, but writing the output
            raise
        unavailable = system_error(error)
        report(unavailable, own())
        failure = unavailable.exit_code
    except Exception as error:  # noqa: BLE001  # never a traceback to a user
        report_bug(error, own())
        failure = 1
    else:
        # Typer's own code for Ctrl-C; from a command that runs another one, it is that one's exit code.
        if code == _INTERRUPTED and not program.least_failure:
            report_interrupt(arguments)
        return code if isinstance(code, int) else 0
    return max(failure, int(program.least_failure))
