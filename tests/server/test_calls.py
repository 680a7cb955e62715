"""What a request does, and what it does when it is sent again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from budgetctl.errors import KeyConflictError, UnknownUserError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.keys import caller_key
from budgetctl.ledger.store import BudgetChange, ChargeRequest
from budgetctl.ledger.values import Charge
from budgetctl.money import Picodollars
from budgetctl.stores.remote import store as http
from budgetctl.stores.sql import requests
from budgetctl.wire import calls
from budgetctl.wire.calls import CALLS
from support.requests import ask, change, fill
from support.waiting import eventually

WRITES = [name for name, call in CALLS.items() if call.writes]
DAY_US = 86_400_000_000


def stored(server):
    """What the project's store says of everybody."""
    store = server.open("p")
    return [(each, list(store.history(each.user))) for each in store.budgets()], list(store.holds(resolved=True))


@pytest.mark.parametrize("name", WRITES)
def test_a_request_with_the_same_key_takes_effect_once(server, name, clock):
    clock.advance(days=1)
    first = ask(server, name, Idempotency_Key="k")
    after = stored(server)
    again = ask(server, name, Idempotency_Key="k")
    assert first.status == 200
    # What a hold was committed with is a key too, and that was used before.
    assert again.document | {"replayed": False} == first.document | {"replayed": False}
    assert stored(server) == after


@pytest.mark.parametrize("name", [name for name in WRITES if CALLS[name].kind == "once"])
def test_a_key_that_was_another_requests_is_refused(server, name):
    ask(server, "refund" if name == "reset" else "reset", Idempotency_Key="k")
    answer = ask(server, name, Idempotency_Key="k")
    assert (answer.status, answer.document["error"]["code"]) == (409, "key_conflict")


def test_a_charge_with_another_charges_key_is_refused(server):
    ask(server, "charge", Idempotency_Key="k")
    answer = server.ask(
        "POST", "/v1/charge", {"project": "p", "user": "alice", "amount_picodollars": 2}, Idempotency_Key="k"
    )
    assert (answer.status, answer.document["error"]["code"]) == (409, "key_conflict")


def test_each_charge_of_a_batch_has_a_key_of_its_own(server):
    batch = {"project": "p", "requests": [{"charge": {"user": "alice", "amount_picodollars": 1}}] * 3}
    first = server.ask("POST", "/v1/apply", batch, Idempotency_Key="k").document["items"]
    again = server.ask("POST", "/v1/apply", batch, Idempotency_Key="k").document["items"]
    assert [item["charge"]["entry"]["number"] for item in first] == [3, 4, 5]
    assert [item["charge"]["entry"] for item in again] == [item["charge"]["entry"] for item in first]


def test_what_failed_is_tried_again_under_the_same_key(server):
    body = {"project": "p", "user": "zoe"}
    assert server.ask("POST", "/v1/reset", body, Idempotency_Key="k").status == 404
    server.open("p").create_budget("zoe", change(amount_picodollars=1), if_exists="error")
    assert server.ask("POST", "/v1/reset", body, Idempotency_Key="k").status == 200


def test_answers_are_forgotten_after_a_day(server, open_file, clock):
    ask(server, "reset", Idempotency_Key="k")
    clock.advance(seconds=requests.KEPT_US / 1_000_000)
    store = open_file("p")
    store.forget_requests()
    with store.read() as tx:
        assert tx.all("SELECT * FROM requests WHERE project = :project") == []
    store.close()
    assert ask(server, "reset", Idempotency_Key="k").document["closed"]["generation"] == 2


def test_a_commit_of_the_same_hold_needs_no_key_to_be_made_once(server):
    assert ask(server, "commit").body != ask(server, "commit").body  # the second says that it is the first
    assert sum(entry.kind == "spend" for entry in server.open("p").history("alice")) == 2


def test_an_unknown_user_of_an_unknown_project_leaves_no_file_behind(server, home):
    answer = server.ask("POST", "/v1/reset", {"project": "nothing", "user": "alice"}, Idempotency_Key="k")
    assert answer.status == 404
    assert not (home / "nothing.db").exists()


