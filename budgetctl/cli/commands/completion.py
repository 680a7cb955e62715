"""`budgetctl completion`."""

from __future__ import annotations

import subprocess
from typing import Annotated, Literal, get_args

import typer

from budgetctl.cli import COMPLETE_VARIABLE, PROGRAM
from budgetctl.cli.session import Session
from budgetctl.cli.typer_internals import completion_script, install_completion
from budgetctl.errors import BudgetctlError, InvalidValueError

Shells = Literal["bash", "zsh", "fish", "powershell"]
_ARGUMENT = typer.Argument(metavar="SHELL", show_default=False, help="bash, zsh, fish or powershell.")
Shell = Annotated[Shells, _ARGUMENT]
OptionalShell = Annotated[Shells | None, _ARGUMENT]


def show(session: Session, shell: Shell) -> None:
    """Print the script for a shell.

    $ budgetctl completion show bash
    """
    script = completion_script(shell, program=PROGRAM, variable=COMPLETE_VARIABLE)
    session.output.document({"shell": shell, "script": script}, lambda: script)


def install(session: Session, shell: OptionalShell = None) -> None:
    """Install the script for your shell in your home.

    $ budgetctl completion install

    Without SHELL it is the one that this runs in. Installing again replaces the script.
    """
    name = shell or _detected_shell()
    try:
        path = install_completion(name, program=PROGRAM, variable=COMPLETE_VARIABLE)
    except (OSError, subprocess.SubprocessError) as error:
        raise BudgetctlError(
            f"cannot install the completion of {name}: {error}", hint=f"budgetctl completion show {name}"
        ) from error
    document = {"shell": name, "path": str(path)}
    session.output.document(document, lambda: f"{name} completion installed in {path}; open a new shell to use it")


def _detected_shell() -> str:
    import shellingham

    try:
        name = str(shellingham.detect_shell()[0])
    except shellingham.ShellDetectionFailure:
        name = ""
    if name not in get_args(Shells):
        raise InvalidValueError("your shell was not recognised", hint="budgetctl completion install bash")
    return name


completion = {"show": show, "install": install}
