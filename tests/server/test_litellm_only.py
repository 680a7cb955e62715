"""A server that speaks litellm's protocol alone, as its own users have written them."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import InvalidValueError, OverBudgetError, UnknownUserError


@pytest.fixture
def projects():
    """What the server has stored: project → user → record."""
    return {}


@pytest.fixture
def address(projects):
    """Where it listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/get_budget":
                data = projects.get(asked["project_name"])
                self.answer({"status": "error"} if data is None else {"status": "success", "data": data})
            elif self.path == "/set_budget":
                projects[asked["project_name"]] = asked["user_dict"]
                self.answer({"status": "success"})
            else:
                self.send_error(404)

        def answer(self, document):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def manager(address):
    with closing(BudgetManager("shop", client_type="hosted", api_base=address)) as manager:
        yield manager


def test_budgets_are_created_charged_and_reset_there(manager, projects):
    manager.create_budget(10, "alice", "monthly")
    manager.charge("alice", "0.25", model="m")
    manager.charge("alice", "0.5", model="m")
    record = projects["shop"]["alice"]
    assert (record["total_budget"], record["duration"], record["current_cost"]) == (10, 28, 0.75)
    assert record["model_cost"] == {"m": 0.75}
    manager.reset_cost("alice")
    assert projects["shop"]["alice"]["current_cost"] == 0
    manager.delete_budget("alice")
    assert projects["shop"] == {}


def test_what_others_have_stored_is_seen_and_kept(manager, projects):
    projects["shop"] = {"bob": {"total_budget": 5, "current_cost": 4.5, "model_cost": {"m": 4.5}, "team": "blue"}}
    assert manager.get_current_cost("bob") == 4.5
    assert manager.user_dict["bob"]["team"] == "blue"
    manager.user_dict["bob"]["total_budget"] = 6
    assert projects["shop"]["bob"] == {
        "total_budget": 6, "current_cost": 4.5, "model_cost": {"m": 4.5}, "team": "blue"
    }  # fmt: skip
    assert not manager.check("bob", "2").allowed
    assert [budget.user for budget in manager.budgets(sort="spent")] == ["bob"]


def test_an_unknown_user_is_an_error(manager):
    with pytest.raises(UnknownUserError):
        manager.charge("nobody", "1")


@pytest.mark.parametrize(
    "act",
    [
        lambda manager: manager.reserve("alice", "1"),
        lambda manager: manager.commit("h", "1"),
        lambda manager: list(manager.history("alice")),
        lambda manager: list(manager.holds()),
        lambda manager: list(manager.verify()),
        lambda manager: manager.refund("alice", 1),
        lambda manager: manager.add_limit("alice", "1"),
        lambda manager: manager.cap("1"),
        lambda manager: manager.charge("alice", "1", key="k"),
        lambda manager: manager.set("alice", parent="bob"),
        lambda manager: manager.set("alice", timezone="Europe/London"),
    ],
)
def test_what_the_protocol_has_no_words_for_is_an_error_and_changes_nothing(manager, projects, act):
    manager.create_budget(10, "alice")
    before = json.dumps(projects)
    with pytest.raises(InvalidValueError, match="speaks litellm's protocol alone"):
        act(manager)
    assert json.dumps(projects) == before


def test_a_duration_that_a_record_cannot_hold_is_not_posted(manager, projects):
    with pytest.raises(InvalidValueError):
        manager.create_budget(10, "alice", "hourly")
    assert projects == {}


def test_the_command_line_works_on_it_too(address, run, projects):
    assert run("create", "alice", "1", "--store", address, "-p", "shop").returncode == 0
    assert (
        run("check", "alice", "--cost", "2", "--store", address, "-p", "shop").returncode == OverBudgetError.exit_code
    )
    result = run("reserve", "alice", "1", "--store", address, "-p", "shop")
    assert result.returncode == 2
    assert "speaks litellm's protocol alone" in result.stderr
