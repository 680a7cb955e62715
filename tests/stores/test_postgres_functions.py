"""PostgreSQL's functions: whose they are, which of them a version uses, and that what is common is done by them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

import budgetctl
from budgetctl.errors import StoreUnavailableError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.ledger.values import IdempotencyKey
from budgetctl.money import ZERO, parse_amount
from budgetctl.stores import open_store
from budgetctl.stores.postgres.functions import functions_schema
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_database
from support.soundness import assert_sound

CENT = parse_amount("0.01")
TEN = BudgetChange(amount=parse_amount("10"), duration="monthly")
DAY_US = 86_400_000_000
BEFORE = Path(__file__).with_name("data") / "first.sql"


@pytest.fixture
def database():
    with new_database() as url:
        yield url


@pytest.fixture
def watcher(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def roles(watcher):
    """Make roles that may log in, which are dropped in the end."""
    made = []

    def make():
        made.append(f"role_{token_hex(6)}")
        watcher.execute(f"CREATE ROLE {made[-1]} LOGIN PASSWORD 'p'")
        return made[-1]

    yield make
    for role in reversed(made):
        watcher.execute(f"DROP OWNED BY {role} CASCADE")
        watcher.execute(f"DROP ROLE {role}")


def url_of(database, role):
    parts = urlsplit(database)
    return urlunsplit(parts._replace(netloc=f"{role}:p@{parts.netloc.rpartition('@')[2]}"))


def schemas(watcher):
    """The schemas of functions that the database has."""
    rows = watcher.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'budgetctl_fn_') ORDER BY 1")
    return [name for (name,) in rows]


# What is common is done by them


OPERATIONS = {
    "charge": lambda store: store.charge(ChargeRequest("alice", CENT, "m")),
    "charge with a key": lambda store: store.charge(
        ChargeRequest("alice", CENT, "m", key=IdempotencyKey("caller", b"k" * 16, b"r" * 16))
    ),
    "reserve": lambda store: store.reserve(HoldRequest("new", "alice", CENT, DAY_US, "m")),
    "reserve what is left": lambda store: store.reserve(HoldRequest("new", "alice", CENT, DAY_US, "m", at_least=ZERO)),
    "commit": lambda store: store.commit("open", ChargeRequest("", CENT, "m")),
    "release": lambda store: store.release("open"),
    "check": lambda store: store.check("alice", CENT, "m"),
    "list of charges": lambda store: store.apply(
        [ChargeRequest(user, CENT, "m") for user in ("alice", "bob", "alice")]
    ),
    "list of holds": lambda store: store.apply([HoldRequest(n, "alice", CENT, DAY_US, "m") for n in "ab"]),
    "list of what is left": lambda store: store.apply(
        [HoldRequest(n, "alice", CENT, DAY_US, "m", at_least=ZERO) for n in "ab"]
    ),
    "list of commits": lambda store: store.apply(
        [CommitRequest(name, ChargeRequest("", CENT, "m")) for name in ("open", "other")]
    ),
    "list of releases": lambda store: store.apply([ReleaseRequest(name) for name in ("open", "other")]),
}
CALLED = {
    "charge": ["charge"],
    "charge with a key": ["charge"],
    "reserve": ["reserve"],
    "reserve what is left": ["reserve"],
    "commit": ["charge"],
    "release": ["release"],
    "check": ["look"],
    "list of charges": ["apply", "post_all"],
    "list of holds": ["apply", "reserve_all"],
    "list of what is left": ["apply", "perform", "reserve"],
    "list of commits": ["apply", "post_all"],
    "list of releases": ["apply", "release"],
}
DOING = ("apply", "charge", "reserve", "release", "look", "perform", "post_all", "reserve_all")


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_ordinary_is_one_call_of_its_function_and_nothing_besides(database, watcher, clock, name):
    counting = f"{database}{'&' if '?' in database else '?'}options=-c%20track_functions%3Dall"
    with closing(PostgresStore(counting, "p", clock=clock)) as store:
        for user, parent in ((PROJECT, None), ("team", None), ("alice", "team"), ("bob", None)):
            store.create_budget(user, TEN._replace(parent=parent), if_exists="error")
        store.add_limit("alice", "few", TEN, "m*")
        store.charge(ChargeRequest("alice", CENT, "m"))  # patterns are matched once, by Python
        for hold in ("open", "other"):
            store.reserve(HoldRequest(hold, "alice", CENT, DAY_US, "m"))
        before = calls(store, watcher)
        OPERATIONS[name](store)
        (query,) = queries(watcher)
        after = calls(store, watcher)
        assert_sound(store)
    # What the shared code does is several statements in a transaction that ends with another one.
    assert query.startswith(f"SELECT {functions_schema()}.{CALLED[name][0]}(")
    done = {function: count - before.get(function, 0) for function, count in after.items()}
    assert sorted(each for each in DOING if done.get(each)) == sorted(
        CALLED[name] if name != "list of releases" else [*CALLED[name], "perform"]
    )
    assert done[CALLED[name][0]] == 1


def queries(watcher):
    """The last statement of each session of a store."""
    rows = watcher.execute(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'budgetctl'"
    )
    return [query for (query,) in rows]


def calls(store, watcher, schema=None):
    """How often each function was called, by those that count."""
    with store.read() as tx:
        tx.one("SELECT pg_stat_force_next_flush()")
    rows = watcher.execute(
        "SELECT funcname, calls FROM pg_stat_user_functions WHERE schemaname = %s", [schema or functions_schema()]
    )
    return dict(rows.fetchall())


# A database of the version before, whose functions are beside the tables


def test_a_database_made_before_goes_on_by_the_functions_of_this_version(database, watcher, clock):
    watcher.execute(BEFORE.read_bytes())
    before = watcher.execute("SELECT version, step FROM budgetctl.migrations ORDER BY version").fetchall()
    counting = f"{database}{'&' if '?' in database else '?'}options=-c%20track_functions%3Dall"
    with closing(PostgresStore(counting, "p", clock=clock)) as store:
        store.create_budget("new", BudgetChange(amount=parse_amount("10")), if_exists="error")
        store.charge(ChargeRequest("new", CENT))
        store.reserve(HoldRequest("later", "new", CENT, DAY_US, "gpt-4o"))
        store.release("later")
        store.check("new", CENT, "gpt-4o")
        store.apply([HoldRequest(f"{n}", "new", CENT, DAY_US) for n in range(3)])
        store.apply([CommitRequest(f"{n}", ChargeRequest("", CENT)) for n in range(3)])
        assert_sound(store)
        assert calls(store, watcher)["charge"] > 0
        # Beside the tables stand triggers alone, for versions that know nothing of some columns.
        assert calls(store, watcher, "budgetctl").keys() <= {"start_generation", "come_under_parent"}
    after = watcher.execute("SELECT version, step FROM budgetctl.migrations ORDER BY version").fetchall()
    assert after[: len(before)] == before


# Several versions at once

SERVE = """
import sys
from contextlib import closing
from budgetctl.money import parse_amount
from budgetctl.ledger.holds import HoldRequest
from budgetctl.stores import open_store
from budgetctl.ledger.store import ChargeRequest, CommitRequest
from budgetctl.stores.postgres.functions import functions_schema

