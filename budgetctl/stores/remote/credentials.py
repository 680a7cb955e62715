"""The tokens of a client: from the environment, from a file, or stored for the address."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

from budgetctl.directories import config_directory, make_private
from budgetctl.environment import variable
from budgetctl.errors import InvalidValueError, StoreUnavailableError
from budgetctl.files.opening import read_regular
from budgetctl.stores.location import ANY_ADDRESS, LOOPBACK, decode_project, encode_project

_PORTS = {"http": 80, "https": 443}

_MAX_BYTES = 4096
"""The bytes that are read of a token's file, more than any token has: the file may be a device without an end."""


def split_address(address: str) -> SplitResult:
    """The parts of a server's address. Raises `InvalidValueError` for no address, without repeating a password."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise InvalidValueError(
            f"this is not the address of a server: {error}", hint="https://budgets.example"
        ) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidValueError("this is not the address of a server", hint="https://budgets.example")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidValueError(
            "a server's address has no user, password or query in it", hint="put the token into BUDGETCTL_TOKEN"
        )
    return parts


def origin(address: str) -> str:
    """Scheme, host and port, as text that tells addresses apart."""
    parts = split_address(address)
    return f"{parts.scheme}-{quote(str(parts.hostname), safe='')}-{parts.port or _PORTS[parts.scheme]}"


def token_path(address: str, project: str) -> Path:
    """Where a token for a project at an address is stored."""
    return config_directory() / "tokens" / origin(address) / encode_project(project)


def _same_origins(address: str) -> list[str]:
    """The origin of an address, and those of this machine's other names where it is one of these."""
    parts = split_address(address)
    names = LOOPBACK | (ANY_ADDRESS - {""})
    others = sorted(names - {parts.hostname}) if parts.hostname in names else []
    own = f":{parts.port}" if parts.port else ""
    hosts = [f"[{name}]" if ":" in name else name for name in others]
    return [origin(address), *(origin(f"{parts.scheme}://{host}{own}") for host in hosts)]


def saved_projects(address: str) -> list[str]:
    """The projects for which a token is stored for the address, by name."""
    found = {
        decode_project(path.name)
        for each in _same_origins(address)
        for path in (config_directory() / "tokens" / each).glob("*")
    }
    return sorted(name for name in found if name is not None)


def is_token_given() -> bool:
    """Whether the environment names a token, which goes before all that are stored."""
    return any(variable(name) is not None for name in ("BUDGETCTL_TOKEN", "BUDGETCTL_TOKEN_FILE"))


def find_token(address: str, project: str) -> str | None:
    """The token to show at that address, if there is one.

    One that is stored for this machine holds for all names by which the machine calls itself.
    """
    text = variable("BUDGETCTL_TOKEN")
    if text is not None:
        return _checked(text, "BUDGETCTL_TOKEN")
    named = variable("BUDGETCTL_TOKEN_FILE")
    if named is not None:
        path = Path(named).expanduser()
        try:
            with path.open("rb") as file:  # which may be a pipe: <(pass show budgets)
                return _checked(file.read(_MAX_BYTES).decode(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(path, error, "check BUDGETCTL_TOKEN_FILE") from error
    stored = (config_directory() / "tokens" / each / encode_project(project) for each in _same_origins(address))
    return next((token for token in map(_stored_token, stored) if token is not None), None)


def _stored_token(path: Path) -> str | None:
    try:
        return _checked(read_regular(path, _MAX_BYTES).decode(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error, "store the token again: budgetctl token save") from error


def store_token(address: str, project: str, token: str) -> Path:
    """Keep a token for an address, readable by its owner only."""
    path = token_path(address, project)
    make_private(path.parent)
    for directory in (path.parent, path.parent.parent):
        directory.chmod(0o700)  # it may have been there before, as the file may
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        path.chmod(0o600)
        file.write(_checked(token, "the token") + "\n")
    return path


def _unreadable(path: Path, error: OSError | UnicodeDecodeError, hint: str) -> StoreUnavailableError:
    reason = getattr(error, "strerror", None) or "it is no text"
    return StoreUnavailableError(f"cannot read the token in {path}: {reason}", hint=hint)


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidValueError(f"{where} holds no token", hint="it is one line that begins with bctl_")
    return token
