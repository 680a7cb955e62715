"""Where a project's file is, which files are projects, and on which file systems."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetctl.errors import InvalidValueError, StoreUnavailableError
from budgetctl.ledger.store import BudgetChange
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore, location, open_store, project_stores
from budgetctl.stores.location import decode_project, encode_project, network_filesystem, project_files, store_path

CHANGE = BudgetChange(amount=parse_amount("10"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_file_name_is_plain_whatever_the_project(name):
    assert re.fullmatch("[a-z0-9_%A-F-]+", encode_project(name))
    assert store_path("/stores/", name).parent == Path("/stores")


@pytest.mark.parametrize("name", ["con", "prn", "aux", "nul", "com1", "lpt9"])
def test_no_file_is_called_like_a_device_of_windows(name):
    assert encode_project(name) != name
    assert decode_project(encode_project(name)) == name


@pytest.mark.parametrize("file_name", ["A.db", "a%62.db", "%zz.db", "%ff.db", "con.db", ".db", "notes.txt"])
def test_files_that_no_project_would_have_are_not_listed(home, file_name):
    (home / file_name).write_bytes(b"x")
    assert list(project_files(home)) == []


@pytest.mark.parametrize("address", ["http:/host", "https:host", "HTTP:/host/", "postgresql:/host/budgets", "http:"])
def test_an_address_that_lacks_a_slash_is_no_file(address):
    with pytest.raises(InvalidValueError, match="two slashes"):
        open_store(address, "p")
    with pytest.raises(InvalidValueError, match="two slashes"):
        list(project_stores(address))


def test_a_file_may_be_called_like_an_address_where_it_is_a_path():
    assert store_path("./http:/host", "p") == Path("http:/host")


def test_a_location_that_ends_in_a_slash_is_a_directory_of_stores(home):
    assert store_path(f"{home}/new/", "p") == home / "new" / "p.db"


def test_without_a_location_it_is_the_data_directory(home):
    assert store_path(None, "p") == home / "data" / "budgetctl" / "p.db"


def test_a_relative_location_stays_where_it_was_when_the_program_changes_its_directory(home, monkeypatch):
    with closing(SqliteStore(Path("p.db"), "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
        monkeypatch.chdir(home)
        assert store.budget("alice").user == "alice"


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home {home} nfs4 rw 0 0
tmpfs {home}/fast tmpfs rw 0 0
server:/my\\040files {home}/fast/my\\040files cifs rw 0 0
"""


@pytest.fixture
def mounted(home, monkeypatch):
    """The home directory as a network file system, with a local one and another network one inside."""
    (home / "mounts").write_text(MOUNTS.format(home=home))

    def mount():
        monkeypatch.setattr(location, "_MOUNTS", home / "mounts")

    return mount


@pytest.mark.parametrize(
    ("inside", "filesystem"),
    [
        ("p.db", "nfs4"),
        ("fast/p.db", None),
        ("fast/my files/p.db", "cifs"),
        ("../p.db", None),
        ("../home-2/p.db", None),
    ],
)
def test_the_innermost_mount_says_whether_it_is_a_network_file_system(home, mounted, inside, filesystem):
    mounted()
    assert network_filesystem(home / inside) == filesystem


def test_no_store_is_made_on_a_network_file_system(home, mounted):
    mounted()
    with closing(open_store(home, "p")) as store, pytest.raises(StoreUnavailableError, match="nfs4"):
        store.create_budget("alice", CHANGE, if_exists="error")
    assert not (home / "p.db").exists()


def test_a_store_that_was_moved_to_a_network_file_system_is_refused(home, mounted):
    with closing(open_store(home, "p")) as store:
        store.create_budget("alice", CHANGE, if_exists="error")
    mounted()
    with closing(open_store(home, "p")) as store, pytest.raises(StoreUnavailableError, match="nfs4"):
        store.budget("alice")
