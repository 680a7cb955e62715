"""What a server does over PostgreSQL alone: several transactions at once, and amounts of more than 64 bits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import pytest

from budgetctl.ledger.store import BudgetChange
from budgetctl.money import parse_amount
from budgetctl.server.committer import WORTH_ANOTHER
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound
from support.waiting import eventually

USERS = ["alice", *(f"user-{number}" for number in range(WORTH_ANOTHER))]
PATIENCE_S = 0.5
"""How long the server's store waits for others."""


@pytest.fixture
def project():
    """A project with budgets for all users, sound in the end."""
    with closing(PostgresStore(server_url(), new_project())) as store:
        store.create_budgets([(user, BudgetChange(amount=parse_amount("10"))) for user in USERS])
        yield store
        assert_sound(store)


def charge(server, project, user, amount=1):
    body = {"project": project.project, "user": user, "amount_picodollars": amount}
    return server.ask("POST", "/v1/charge", body)


@contextmanager
def held(project, user=None):
    """Keep everybody else from a user's budget, or from all of the project."""
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with project.write(user=user):
            entered.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    entered.wait(30)
    try:
        yield
    finally:
        leave.set()
        holder.join()


def wait_for_users(server, count):
    """Wait until so many requests have arrived."""
    eventually(lambda: sum(project.users for project in server.server.projects) >= count)


def test_enough_requests_need_not_wait_for_a_transaction_that_waits(serve, project):
    server = serve(partial(PostgresStore, server_url()))
    with ThreadPoolExecutor(WORTH_ANOTHER + 1) as clients:
        with held(project, "alice"):
            kept_waiting = clients.submit(charge, server, project, "alice")
            wait_for_users(server, 1)
            others = [clients.submit(charge, server, project, user) for user in USERS[1:]]
            assert {each.result().status for each in others} == {200}
            assert not kept_waiting.done()
        assert kept_waiting.result().status == 200


def test_no_charge_of_many_clients_at_once_is_lost_and_each_clients_own_are_in_order(serve, project):
    server = serve(partial(PostgresStore, server_url()))
    each = 6

    def spend(number):
        """Charge what everybody shares and one's own in turn, and return the numbers of the own entries."""
        answers = []
        for amount in range(1, each + 1):
            assert charge(server, project, "alice").status == 200
            answers.append(charge(server, project, f"user-{number % WORTH_ANOTHER}", amount))
        return [answer.document["entry"]["number"] for answer in answers]

    clients = 2 * WORTH_ANOTHER
    with ThreadPoolExecutor(clients) as pool:
        numbers = list(pool.map(spend, range(clients)))
    assert all(own == sorted(own) for own in numbers)
    assert project.budget("alice").limit.spent == clients * each
    assert project.budget("user-0").limit.spent == 2 * sum(range(1, each + 1))
    assert len(list(project.history("alice"))) == clients * each


def test_everybody_who_waits_is_told_that_the_store_is_busy(serve, project):
    server = serve(partial(PostgresStore, server_url(), wait_s=PATIENCE_S))
    with ThreadPoolExecutor(len(USERS)) as clients:
        with held(project):
            answers = list(clients.map(partial(charge, server, project), USERS))
        assert {(answer.status, answer.document["error"]["code"]) for answer in answers} == {(503, "busy")}
        assert {answer.status for answer in clients.map(partial(charge, server, project), USERS)} == {200}
    assert project.summary().spent == len(USERS)


def test_an_amount_of_more_than_64_bits_is_answered_exactly(serve, project):
    server = serve(partial(PostgresStore, server_url()))
    amount = 10**26 + 1
    assert charge(server, project, "alice", amount).document["entry"]["amount_picodollars"] == amount
