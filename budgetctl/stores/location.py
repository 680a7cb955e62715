"""The places of stores: the data directory, the file of a project, and the values of `--store`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from budgetctl.directories import data_directory
from budgetctl.errors import InvalidValueError

SUFFIX = ".db"

_MAX_FILE_NAME = 240
"""Of the 255 bytes that file systems allow, `.db.lock` and `.db-journal` need the rest."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_")
_DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]")
"""Names that Windows keeps for devices, whatever the suffix."""

_SCHEMES = frozenset({"http", "https", "postgresql", "postgres"})

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names by which a machine calls itself."""

ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # which are compared with, and not listened on
"""Where a server listens that is to be reached by all addresses of its machine."""

_HOST_AND_PORT = re.compile(r"(?:[\w.-]{2,}|\[[0-9a-fA-F:.]+\]):\d{1,5}(?:/.*)?", re.ASCII)
"""The address of a server without its scheme. A single letter before the colon is a drive."""

_MOUNTS = Path("/proc/self/mounts")
_NETWORK_FILESYSTEMS = frozenset(
    "9p afs beegfs ceph cifs fuse.ceph fuse.glusterfs fuse.sshfs glusterfs lustre ncpfs nfs nfs4 smb3 smbfs".split()
)


def encode_project(name: str) -> str:
    """The project's name as a file name that neither leaves its directory nor meets another's.

    Everything but lower-case ASCII letters, digits, `-` and `_` is percent-encoded, upper case too: file systems that
    ignore case or normalise Unicode must not make two projects one.
    """
    plain = frozenset() if _DEVICE.fullmatch(name) else _PLAIN
    encoded = "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in name.encode())
    if len(encoded) > _MAX_FILE_NAME:
        raise InvalidValueError(f"the project name {name[:40]!r}… is too long for a file name: shorten it")
    return encoded


def decode_project(file_name: str) -> str | None:
    """The project whose file has this name (without suffix), or None when no project would be stored so."""
    from urllib.parse import unquote_to_bytes

    try:
        name = unquote_to_bytes(file_name).decode()
    except UnicodeDecodeError:
        return None
    return name if name and encode_project(name) == file_name else None


def store_path(location: str | os.PathLike[str] | None, project: str) -> Path:
    """The SQLite file of a project.

    `location` is a file, a directory of stores (one that exists, or that ends in a slash), or None for the data
    directory.
    """
    file_name = encode_project(project) + SUFFIX
    if location is None:
        return data_directory() / file_name
    text = os.fspath(location)
    if not text.strip():
        raise InvalidValueError("the store is empty: give a file, or leave it out for the data directory")
    if "\0" in text:
        raise InvalidValueError(f"the store {text!r} has a NUL character in it")
    check_slashes(text)
    scheme, separator, _ = text.partition("://")
    if separator:
        # Only the scheme is repeated: what follows may hold a password.
        raise InvalidValueError(
            f"a store at {scheme}:// is not supported: give the path of a file",
            hint="budgetctl --store ./budgets.db",
        )
    path = Path(text).expanduser()
    return path / file_name if is_directory(text) else path


def check_slashes(location: str | os.PathLike[str]) -> None:
    """Raise `InvalidValueError` for an address that lacks its scheme or a slash: it would be taken for a file."""
    if _HOST_AND_PORT.fullmatch(os.fspath(location)):
        raise InvalidValueError(
            f"the store {os.fspath(location)} is an address without its http://",
            hint=f"--store http://{os.fspath(location)}, or --store ./{os.fspath(location)} for a file of that name",
        )
    scheme, colon, rest = os.fspath(location).partition(":")
    if colon and scheme.lower() in _SCHEMES and not rest.startswith("//"):
        raise InvalidValueError(
            f"the store begins with {scheme}: and is no address: two slashes follow in one",
            hint=f"--store {scheme.lower()}://…, or --store ./{scheme}:… for a file of that name",
        )


def is_server(location: str | os.PathLike[str] | None) -> bool:
    """Whether a location is the address of a server."""
    return isinstance(location, str) and location.startswith(("http://", "https://"))


def is_database(location: str | os.PathLike[str] | None) -> bool:
    """Whether a location is the URL of a PostgreSQL database."""
    return isinstance(location, str) and location.startswith(("postgresql://", "postgres://"))


def without_password(location: str) -> str:
    """A location as it may be shown: a URL has no password in it."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^/?#@:]*):.*@", r"\1@", location))


def is_directory(location: str | os.PathLike[str]) -> bool:
    """Whether a location means a directory of stores: one that exists, or a name that ends in a slash."""
    text = os.fspath(location)
    return text.endswith(("/", os.sep)) or Path(text).expanduser().is_dir()


def project_files(directory: Path) -> Iterator[tuple[str, Path]]:
    """The projects that have a store in the directory, by name, with their files."""
    found = []
    if directory.is_dir():
        for path in directory.glob("*" + SUFFIX):
            name = decode_project(path.name.removesuffix(SUFFIX))
            if name is not None and path.is_file():
                found.append((name, path))
    yield from sorted(found)


def network_filesystem(path: Path) -> str | None:
    """The type of the network file system that holds the path, or None. Known on Linux only."""
    try:
        mounts = _MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return None
    resolved = str(path.resolve())
    best, kind = "", None
    for line in mounts:
        _, point, filesystem, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, filesystem
    return kind if kind in _NETWORK_FILESYSTEMS else None
