"""The client: whom it shows its token, what it makes of answers that are not a server's, and `client_type="hosted"`."""

from __future__ import annotations

import os
import threading
import warnings
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import (
    BudgetctlError,
    InvalidValueError,
    NotAuthorisedError,
    StoreBusyError,
    StoreUnavailableError,
)
from budgetctl.stores import open_store
from budgetctl.stores.remote.credentials import find_token, store_token
from budgetctl.stores.remote.store import open_http_store


@pytest.fixture
def stranger():
    """A server of somebody else's, that answers everybody the same and remembers who has asked."""

    class Handler(BaseHTTPRequestHandler):
        status, headers_sent, body = 200, {}, b"hello"
        asked: ClassVar[list] = []

        def do_GET(self):
            self.asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(self.status)
            for name, value in self.headers_sent.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(self.body)))
            self.end_headers()
            self.wfile.write(self.body)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield Handler
        server.shutdown()


def test_a_redirect_takes_nothing_elsewhere(server, stranger, monkeypatch):
    monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_id_secret")
    stranger.status, stranger.headers_sent = 307, {"Location": f"{server.address}/v1/budget"}
    logged = server.logged()
    with closing(open_store(stranger.address, "p")) as store, pytest.raises(BudgetctlError, match="redirects to"):
        store.budget("alice")
    assert len(stranger.asked) == 1
    assert server.logged() == logged


def test_what_answers_otherwise_is_no_server_of_ours(stranger):
    stranger.status = 404
    with closing(open_store(stranger.address, "p")) as store, pytest.raises(BudgetctlError, match="answered 404"):
        store.budget("alice")


def test_an_answer_that_is_no_json_is_an_error(stranger):
    with closing(open_store(stranger.address, "p")) as store, pytest.raises(BudgetctlError):
        store.budget("alice")


@pytest.mark.parametrize(
    ("status", "kind"), [(503, StoreBusyError), (429, StoreBusyError), (502, StoreUnavailableError)]
)
def test_a_server_that_cannot_answer_now_is_asked_again(stranger, status, kind):
    stranger.status = status
    stranger.asked.clear()
    with closing(open_store(stranger.address, "p", wait_s=1.5)) as store, pytest.raises(kind):
        store.budget("alice")
    assert len(stranger.asked) > 2


def test_a_server_that_is_not_there_cannot_be_reached():
    with closing(open_store("http://127.0.0.1:9", "p")) as store, pytest.raises(StoreUnavailableError, match="reach"):
        store.budget("alice")


@pytest.mark.parametrize("address", ["http://", "http://user:secret@host", "https://host?x=secret", "http://host:port"])
def test_an_address_that_is_none_is_refused_without_repeating_a_secret(address):
    with pytest.raises(InvalidValueError) as raised:
        open_store(address, "p")
    assert "secret" not in f"{raised.value} {raised.value.hint}"