def test_the_clients_own_retry_after_a_lost_answer_changes_nothing(server, monkeypatch):
    store = server.open("p")
    store.budget("alice")
    connection = store._link._connection()
    answered = connection.getresponse
    lost = []

    def lose_the_first():
        answer = answered()
        if not lost:
            lost.append(answer.read())
            raise ConnectionResetError
        return answer

    monkeypatch.setattr(connection, "getresponse", lose_the_first)
    charge = store.charge(ChargeRequest("alice", Picodollars(7)))
    assert lost
    assert (charge.entry.number, charge.replayed) == (3, False)
    assert store.budget("alice").limit.spent == 12


def test_requests_that_wait_together_share_a_transaction(server, open_file):
    entered, leave = threading.Event(), threading.Event()
    store = open_file("p")

    def hold():
        with store.write():
            entered.set()
            leave.wait(30)

    writer = threading.Thread(target=hold)
    writer.start()
    entered.wait(30)
    with ThreadPoolExecutor(20) as clients:
        answers = [clients.submit(ask, server, "charge") for _ in range(20)]
        project = next(iter(server.server.projects))
        eventually(lambda: project.users == 20)
        leave.set()
        times = {each.result().document["entry"]["at_us"] for each in answers}
        numbers = {each.result().document["entry"]["number"] for each in answers}
    writer.join()
    store.close()
    assert numbers == set(range(3, 23))
    assert len(times) == 1


def test_one_that_is_refused_takes_nothing_else_of_its_group_with_it(server):
    wanted = [{"charge": {"user": user, "amount_picodollars": 1}} for user in ("alice", "nobody", "alice")]
    items = server.ask("POST", "/v1/apply", {"project": "p", "requests": wanted}).document["items"]
    assert [list(item) for item in items] == [["charge"], ["error"], ["charge"]]
    assert items[1]["error"]["code"] == "unknown_user"


def test_a_batch_over_http_answers_values_and_errors(server):
    charge, error = server.open("p").apply([ChargeRequest(user, Picodollars(1)) for user in ("alice", "nobody")])
    assert isinstance(charge, Charge)
    assert isinstance(error, UnknownUserError)


def test_lists_come_in_pages_whose_seams_cannot_be_seen(server):
    store = server.open("p")
    store.create_budgets([(f"user-{number:03}", change(amount_picodollars=number % 7)) for number in range(250)])
    path = "/v1/budgets?project=p&sort=budget&limit=9"
    seen, page = [], server.ask("GET", path).document
    while page["next"]:
        seen += [item["user"] for item in page["items"]]
        assert len(page["items"]) == 9
        page = server.ask(
            "GET", f"{path}&after={page['next']['after']}&after_value={page['next']['after_value']}"
        ).document
    seen += [item["user"] for item in page["items"]]
    assert seen == [budget.user for budget in store.budgets(sort="budget")]
    assert len(seen) == 252


