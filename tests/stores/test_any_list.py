"""Whatever requests come in a list: PostgreSQL does with them what SQLite does with each of them alone."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.ledger.values import Charge, IdempotencyKey
from budgetctl.money import Picodollars
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_project, server_url
from support.soundness import assert_sound

NOON_US = 1_795_348_800_000_000
HOUR_US = 3_600_000_000
USERS = ["alice", "bob", "team", "nobody"]

users = st.sampled_from(USERS)
cents = st.integers(0, 30).map(Picodollars)
models = st.sampled_from([None, "small", "large-1", "large-2", "seller/small"])
called = st.sampled_from([(), (), ("large-1",), ("other/small", "large-2")])
names = st.sampled_from("abcdefgh")


def key(kind, name):
    return name and IdempotencyKey(kind, name.encode() * 16, name.encode() * 16)


charges = st.builds(
    lambda user, amount, model, name, called: ChargeRequest(
        user, amount, model, key=key("caller", name), called=called
    ),
    users,
    cents,
    models,
    st.none() | names,
    called,
)
reserves = st.builds(
    lambda name, user, amounts, ttl_us, model, called, is_part: HoldRequest(
        name, user, max(amounts), ttl_us, model, None, called, min(amounts) if is_part else None
    ),
    names,
    users,
    st.lists(cents, min_size=2, max_size=2),
    st.sampled_from([HOUR_US, 48 * HOUR_US]),
    models,
    called,
    st.sampled_from([False, False, False, True]),
)
commits = st.builds(
    lambda name, amount, model, called: CommitRequest(
        name, ChargeRequest("", amount, model, key=key("commit", name), called=called)
    ),
    names,
    cents,
    models,
    called,
)
releases = st.builds(ReleaseRequest, names)
lists = st.one_of(
    st.lists(charges, min_size=2, max_size=6),
    st.lists(reserves, min_size=2, max_size=6, unique_by=lambda each: each.hold_id),
    st.lists(commits, min_size=2, max_size=6),
    st.lists(charges | reserves | commits | releases, max_size=8),
)
pauses = st.sampled_from([0, 0, 0, HOUR_US, 30 * HOUR_US])


def fill(store):
    """A parent with two users, limits for some models, windows, and a cap on all."""
    for user, amount, duration, parent in [
        (PROJECT, 600, None, None),
        ("team", 400, "daily", None),
        ("alice", 200, None, "team"),
        ("bob", 200, "weekly", None),
    ]:
        change = BudgetChange(amount=Picodollars(amount), duration=duration, parent=parent)
        store.create_budget(user, change, if_exists="error")
    store.add_limit("alice", "large", BudgetChange(amount=Picodollars(80)), "large-*")
    store.add_limit("team", "large", BudgetChange(amount=Picodollars(120)), "large-*")


def attempt(store, request):
    """The answer of the request's own method, or its error."""
    try:
        if isinstance(request, ChargeRequest):
            return store.charge(request)
        if isinstance(request, HoldRequest):
            return store.reserve(request)
        if isinstance(request, CommitRequest):
            return store.commit(*request)
        return store.release(request.hold_id)
    except BudgetctlError as error:
        return error


def told(answer):
    """What an answer says, but for the budget, which may be the one after the whole list."""
    if isinstance(answer, BudgetctlError):
        return type(answer), str(answer)
    return (answer.entry, answer.replayed, answer.budget.user) if isinstance(answer, Charge) else answer


def stands(store, user):
    budget = store.budget(user)
    limits = [(owner, limit._replace(limit_id=0)) for owner, limit in budget.standings]
    return budget._replace(project="", limit=None, standings=(), updated_us=0), limits, list(store.history(user))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(pauses, lists), min_size=1, max_size=6))
def test_a_list_does_what_its_requests_do_one_by_one(steps):
    now_us = NOON_US
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(SqliteStore(Path(directory, "p.db"), "p", clock=lambda: now_us)) as alone,
        closing(PostgresStore(server_url(), new_project(), clock=lambda: now_us)) as listed,
    ):
        fill(alone)
        fill(listed)
        for pause_us, requests in steps:
            now_us += pause_us
            answers = listed.apply(requests)
            assert [told(answer) for answer in answers] == [told(attempt(alone, request)) for request in requests]
        for user in (PROJECT, "alice", "bob", "team"):
            assert stands(listed, user) == stands(alone, user)
        assert_sound(listed)
