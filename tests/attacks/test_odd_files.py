"""Pipes and directories in the place of files that are read by a name of their own: nobody waits for them.

No device stands in for them: what writes such files as root would put a file in its place, for everybody.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from budgetctl.directories import cache_directory, config_directory, data_directory
from budgetctl.errors import BudgetctlError, InvalidValueError, StoreUnavailableError
from budgetctl.files.opening import read_regular
from budgetctl.files.replacing import replace
from budgetctl.pricing.prices import own_prices, price_files, price_map
from budgetctl.server.tokens import open_tokens
from budgetctl.stores.remote.credentials import find_token, token_path


def is_pipe(path: Path) -> None:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)


def is_directory(path: Path) -> None:
    """Make a directory."""
    path.mkdir()


ODD = pytest.mark.parametrize("make", [is_pipe, is_directory])


@ODD
def test_the_users_own_prices(make: Callable[[Path], None]) -> None:
    config_directory().mkdir(parents=True)
    make(config_directory() / "prices.toml")
    price_files.forget()
    with pytest.raises(InvalidValueError, match=r"your prices cannot be read: .*prices\.toml: (it is a pipe|Is a dir)"):
        own_prices.load()


@ODD
def test_the_price_map(make: Callable[[Path], None]) -> None:
    data_directory().mkdir(parents=True)
    make(data_directory() / "model_prices.json")
    price_files.forget()
    with pytest.raises(OSError, match=r"it is a pipe|Is a dir"):
        price_map.in_force().load()


@ODD
def test_a_stored_token(make: Callable[[Path], None]) -> None:
    path = token_path("http://host", "p")
    path.parent.mkdir(parents=True)
    make(path)
    with pytest.raises(StoreUnavailableError, match="cannot read the token in"):
        find_token("http://host", "p")


@ODD
def test_the_tokens_of_a_server(make: Callable[[Path], None]) -> None:
    data_directory().mkdir(parents=True)
    make(data_directory() / "tokens.json")
    with pytest.raises(OSError, match=r"it is a pipe|Is a dir"):
        open_tokens(None).find("nobody")


@ODD
def test_the_tokens_of_a_server_that_are_to_be_copied(
    make: Callable[[Path], None], run: Callable, tmp_path: Path
) -> None:
    data_directory().mkdir(parents=True)
    make(data_directory() / "tokens.json")
    done = run("backup", "--all", tmp_path / "copies")
    assert done.returncode
    assert "tokens.json: " in done.stderr


def test_a_token_that_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUDGETCTL_TOKEN_FILE", "/dev/zero")
    with pytest.raises(BudgetctlError, match="holds no token"):
        find_token("http://host", "p")


def test_a_token_may_come_through_a_pipe_that_somebody_writes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"bctl_id_secret\n")
    os.close(writer)
    monkeypatch.setenv("BUDGETCTL_TOKEN_FILE", f"/dev/fd/{reader}")
    assert find_token("http://host", "p") == "bctl_id_secret"
    os.close(reader)


def test_what_is_remembered_of_litellm(run: Callable) -> None:
    priced = ("estimate", "--model", "gpt-4o", "--input-tokens", "1000", "--json")
    expected = run(*priced).stdout
    kept = [path for path in cache_directory().iterdir() if path.is_file()]
    assert kept
    for path in kept:
        path.unlink()
        os.mkfifo(path)
    assert run(*priced).stdout == expected


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    is_pipe(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OSError, match="it is a pipe or a device"):
        replace(tmp_path / "link", b"text")
    assert ((tmp_path / "pipe").is_fifo(), len(list(tmp_path.glob("pipe*")))) == (True, 1)


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    replace(tmp_path / "link", b"new")
    assert ((tmp_path / "file").read_text(), (tmp_path / "link").is_symlink()) == ("new", True)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 4097)
    with pytest.raises(OSError, match="larger than 4 KiB"):
        read_regular(tmp_path / "file", 4096)
    assert len(read_regular(tmp_path / "file", 4097)) == 4097