class TestTokens:
    """Which token is shown to whom."""

    def test_the_environment_goes_before_a_file_and_that_before_a_stored_one(self, home, monkeypatch):
        store_token("http://host", "p", "bctl_stored_x")
        assert find_token("http://host", "p") == "bctl_stored_x"
        (home / "token").write_text("bctl_file_x\n")
        monkeypatch.setenv("BUDGETCTL_TOKEN_FILE", str(home / "token"))
        assert find_token("http://host", "p") == "bctl_file_x"
        monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_environment_x")
        assert find_token("http://host", "p") == "bctl_environment_x"

    @pytest.mark.parametrize("other", ["https://host", "http://host:8484", "http://host.evil", "http://hos"])
    def test_a_stored_token_is_for_the_address_it_was_stored_for(self, other):
        store_token("http://host", "p", "bctl_stored_x")
        assert find_token(other, "p") is None
        assert find_token("http://host:80/", "p") == "bctl_stored_x"
        assert find_token("http://host", "q") is None

    def test_others_can_look_into_none_of_its_directories_whatever_the_umask_lets_them(self, home):
        def modes() -> list[int]:
            return [each.stat().st_mode & 0o777 for each in (path, path.parent, path.parent.parent)]

        before = os.umask(0)
        try:
            path = store_token("http://host", "p", "bctl_stored_x")
            assert modes() == [0o600, 0o700, 0o700]
            assert {each.stat().st_mode & 0o777 for each in path.parents if each.is_relative_to(home / ".config")} <= {
                0o700
            }
            for each in (path, path.parent, path.parent.parent):
                each.chmod(0o777)
            store_token("http://host", "p", "bctl_stored_x")
            assert modes() == [0o600, 0o700, 0o700]
        finally:
            os.umask(before)

    def test_a_stored_token_can_be_read_by_its_owner_only(self):
        path = store_token("http://host", "p", "bctl_stored_x")
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "  ", "two words", "line\nline", "\x1b[0m", "tökén"])
    def test_what_is_no_token_is_refused(self, text):
        with pytest.raises(InvalidValueError, match="no token"):
            store_token("http://host", "p", text)

    def test_a_token_that_goes_in_the_clear_is_warned_about(self, monkeypatch):
        monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_id_secret")
        with pytest.warns(UserWarning, match="in the clear") as caught:
            open_store("http://budgets.example", "p")
        assert "secret" not in str(caught[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            open_store("https://budgets.example", "p")
            open_store("http://127.0.0.1:8484", "p")

    def test_headers_that_are_given_go_before_the_token(self, guarded, monkeypatch):
        monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_id_secret")
        headers = {"authorization": f"Bearer {guarded.new_token('p')}"}
        with closing(open_http_store(guarded.address, "p", headers=headers)) as store:
            assert not store.exists()

    def test_a_token_that_the_server_does_not_know_is_not_authorised(self, guarded, monkeypatch):
        monkeypatch.setenv("BUDGETCTL_TOKEN", "bctl_id_secret")
        with closing(open_store(guarded.address, "p")) as store, pytest.raises(NotAuthorisedError) as raised:
            store.exists()
        assert raised.value.exit_code == 7


class TestHosted:
    """`BudgetManager(client_type="hosted")`."""

    def test_works_as_a_local_one_does(self, server):
        with closing(BudgetManager("shop", client_type="hosted", api_base=server.address)) as manager:
            manager.create_budget(10, "alice", "monthly")
            manager.charge("alice", "0.5", model="m")
            assert manager.get_current_cost("alice") == 0.5
            assert manager.user_dict["alice"]["model_cost"] == {"m": 0.5}
            manager.user_dict["alice"]["total_budget"] = 20
            assert manager.get_total_budget("alice") == 20
            assert manager.get_users() == ["alice"]

    def test_sees_what_others_change(self, server):
        with (
            closing(BudgetManager("shop", client_type="hosted", api_base=f"{server.address}/")) as one,
            closing(BudgetManager("shop", client_type="hosted", api_base=server.address)) as two,
        ):
            one.create_budget(10, "alice")
            assert list(two.user_dict) == ["alice"]
            one.charge("alice", "1")
            assert two.user_dict["alice"]["current_cost"] == 1
            two.charge("alice", "1")
            assert one.user_dict["alice"]["current_cost"] == 2

    def test_needs_an_address(self, monkeypatch, server):
        with pytest.raises(ValueError, match="api_base"):
            BudgetManager("shop", client_type="hosted")
        monkeypatch.setenv("BUDGETCTL_STORE", "./budgets.db")
        with pytest.raises(ValueError, match="BUDGETCTL_STORE"):
            BudgetManager("shop", client_type="hosted")
        monkeypatch.setenv("BUDGETCTL_STORE", server.address)
        with closing(BudgetManager("shop", client_type="hosted")) as manager:
            assert manager.get_users() == []

    def test_sends_the_headers_that_it_was_given(self, guarded):
        headers = {"Authorization": f"Bearer {guarded.new_token('shop')}"}
        with closing(BudgetManager("shop", client_type="hosted", api_base=guarded.address, headers=headers)) as manager:
            manager.create_budget(10, "alice")
            assert manager.is_valid_user("alice")