url, me = sys.argv[1:]
cent = parse_amount("0.01")
with closing(open_store(url, "p")) as store:
    print(functions_schema(), flush=True)
    sys.stdin.readline()  # both have begun
    notes = set()
    for number in range(30):
        store.charge(ChargeRequest("alice", cent, "m"))
        for hold in ("c", "r"):
            store.reserve(HoldRequest(f"{me}-{hold}-{number}", "alice", cent, 86_400_000_000, note="own"))
        store.commit(f"{me}-c-{number}", ChargeRequest("", cent))
        notes.add(store.release(f"{me}-r-{number}").note)
        store.apply([ChargeRequest("alice", cent), ChargeRequest("bob", cent)])
    print(*sorted(notes), flush=True)
"""


@pytest.fixture
def another_version(tmp_path):
    """The directory of a budgetctl whose functions are others: `release` answers with another note."""
    package = Path(budgetctl.__file__).parent
    shutil.copytree(package, tmp_path / "budgetctl", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "budgetctl" / "stores" / "postgres" / "sql" / "functions.sql"
    text = file.read_text()
    assert text.count("'note', hold.note)") == 1
    file.write_text(text.replace("'note', hold.note)", "'note', 'another')"))
    return tmp_path


def serving(url, directory, name):
    return subprocess.Popen(
        [sys.executable, "-c", SERVE, url, name],
        env={**os.environ, "PYTHONPATH": str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_versions_serve_one_database_each_by_its_own_functions(database, watcher, another_version):
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
        store.create_budget("bob", TEN, if_exists="error")
        own = Path(budgetctl.__file__).parents[1]
        programs = [serving(database, own, "one"), serving(database, another_version, "two")]
        used = [program.stdout.readline().strip() for program in programs]
        answers = [program.communicate("go\n", timeout=120)[0].strip() for program in programs]
        assert [program.returncode for program in programs] == [0, 0]
        assert answers == ["own", "another"]
        assert used[0] == functions_schema()
        assert schemas(watcher) == sorted(used)
        assert store.budget("alice").limit.spent == 2 * 30 * 3 * CENT
        assert store.budget("bob").limit.spent == 2 * 30 * CENT
        assert store.summary().users == 2
        assert_sound(store)


# Upgrading


def test_a_program_whose_functions_were_pruned_makes_them_anew_and_loses_nothing(database, watcher):
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
        for operation in (
            lambda: store.charge(ChargeRequest("alice", CENT, "m")),
            lambda: store.check("alice", CENT, "m"),
            lambda: store.budget("alice"),
            lambda: store.change_budget("alice", BudgetChange(amount=CENT)),
        ):
            operation()
            watcher.execute(f"DROP SCHEMA {functions_schema()} CASCADE")
            operation()
        assert store.budget("alice").limit.spent == 2 * CENT
        assert_sound(store)


# Roles


def grant_tables(watcher, role):
    for right in (
        "USAGE ON SCHEMA budgetctl",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA budgetctl",
        "USAGE ON ALL SEQUENCES IN SCHEMA budgetctl",
    ):
        watcher.execute(f"GRANT {right} TO {role}")


def test_a_role_that_may_use_the_tables_may_use_the_functions_of_each_new_version(database, watcher, roles):
    server = roles()
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
        grant_tables(watcher, server)
        watcher.execute(
            f"DROP SCHEMA {functions_schema()} CASCADE"
        )  # as if this version came after the right was given
        store.charge(ChargeRequest("alice", CENT))
    with closing(open_store(url_of(database, server), "p")) as store:
        store.charge(ChargeRequest("alice", CENT))
        store.reserve(HoldRequest("h", "alice", CENT, DAY_US, "m"))
        store.apply([CommitRequest("h", ChargeRequest("", CENT)), HoldRequest("i", "alice", CENT, DAY_US)])
        store.change_budget("alice", TEN)
        assert list(store.verify()) == []


@pytest.mark.parametrize("lacks", ["functions", "rights"])
def test_a_role_without_functions_is_told_who_makes_them_and_can_go_on_then(database, watcher, roles, lacks):
    server = roles()
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
    grant_tables(watcher, server)
    if lacks == "functions":
        watcher.execute(f"DROP SCHEMA {functions_schema()} CASCADE")
    with closing(open_store(url_of(database, server), "p")) as store:
        with pytest.raises(StoreUnavailableError) as caught:
            store.charge(ChargeRequest("alice", CENT))
        assert "`budgetctl upgrade` as the owner" in caught.value.hint
        with closing(open_store(database, "p")) as owners:
            owners.upgrade()
        with pytest.raises(StoreUnavailableError, match="may not bring the database up to date"):
            store.upgrade()
        assert store.charge(ChargeRequest("alice", CENT)).entry.number == 1


def test_functions_that_another_role_has_put_there_are_not_run(database, watcher, roles):
    stranger = roles()
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
    watcher.execute(f"DROP SCHEMA {functions_schema()} CASCADE")
    watcher.execute(f"CREATE SCHEMA {functions_schema()} AUTHORIZATION {stranger}")
    with closing(open_store(database, "p")) as store, pytest.raises(StoreUnavailableError, match="another role"):
        store.budget("alice")


def test_the_functions_belong_to_the_owner_of_the_tables_whoever_makes_them(database, watcher, roles):
    owner = roles()
    watcher.execute(f"CREATE SCHEMA budgetctl AUTHORIZATION {owner}")
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
    rows = watcher.execute(
        "SELECT DISTINCT p.proowner::regrole::text, n.nspowner::regrole::text FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s",
        [functions_schema()],
    ).fetchall()
    assert rows == [(owner, owner)]
