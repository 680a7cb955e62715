"""The parameters of a command's function as the arguments and options of its command line.

`command` gives a function the options that every command has, and calls it with a `Session` for them. A parameter that
is a named tuple stands for the options that are its fields, which several commands share. An argument that is annotated
with a `StandIn` may be given by that option instead.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo

from budgetctl.cli.options import SHARED_OPTIONS, StandIn
from budgetctl.cli.session import Session, open_session
from budgetctl.errors import BudgetctlError, InvalidValueError, NotFoundError

_BY_OPTION = "_by_option"
"""The end of the name by which the parser knows an option that stands for an argument."""

_OPERATOR = r" (?:\|\|?|&&|[<>;]) "
"""The signs by which a shell joins a command to others and to files."""

USER_OPTION = f"user{_BY_OPTION}"


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as a command for Typer."""
    signature = inspect.signature(function, eval_str=True)
    groups = {name: each.annotation for name, each in signature.parameters.items() if _is_group(each.annotation)}
    own = [
        option
        for name, parameter in signature.parameters.items()
        if name not in ("session", "context")
        for option in (_options_of(groups[name]) if name in groups else [parameter])
    ]
    arguments = [parameter for parameter in own if _metadata(parameter, ArgumentInfo) is not None]
    required = [parameter.name for parameter in arguments if parameter.default is inspect.Parameter.empty]

    def run(context: typer.Context, **values: Any) -> Any:
        given = {name: values.pop(name) for name in SHARED_OPTIONS if name in values}
        try:
            _place(values, arguments)
            for name, group in groups.items():
                values[name] = group(*(values.pop(field) for field in group._fields))
            if "context" in signature.parameters:
                values["context"] = context
            with open_session(context.obj or {}, given) as session:
                missing = next((name for name in required if values[name] is None), None)
                if missing is not None:
                    raise InvalidValueError(f"no {missing} was given", hint=_suggested(examples(function.__doc__)[0]))
                return _called(function, session, values)
        except BudgetctlError as error:
            error.hint = error.hint or f"{context.command_path} --help"
            raise

    context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *_parsed(own, arguments), *_shared(signature.parameters)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    return run


def _called(function: Callable[..., Any], session: Session, values: Mapping[str, Any]) -> Any:
    try:
        return function(session, **values)
    except NotFoundError as error:
        from budgetctl.cli.suggesting import suggest

        suggest(error, session, values)
        raise


def examples(text: str | None) -> list[str]:
    """The command lines in a command's help: what follows `$ ` at the beginning of a line."""
    lines = map(str.strip, (text or "").splitlines())
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def _suggested(example: str) -> str:
    """An example as a command to try: without what a script does with the answer, which may end a person's shell."""
    return re.split(_OPERATOR, example, maxsplit=1)[0]


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def _options_of(group: Any) -> list[inspect.Parameter]:
    """A parameter for each field of a named tuple of options, none of which has to be given."""
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(group, include_extras=True).items()
    ]


def _metadata(parameter: inspect.Parameter, kind: type) -> Any:
    return next((each for each in get_args(parameter.annotation)[1:] if isinstance(each, kind)), None)


def _parsed(own: Sequence[inspect.Parameter], arguments: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """The parameters as the parser has them: behind an argument the option that stands for it.

    The parser asks for no argument that an option may stand for, nor for one behind it: `run` asks instead.
    """
    parsed, may_stand = [], False
    for parameter in own:
        instead = _metadata(parameter, StandIn)
        may_stand = may_stand or instead is not None
        is_optional = parameter in arguments and may_stand and parameter.default is inspect.Parameter.empty
        parsed.append(
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=None if is_optional else parameter.default)
        )
        if instead is not None:
            parsed.append(_option_for(parameter, instead))
    return parsed


def _option_for(argument: inspect.Parameter, instead: StandIn) -> inspect.Parameter:
    name = _metadata(argument, ArgumentInfo).metavar.strip("[]")
    option = typer.Option(*instead.names, metavar="USD", hidden=instead.is_hidden, help=f"The same as {name}.")
    annotation = Annotated[str | None, option]
    return inspect.Parameter(
        argument.name + _BY_OPTION, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _shared(own: Mapping[str, Any]) -> list[inspect.Parameter]:
    """The options of every command, but those that the function has itself."""
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=False if annotation.__origin__ is bool else None,
            annotation=annotation,
        )
        for name, annotation in SHARED_OPTIONS.items()
        if name not in own
    ]


def _place(values: dict[str, Any], arguments: Sequence[inspect.Parameter]) -> None:
    """Put what options that stand for arguments have given into the arguments' places.

    What stands in the place of such an argument is then the next one: `--user bob 5` means `bob 5`.
    """
    for at, argument in enumerate(arguments):
        given = values.pop(argument.name + _BY_OPTION, None)
        if given is None:
            continue
        stated = values[argument.name]
        moved = given
        for following in arguments[at:]:
            name = following.name
            if name == "command":
                values[name] = [moved, *(values[name] or ())]
                moved = None
            else:
                moved, values[name] = values[name], moved
            if moved is None:
                break
        else:
            raise InvalidValueError(f"two {argument.name}s were given: {stated!r} and {given!r}")
