"""litellm's own `BudgetManager(client_type="hosted")`, in processes of its own, against the protocol."""

from __future__ import annotations

import pytest

from support.hosting import assert_answered, run_bursts

BUDGET = [10, "alice", "monthly"]


@pytest.fixture
def server(guarded):
    yield guarded
    assert_answered(guarded)


@pytest.fixture
def client(litellm_clients, server):
    return litellm_clients[0].open(server.address, server.new_token("p"))


@pytest.fixture
def other(litellm_clients, server):
    return litellm_clients[1].open(server.address, server.new_token("p"))


def spent(store, user="alice"):
    return store.budget(user).limit.spent


def test_a_project_that_is_unknown_has_no_users(client):
    assert client("get_users") == []


def test_a_budget_that_a_client_creates_is_there_for_others(client, other, store):
    client("create_budget", *BUDGET)
    assert store.budget("alice").limit.duration == "monthly"
    other("load_data")
    assert (other("get_users"), other("get_total_budget", "alice")) == (["alice"], 10)


def test_what_a_client_spends_is_charged_by_model(client, store):
    client("create_budget", *BUDGET)
    cost = client("burst", ["alice"], 10)
    assert (spent(store), sum(store.budget("alice").models.values())) == (cost, cost)
    assert {entry.kind for entry in store.history("alice")} == {"spend"}


def test_a_client_that_loads_again_sees_what_others_have_spent(client, other, store):
    client("create_budget", *BUDGET)
    other("load_data")
    cost = client("burst", ["alice"], 4) + other("burst", ["alice"], 3)
    client("load_data")
    assert client("get_current_cost", "alice") == pytest.approx(cost / 10**12)
    cost += client("burst", ["alice"], 2)
    assert spent(store) == cost


def test_what_a_client_resets_is_reset_for_all(client, other, store, clock):
    client("create_budget", *BUDGET)
    client("burst", ["alice"], 4)
    clock.advance(seconds=3)
    client("reset_cost", "alice")
    client("save_data")
    other("load_data")
    assert (spent(store), other("get_current_cost", "alice")) == (0, 0)
    assert next(store.history("alice")).kind == "reset"


def test_a_slash_behind_the_address_does_not_matter(litellm_clients, server, store):
    litellm_clients[0].open(server.address + "/", server.new_token("p"))("create_budget", *BUDGET)
    assert store.budget("alice").user == "alice"


@pytest.mark.parametrize("is_empty", [True, False])
def test_bursts_of_four_clients_at_once_are_charged_to_the_picodollar(litellm_clients, home, is_empty):
    difference, resets = run_bursts(litellm_clients, home / "p.db", 40, is_empty=is_empty)
    assert (difference, resets) == (0, 2)
