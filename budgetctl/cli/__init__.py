"""The command line: parse, call `BudgetManager`, hand the answer to the output."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

PROGRAM = "budgetctl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code. The only place where errors become text and codes."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError:
        # A closed pipe or a full device: what was done is done, and nobody is there to be told.
        code = 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    import typer

    from budgetctl.cli.app import root_command
    from budgetctl.cli.problems import report, report_bug, report_usage
    from budgetctl.errors import BudgetctlError

    try:
        code = root_command().main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except BudgetctlError as error:
        report(error, arguments)
        return error.exit_code
    except typer.TyperException as error:
        report_usage(error, arguments)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("\ninterrupted", file=sys.stderr)  # noqa: T201
        return 130
    except OSError:
        # Nothing but the output is written outside a store, which names its own errors.
        return 1
    except Exception as error:  # noqa: BLE001  # never a traceback to a user
        report_bug(error, arguments)
        return 1