LISTS = {
    "budgets": lambda store: store.budgets(sort="spent"),
    "holds": lambda store: store.holds(),
    "history": lambda store: store.history("alice"),
    "charges": lambda store: store.charges("*"),
    "due": lambda store: store.due(),
    "unreported_resets": lambda store: store.unreported_resets(),
    "crossings": lambda store: store.crossings(),
    "reset_all": lambda store: store.reset_all(),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_read_to_its_end_page_by_page(server, open_file, clock, monkeypatch, name):
    monkeypatch.setattr(http, "_FIRST_PAGE", 2)
    monkeypatch.setattr(calls, "_PAGE", 3)
    with closing(open_file("p")) as local:
        local.create_budget(
            "", change(amount_picodollars=10, duration="daily", warn_at=[50, 80, 90]), if_exists="error"
        )
        for number in range(8):
            user = f"user-{number}"
            local.create_budget(user, change(amount_picodollars=9, duration="daily", warn_at=[1, 2]), if_exists="error")
            local.reserve(HoldRequest(f"hold-{number}", user, Picodollars(0), DAY_US))
        for number in range(8):
            for user in ("alice", f"user-{number}"):
                local.charge(ChargeRequest(user, Picodollars(number + 1), model="m", usage={"x": 1}))
        if name in ("due", "unreported_resets"):
            clock.advance(days=1)
        if name == "unreported_resets":
            local.reset_due()
        here, there = ([*LISTS[name](store)] for store in (local, server.open("p")))
        if name == "reset_all":
            here, there = ([reset.user for reset in resets] for resets in (here, there))
    assert len(here) >= 8
    assert there == here


def test_the_budget_of_the_project_has_no_user(server):
    body = {"project": "p", "user": "", "amount_picodollars": 1, "if_exists": "change"}
    assert server.ask("POST", "/v1/create-budget", body).status == 200
    assert server.ask("GET", "/v1/budget?project=p&user=").document["user"] == ""
    assert server.ask("POST", "/v1/charge", {"project": "p", "user": "", "amount_picodollars": 1}).status == 422


@pytest.mark.parametrize("user", ["a/b", "a?b&c=d", "ü ß", "..", "%2e", "a+b", "'; --", "💸"])
def test_a_user_may_have_any_name(server, user):
    store = server.open("p")
    store.create_budget(user, change(amount_picodollars=10), if_exists="error")
    store.charge(ChargeRequest(user, Picodollars(1)))
    assert store.budget(user).limit.spent == 1
    assert [entry.number for entry in store.history(user)] == [1]


def test_a_key_conflict_is_the_same_error_on_both_sides(server):
    store = server.open("p")
    one, two = (
        ChargeRequest("alice", amount, key=caller_key("k", amount=amount, model=None, usage=None))
        for amount in map(Picodollars, (1, 2))
    )
    store.charge(one)
    assert store.charge(one).replayed
    with pytest.raises(KeyConflictError, match="used before"):
        store.charge(two)


def test_two_projects_know_nothing_of_each_other(server):
    fill(server.open("other"))
    server.open("other").reset("alice")
    assert ask(server, "budget").document["limit"]["spent_picodollars"] == 5


def test_a_budget_stands_once_beside_all_charges_of_a_batch(server):
    wanted = [{"charge": {"user": user, "amount_picodollars": 1}} for user in ("alice", "dora", "alice")]
    document = server.ask("POST", "/v1/apply", {"project": "p", "requests": wanted}).document
    assert [item["charge"]["budget"] for item in document["items"]] == [0, 1, 0]
    assert [budget["user"] for budget in document["budgets"]] == ["alice", "dora"]
    requests = [ChargeRequest(user, Picodollars(1)) for user in ("dora", "alice")]
    assert [answer.budget.user for answer in server.open("p").apply(requests)] == ["dora", "alice"]


def test_a_budget_of_a_server_that_does_not_say_what_decides_is_bound_by_its_own_limit(server):
    store = server.open("p")
    store.create_budget("team", BudgetChange(amount=Picodollars(1)), if_exists="error")
    store.change_budget("alice", BudgetChange(parent="team"))
    (item, *_) = server.ask("GET", "/v1/budgets?project=p").document["items"]
    assert [each["user"] for each in item["deciding"]] == ["team"]
    budget = CALLS["budgets"].answer.read(item, "an item", strict=False)
    assert (budget.user, budget.binding.user, budget.remaining) == ("alice", "team", 1)
    del item["deciding"]
    older = CALLS["budgets"].answer.read(item, "an item", strict=False)
    assert (older.binding.user, older.remaining) == ("alice", older.limit.remaining)


def test_a_decision_of_an_older_server_is_read_without_its_reason(server):
    server.open("p").reserve(
        HoldRequest("all", "alice", Picodollars(server.open("p").budget("alice").remaining), DAY_US)
    )
    answer = server.ask("GET", "/v1/check?project=p&user=alice").document
    decision = CALLS["check"].read_answer(answer)
    assert (decision.reason, decision.holds) == ("held", 2)
    for name in ("reason", "frees_us", "holds"):
        del answer[name]
    assert CALLS["check"].read_answer(answer) == decision._replace(reason=None, frees_us=None, holds=0)
