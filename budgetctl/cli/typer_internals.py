"""The private parts of Typer that budgetctl uses; no other module imports any.

`pyproject.toml` admits the versions that have them, and `tests/cli/test_typer_internals.py` tests the use of each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer._click.exceptions import (  # which Typer names itself only from 0.28 on
    ClickException,
    NoSuchOption,
    UsageError,
)
from typer._click.parser import _OptionParser

__all__ = [
    "ClickException",
    "NoSuchOption",
    "UsageError",
    "WrapperParser",
    "completion_script",
    "install_completion",
    "know_shells",
]


class WrapperParser(_OptionParser):
    """The parser of a command whose first argument is followed by another program's command line.

    Options of the command stand before and after that argument. All further words are the program's, with `--` before
    them or without. `instead` is the option that may stand for the argument, by its parameter's name. `on_rest` is told
    the number of the program's words.
    """

    def __init__(self, ctx: Any, instead: str, on_rest: Callable[[int], None]) -> None:
        super().__init__(ctx)
        self._instead = instead
        self._on_rest = on_rest

    def _process_args_for_options(self, state: Any) -> None:
        self.allow_interspersed_args = False
        super()._process_args_for_options(state)
        if state.rargs and self._instead not in state.opts:
            state.largs.append(state.rargs.pop(0))
            super()._process_args_for_options(state)
        self._on_rest(len(state.rargs))


def know_shells() -> None:
    """Have Typer answer shells that ask for completions, which it does not do without its own options for them."""
    from typer._completion_classes import completion_init

    completion_init()


def completion_script(shell: str, *, program: str, variable: str) -> str:
    """The script by which a shell asks the program for completions, with the variable set in its environment.

    zsh runs a file of its `fpath` at the first Tab, as the function that has to answer it; Typer's script answers from
    the second one on.
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name=program, complete_var=variable, shell=shell)
    if shell != "zsh":
        return script
    answer, registered = f"_{program}_completion", f"compdef _{program}_completion {program}"
    at_first = f'if [[ ${{funcstack[1]}} = _{program} ]]; then\n  {answer} "$@"\nelse\n  {registered}\nfi'
    return script.replace(registered, at_first)


def install_completion(shell: str, *, program: str, variable: str) -> Path:
    """Install that script in the user's home; returns its path. Raises `OSError` and `subprocess.SubprocessError`."""
    script = completion_script(shell, program=program, variable=variable)
    if shell == "fish":  # whose XDG_CONFIG_HOME Typer does not ask for
        path = (
            Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "fish/completions" / f"{program}.fish"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        from typer._completion_shared import install

        path = install(shell=shell, prog_name=program, complete_var=variable)[1]
    if shell in ("fish", "zsh"):
        path.write_text(f"{script}\n")
    return path
