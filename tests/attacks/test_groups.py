"""Requests that a database cannot keep, in the midst of everybody else's: they fail alone, and with a clear error.

Names are drawn at random, since an index compresses what repeats itself.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import BudgetctlError, InvalidValueError
from budgetctl.ledger.holds import Hold, HoldRequest
from budgetctl.ledger.store import BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.money import parse_amount
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from budgetctl.stores.sql.account import Account
from support.postgres import new_project, server_url
from support.soundness import assert_sound

CENT = parse_amount("0.01")
USERS = [f"user-{number}" for number in range(8)]
MINUTE_US = 60_000_000


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, home):
    """A project with a budget for each user, sound in the end."""
    is_postgres = request.param == "postgres"
    store = PostgresStore(server_url(), new_project()) if is_postgres else SqliteStore(home / "p.db", "p")
    with closing(store):
        store.create_budgets([(user, BudgetChange(amount=parse_amount("100"))) for user in USERS])
        yield store
        assert_sound(store)


def ideographs(chance: random.Random, count: int) -> str:
    """So many characters of three bytes."""
    return "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(count))


def culprit(chance: random.Random) -> ChargeRequest | HoldRequest | CommitRequest:
    """A request that neither database keeps, as no door lets it pass."""
    user, name = chance.choice(USERS), f"h{chance.random()}"
    return chance.choice(
        [
            ChargeRequest(user, CENT, note="\ud800"),
            ChargeRequest(user, CENT, model="m\udfff"),
            HoldRequest(name, user, CENT, 2**63, "m"),
            HoldRequest(name + "\ud800", user, CENT, MINUTE_US, "m"),
            CommitRequest("\ud800", ChargeRequest("", CENT)),
            ReleaseRequest("\ud800"),
        ]
    )


def decent(chance: random.Random, number: int) -> ChargeRequest | HoldRequest:
    """A request that nothing speaks against."""
    user = chance.choice(USERS)
    if chance.random() < 0.5:
        return ChargeRequest(user, CENT, model=f"m{number % 3}")
    return HoldRequest(f"hold {number} {chance.random()}", user, CENT, MINUTE_US, "m")


@pytest.mark.parametrize("culprits", [1, 3, 20])
def test_requests_that_no_column_takes_fail_alone(store, chance, culprits):
    requests = [decent(chance, number) for number in range(60)]
    bad = [culprit(chance) for _ in range(culprits)]
    for each in bad:
        requests.insert(chance.randrange(len(requests) + 1), each)
    answers = store.apply(requests)
    for request, answer in zip(requests, answers, strict=True):
        assert isinstance(answer, InvalidValueError) is any(request is each for each in bad), (request, answer)
    made = [each for each in answers if not isinstance(each, BudgetctlError)]
    assert len(list(store.holds())) == sum(isinstance(each, Hold) for each in made)
    assert sum(len(list(store.history(user))) for user in USERS) == sum(not isinstance(each, Hold) for each in made)


def test_a_model_too_long_for_an_index_fails_alone(chance):
    with closing(PostgresStore(server_url(), new_project())) as store:
        store.create_budgets([(user, BudgetChange(amount=parse_amount("100"))) for user in USERS])
        requests = [ChargeRequest(user, CENT, model="m") for user in USERS]
        requests[chance.randrange(8)] = ChargeRequest("user-0", CENT, model=ideographs(chance, 900))
        answers = store.apply(requests)
        (error,) = [each for each in answers if isinstance(each, BudgetctlError)]
        assert isinstance(error, InvalidValueError)
        assert "index row size" in error.message
        assert answers.index(error) == next(place for place, each in enumerate(requests) if each.model != "m")


def test_the_longest_names_that_are_taken_fit_into_every_index(chance):
    user, hold, project = ("".join(chr(chance.randrange(0x10000, 0x1FFFF)) for _ in range(256)) for _ in range(3))
    with closing(PostgresStore(server_url(), project)) as store:
        manager = BudgetManager(project, store=store)
        manager.create(user, "10")
        manager.add_limit(user, "5", models=f"*{ideographs(chance, 332)}", name=user)
        for number in range(2):
            model = f"{ideographs(chance, 332)}!"
            manager.reserve(user, "0.01", hold_id=f"{hold[1:]}{number}", model=model)
            assert manager.charge(user, "0.01", model=model).entry.model == model
        assert manager.check(user, "0.01", model=model).allowed
        assert_sound(store)


def test_a_charge_counts_against_hundreds_of_limits(chance):
    """Six users one above another with a hundred limits each, whose keys and generations are those of years."""
    with closing(PostgresStore(server_url(), new_project())) as store:
        manager = BudgetManager(store.project, store=store)
        chain = [f"level {level}" for level in range(6)]
        for parent, user in zip([None, *chain], chain, strict=False):
            manager.create(user, "10", parent=parent)
            with store.write() as tx:  # as `add_limit` does, in a hundredth of its time
                account = Account.open(tx, user)
                for number in range(99):
                    account.add_limit(f"limit {number}", BudgetChange(amount=parse_amount("10")), None)
                account.save()
                tx.run(
                    "SELECT setval('limits_limit_id_seq', nextval('limits_limit_id_seq') + :years)",
                    years=chance.randrange(10**6),
                )
                tx.run(
                    "UPDATE limits SET generation = 1 + limit_id * :prime % 5003"
                    " WHERE project = :project AND account = :account",
                    prime=7919,
                    account=account.row.account_id,
                )
        assert manager.charge(chain[-1], "0.01", model="m").budget.limit.spent == CENT
        both = store.apply([ChargeRequest(user, CENT, model="m") for user in (chain[-1], chain[0])])
        assert [each.entry.amount for each in both] == [CENT, CENT]
        hold = manager.reserve(chain[-1], "0.01").hold_id
        manager.commit(hold, "0.01")
        assert len(manager.budget(chain[-1]).standings) == 600
        assert manager.budget(chain[0]).limit.spent == 4 * CENT
        assert_sound(store)


def test_a_client_with_names_that_no_index_takes_disturbs_nobody(serve, chance):
    with closing(PostgresStore(server_url(), new_project())) as store:
        store.create_budgets([(user, BudgetChange(amount=parse_amount("100"))) for user in USERS])
        server = serve(partial(PostgresStore, server_url()))
        bodies = [
            {"project": store.project, "user": user, "amount_picodollars": 1, "model": model}
            for user in USERS
            for model in ("m", ideographs(chance, 900), "m")
        ]
        with ThreadPoolExecutor(len(USERS)) as clients:
            statuses = list(clients.map(lambda body: server.ask("POST", "/v1/charge", body).status, bodies))
        assert statuses == [200, 422, 200] * len(USERS)
        assert sum(budget.limit.spent for budget in store.budgets()) == 2 * len(USERS)
