"""Stores that earlier code has made open, are brought up to date, and go on.

`data/first.db` and `data/first.sql` hold one project with one of everything. The same calls of `BudgetManager` have
made it on SQLite (schema 8) and on PostgreSQL (schema 5), by a clock that began at noon of 22 November 2026 UTC:
budgets with calendar windows, zones, thresholds, parents, a cap and limits on patterns of models; charges with keys
and usage, a refund, a corrected price, top-ups; holds that are open, expired, committed (one of them late) and
released, and one of a deleted budget; a budget created again; one taken over from litellm, and shadows of two of its
hosted clients, one of them undecided; the answer of a request; windows that were rolled and reported, a carry, and a
clock that was confirmed. Only the database has tokens of a server, and a threshold that was told.

The file was vacuumed with pages of 1,024 bytes, so that it is small. The other one is `pg_dump --schema=budgetctl
--no-owner --no-privileges --column-inserts`, with the functions of its day, without comments and lines for psql.
`data/first.txt` is what both showed when they were made. None of the three is ever made again: what a later version
cannot read of them, it cannot read of anybody's.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.store import ChargeRequest
from budgetctl.money import Picodollars, parse_amount
from budgetctl.server.hosted.rules import set_budget
from budgetctl.server.tokens.postgres import PostgresTokens
from budgetctl.stores import SqliteStore
from budgetctl.stores.postgres.store import PostgresStore
from budgetctl.stores.sqlite.schema import VERSION
from support.postgres import new_database
from support.schemas import schema_of
from support.soundness import assert_sound

DATA = Path(__file__).parent / "data"
USERS = ("alice", "bob", "carol", "dave", "erin", "hosted", "team")
MADE_S = 90_120
"""How long the clock had gone when the last change was made: a day, an hour, and two minutes."""


@contextmanager
def opened(store):
    with closing(store):
        yield BudgetManager(store.project, store=store)


@pytest.fixture
def now(clock):
    """The clock as it stood when the stores were made."""
    clock.advance(seconds=MADE_S)
    return clock


@pytest.fixture
def file(home):
    return Path(shutil.copy(DATA / "first.db", home / "p.db"))


@pytest.fixture
def url():
    """The URL of a database into which the dump was restored."""
    with new_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute((DATA / "first.sql").read_bytes())
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request, now):
    """The project, in either database. In the end, it must be sound."""
    if request.param == "sqlite":
        store = SqliteStore(request.getfixturevalue("file"), "p", clock=now)
    else:
        store = PostgresStore(request.getfixturevalue("url"), "p", clock=now)
    with opened(store) as manager:
        yield manager
        assert_sound(store)


def shown(manager):
    """All that the project shows, as lines."""
    for user in USERS:
        budget = manager.budget(user)
        yield f"{user} under {budget.parent}, {json.dumps(dict(budget.extra))}"
        for of, limit in budget.standings:
            on_top = Picodollars(limit.allowance - limit.amount)
            yield (
                f"  {of or 'the project'}'s {limit.name}: {limit.amount} and {on_top} on top,"
                f" spent {limit.spent}, held {limit.held}, {limit.duration} {limit.align} {limit.zone},"
                f" {limit.models or 'all models'}, from {limit.window_start_us} to {limit.window_end_us},"
                f" tells at {limit.warn_at}"
            )
        yield from (f"  {model}: {spent}" for model, spent in sorted(budget.models.items()))
        for left in manager.top_ups(user):
            yield f"  top-up {left.number}: {left.left} of {left.amount} until {left.expires_us}, {left.note}"
        for entry in manager.history(user):
            details = [entry.refers_to, entry.usage, entry.pricing, entry.note, entry.closed and list(entry.closed)]
            yield (
                f"  {entry.number} {entry.kind} {entry.amount} {entry.model} at {entry.at_us},"
                f" {json.dumps(details, ensure_ascii=False)}"
            )
    for hold in manager.holds(resolved=True):
        yield (
            f"hold {hold.hold_id} of {hold.user}: {hold.amount} {hold.model}, {hold.state}, from {hold.created_us}"
            f" to {hold.expires_us}, {hold.resolved_us}, {hold.number}, {hold.note}"
        )
    for crossing in manager.crossings():
        yield f"crossing of {crossing.standing.user}: {crossing.percent} %"


def test_it_shows_what_it_showed(kept):
    assert list(shown(kept)) == (DATA / "first.txt").read_text(encoding="utf-8").splitlines()


def test_its_counters_are_the_sums_of_its_entries(kept):
    assert list(kept.verify()) == []


def test_a_charge_counts_in_all_that_stands_above(kept):
    def spent():
        return {(of, limit.name): limit.spent for of, limit in kept.budget("alice").standings}

    before = spent()
    kept.charge("alice", "0.01", model="azure/gpt-4o")
    assert spent() == {limit: amount + parse_amount("0.01") for limit, amount in before.items()}
    assert len(before) == 5


def test_a_key_of_then_is_known(kept):
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    charge = kept.charge("alice", "0.25", model="openai/gpt-4o", usage=usage, key="job-1")
    assert (charge.replayed, charge.entry.number) == (True, 1)


def test_a_hold_of_then_is_committed(kept):
    before = kept.budget("alice").limit.held
    kept.commit("open", "0.3", model="gpt-4o")
    assert before - kept.budget("alice").limit.held == parse_amount("0.5")


def test_money_is_set_aside(kept):
    kept.reserve("alice", "0.05", hold_id="new", model="gpt-4o")
    assert {hold.hold_id for hold in kept.holds("alice")} == {"open", "new"}


def test_what_happened_before_its_windows_counts_nowhere(kept, now):
    before = [limit.spent for _, limit in kept.budget("alice").standings]
    kept.charge("alice", "0.01", at=now.ago(hours=24 * 365))
    assert [limit.spent for _, limit in kept.budget("alice").standings] == before


def test_entries_name_the_holds_that_they_have_resolved(kept):
    committed = {(hold.user, hold.number): hold.hold_id for hold in kept.holds(resolved=True) if hold.number}
    named = {
        (user, entry.number): entry.hold_id
        for user in USERS
        for entry in kept.history(user)
        if entry.hold_id is not None
    }
    assert named
    assert named.items() <= committed.items()


def test_windows_pass(kept, now):
    now.advance(days=40)
    count, _ = kept.reset_due()
    assert count > 0
    assert kept.budget("alice").limit.spent == 0


def test_a_top_up_of_then_expires(kept, now):
    now.advance(days=7)
    assert kept.top_ups("alice") == []
    kept.charge("alice", "1")
    assert kept.budget("alice").remaining == parse_amount("9")


def test_a_hosted_client_that_goes_on_is_charged_for_what_is_new(kept, now):
    at_s = (now() - (MADE_S - 120) * 1_000_000) / 1_000_000
    terms = {"total_budget": 8, "duration": 30, "created_at": at_s, "last_updated_at": at_s}
    posted = {"hosted": {**terms, "current_cost": 0.75, "model_cost": {"gpt-4o": 0.75}}}
    set_budget(kept._store, "t1", {"user_dict": posted})
    assert kept.budget("hosted").limit.spent == parse_amount("0.75")


def test_a_threshold_that_was_told_then_is_not_told_again(file, home, now):
    much = ChargeRequest("alice", parse_amount("1000"))
    with closing(SqliteStore(Path(shutil.copy(file, home / "copy.db")), "p", clock=now)) as store:
        store.charge(much)
        first, *others = store.crossings()
    limit = first.standing.limit
    with closing(sqlite3.connect(file)) as connection, connection:
        told = (limit.limit_id, limit.generation, first.percent)
        connection.execute("INSERT INTO told_thresholds VALUES (1, ?, ?, ?)", told)
    with closing(SqliteStore(file, "p", clock=now)) as store:
        store.charge(much)
        assert [crossing.percent for crossing in store.crossings()] == [crossing.percent for crossing in others]
        assert list(store.verify()) == []


def test_the_file_ends_at_the_schema_of_a_new_one(file, home, now):
    for path in (file, home / "new.db"):
        with opened(SqliteStore(path, "p", clock=now)) as manager:
            manager.create("new", "1")

    def schema(path):
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()
            return version, schema_of(connection)

    assert schema(file) == schema(home / "new.db")
    assert schema(file)[0] == (VERSION,)


def test_the_database_ends_at_the_tables_of_a_new_one(url, now):
    def tables(url):
        with opened(PostgresStore(url, "p", clock=now)) as manager:
            manager.create("new", "1")
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
                " FROM information_schema.columns WHERE table_schema = 'budgetctl' ORDER BY 1, 2"
            ).fetchall()

    with new_database() as other:
        assert tables(url) == tables(other)


def test_tokens_of_then_are_known(url):
    with closing(PostgresTokens(url)) as tokens:
        first, second = tokens.tokens()
    assert (first.token_id, first.project, first.read_only, first.revoked_us) == ("00000000aa", "p", False, None)
    assert (second.token_id, second.read_only, second.revoked_us is None) == ("00000000bb", True, False)
