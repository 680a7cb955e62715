"""Documents that are nested as deeply as older versions have taken them: whoever reads them still can."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import CorruptStoreError
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.money import parse_amount
from budgetctl.names import MAX_DEPTH
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url

CENT = parse_amount("0.01")
LEFT_OUT = "nested too deeply to show"


def nested(depth, *, in_arrays=False):
    document = {']}\\"': "[{"}
    for _ in range(depth - 1):
        document = [document] if in_arrays else {"x": document, "y": "\\"}
    return {"x": document} if in_arrays else document


def depth_of(document):
    depth, level = 0, [document]
    while level:
        depth += 1
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
    return depth


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request, home):
    """Open a project's store."""
    return partial(PostgresStore, server_url()) if request.param == "postgres" else partial(SqliteStore, home / "p.db")


@pytest.fixture
def store(open_store):
    """A project with documents in it as no door lets them pass any more."""
    with closing(open_store(new_project())) as store:
        store.create_budget("alice", BudgetChange(parse_amount("10"), extra=nested(500)), if_exists="error")
        for depth, in_arrays in ((MAX_DEPTH, False), (MAX_DEPTH + 1, False), (700, False), (700, True)):
            document = nested(depth, in_arrays=in_arrays)
            store.charge(ChargeRequest("alice", CENT, usage=document, pricing=document))
        yield store


def shown(entries):
    """The depths of the usages, oldest first, and of which of them something is left out."""
    usages = [entry["usage"] for entry in reversed(entries)]
    return [(depth_of(usage), LEFT_OUT in json.dumps(usage)) for usage in usages]


SHOWN = [(MAX_DEPTH, False)] + [(MAX_DEPTH, True)] * 3


def test_a_ledger_with_deep_documents_is_read_by_the_library(store):
    manager = BudgetManager(store.project, store=store)
    entries = [entry._asdict() for entry in manager.history("alice")]
    assert shown(entries) == SHOWN
    assert entries[-1]["usage"] == nested(MAX_DEPTH)
    assert len(list(store.charges("*"))) == 0
    record = manager.user_dict["alice"]
    assert (depth_of(dict(record)["x"]), dict(record)["y"]) == (MAX_DEPTH - 1, "\\")
    manager.user_dict["alice"]["team"] = "red"
    assert BudgetManager(store.project, store=store).user_dict["alice"]["team"] == "red"


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_ledger_with_deep_documents_is_read_by_the_command_line(run, home, form):
    with closing(SqliteStore(home / "p.db", "default")) as store:
        store.create_budget("alice", BudgetChange(parse_amount("10"), extra=nested(500)), if_exists="error")
        store.charge(ChargeRequest("alice", CENT, usage=nested(700), pricing=nested(700)))
    done = run("--store", home / "p.db", "history", "alice", "--format", form)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_ledger_with_deep_documents_is_read_over_http(serve, store, open_store):
    server = serve(open_store)
    answer = server.ask("GET", f"/v1/history?project={store.project}&user=alice")
    assert shown(answer.document["items"]) == SHOWN
    with closing(server.open(store.project)) as client:
        entries = [entry._asdict() for entry in client.history("alice")]
    assert shown(entries) == SHOWN


def test_a_hosted_client_loads_and_saves_a_project_with_deep_documents(serve, store, open_store):
    server = serve(open_store)
    loaded = server.ask("POST", "/get_budget", {"project_name": store.project}).document["data"]
    loaded["alice"]["current_cost"] += 0.5
    saved = server.ask("POST", "/set_budget", {"project_name": store.project, "user_dict": loaded})
    assert saved.document == {"status": "success"}
    assert store.budget("alice").limit.spent == 4 * CENT + parse_amount("0.5")


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, pytest.param(5_000, marks=pytest.mark.long), 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(serve, store, open_store, depth):
    server = serve(open_store)
    head = f'{{"project": "{store.project}", "user": "alice", "amount_picodollars": 1, "usage": '
    for brackets in (b'{"x":', b"}"), (b"[", b"]"):
        inner = b'{"x":' + brackets[0] * (depth - 1) + b"1" + brackets[1] * (depth - 1) + b"}"
        answer = server.ask("POST", "/v1/charge", head.encode() + inner + b"}", Content_Type="application/json")
        assert answer.status in (400, 413, 422)
    assert len(list(store.history("alice"))) == 4


def test_a_document_that_is_damaged_is_called_so(home):
    with closing(SqliteStore(home / "p.db", "p")) as store:
        store.create_budget("alice", BudgetChange(parse_amount("10")), if_exists="error")
        store.charge(ChargeRequest("alice", CENT, usage={"x": 1}))
        with store.write() as tx:
            tx.run("UPDATE entries SET usage = '{\"x\"; 1}'")
        with pytest.raises(CorruptStoreError, match="no JSON any more"):
            list(store.history("alice"))
