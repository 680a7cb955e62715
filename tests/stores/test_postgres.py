"""What only a PostgreSQL store does: its address, its schema, its plans, and what it counts."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import psycopg
import pytest

from budgetctl import BudgetManager
from budgetctl.errors import InvalidValueError, KeyConflictError, NewerStoreError, StoreBusyError, StoreUnavailableError
from budgetctl.ledger.holds import HoldRequest
from budgetctl.ledger.store import PROJECT, BudgetChange, ChargeRequest, CommitRequest, ReleaseRequest
from budgetctl.money import Picodollars, parse_amount
from budgetctl.stores import open_store, project_stores
from budgetctl.stores.postgres import schema
from budgetctl.stores.postgres.store import PostgresStore
from support.postgres import new_database, new_project, server_url
from support.soundness import assert_sound

CENT = parse_amount("0.01")
OF_BEFORE = Path(__file__).parent / "data" / "first.sql"
TEN = BudgetChange(amount=parse_amount("10"))
DAY_US = 86_400_000_000


@pytest.fixture
def store(clock):
    with closing(PostgresStore(server_url(), new_project(), clock=clock)) as store:
        store.create_budget("alice", TEN, if_exists="error")
        yield store


@pytest.fixture
def database():
    with new_database() as url:
        yield url


# Where it is


def test_a_url_opens_a_store_in_the_database_and_lists_the_projects_there(database):
    for project in ("b", "a"):
        with closing(open_store(database, project)) as store:
            store.create_budget("alice", TEN, if_exists="error")
    stores = list(project_stores(database))
    assert [(store.project, store.summary().users) for store in stores] == [("a", 1), ("b", 1)]
    for store in stores:
        store.close()


def test_projects_in_one_database_do_not_see_each_other(store):
    with closing(PostgresStore(server_url(), new_project())) as other:
        assert not other.exists()
        other.create_budget("alice", TEN, if_exists="error")
        other.charge(ChargeRequest("alice", CENT))
    assert list(store.history("alice")) == []


def test_the_clock_is_the_databases(database):
    with closing(open_store(database, "p")) as store, psycopg.connect(database) as connection:
        (before,) = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
        created = store.create_budget("alice", TEN, if_exists="error")[0].created_us
        assert before <= created <= store.now_us()


BAD = [
    "postgresql://u:s3cret/more@h/db",
    "postgresql://u:s3@cret@h/db",
    "postgresql://u:s3cret?x@h/db",
    "postgresql://h:s3cret/db",
    "postgresql://u@h/db?nonsense=s3cret",
]


@pytest.mark.parametrize("url", BAD)
def test_an_address_that_is_none_is_refused_without_showing_any_of_it(url):
    with pytest.raises(InvalidValueError) as caught:
        open_store(url, "p")
    assert not any(piece in f"{caught.value} {caught.value.hint}" for piece in ("s3", "cret"))


@pytest.mark.parametrize("query", ["", "?password=s3cret"])
def test_a_server_that_is_not_there_is_named_without_the_password(query):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://u{'' if query else ':s3cret'}@127.0.0.1:{taken.getsockname()[1]}/db{query}"
        with closing(open_store(url, "p", wait_s=0.1)) as store, pytest.raises(StoreUnavailableError) as caught:
            store.budget("alice")
    assert "127.0.0.1" in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value.hint} {store.location()}"


def test_a_database_that_does_not_exist_is_said_at_once(database):
    url = database.replace("test_", "none_")
    with (
        closing(open_store(url, "p", wait_s=60)) as store,
        pytest.raises(StoreUnavailableError, match="does not exist"),
    ):
        store.budget("alice")


def test_the_command_line_warns_of_a_password_and_never_prints_it(run):
    url = server_url().replace("@", ":s3cret@", 1)
    result = run("create", "alice", "10", "--project", new_project(), "--store", url)
    assert (result.returncode, "PGPASSFILE" in result.stderr) == (0, True)
    again = run("show", "nobody", "--store", url)
    assert again.returncode == 4
    assert "s3cret" not in result.stdout + result.stderr + again.stdout + again.stderr


# Its schema


def test_two_that_make_the_schema_at_once_make_it_once(database):
    stores = [open_store(database, "p") for _ in range(8)]
    threads = [
        threading.Thread(target=store.create_budget, args=(f"user-{number}", TEN), kwargs={"if_exists": "error"})
        for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].summary().users == len(stores)
    for store in stores:
        store.close()


def test_a_database_of_an_older_version_goes_on_with_what_is_in_it(database):
    with psycopg.connect(database) as connection:
        connection.execute(OF_BEFORE.read_bytes())
    with closing(open_store(database, "p")) as store:
        before = store.budget("alice").limit.spent
        for _ in range(2):
            store.charge(ChargeRequest("alice", CENT))
        with store.read() as tx:
            assert tx.one("SELECT MAX(version) FROM migrations") == (schema.VERSION,)
        assert store.budget("alice").limit.spent == before + 2 * CENT
        assert_sound(store)


def test_a_newer_schema_is_refused_and_left_alone(database):
    with closing(open_store(database, "p")) as store:
        store.create_budget("alice", TEN, if_exists="error")
    with psycopg.connect(database) as connection:
        connection.execute("INSERT INTO budgetctl.migrations VALUES (%s, 'later')", [schema.VERSION + 1])
    with closing(open_store(database, "p")) as store, pytest.raises(NewerStoreError):
        store.budget("alice")


def test_what_was_remembered_of_one_name_and_a_pattern_is_worked_out_anew(database):
    """As in a database of schema 2, whose patterns knew one spelling."""
    with psycopg.connect(database) as connection:
        connection.execute(OF_BEFORE.read_bytes())
        connection.execute("SET search_path = budgetctl")
        connection.execute("DELETE FROM migrations WHERE version > 2")
        connection.execute("ALTER TABLE projects DROP COLUMN confirmed_us")
        connection.execute("DROP INDEX posting_sets_by_members, posting_sets_once")
        connection.execute(
            "ALTER TABLE posting_sets ADD CONSTRAINT posting_sets_project_members_key UNIQUE (project, members)"
        )
        connection.execute("DROP TABLE model_matches")
        connection.execute("CREATE TABLE pattern_matches (project bigint, pattern text, model text, matches boolean)")
        connection.execute(
            "INSERT INTO pattern_matches SELECT project, 'gpt-4o*', 'openai/gpt-4o', false FROM projects"
        )
    with closing(open_store(database, "p")) as store:
        store.create_budget("zoe", TEN, if_exists="error")
        store.add_limit("zoe", "few", TEN, "gpt-4o*")
        store.charge(ChargeRequest("zoe", CENT, "openai/gpt-4o"))
        own = [standing.limit.spent for standing in store.budget("zoe").standings if standing.user == "zoe"]
        assert own == [CENT, CENT]


def test_names_and_patterns_as_long_as_they_may_be_are_matched(store):
    long = "模" * 333  # of three bytes each
    store.add_limit("alice", "few", TEN, long[:-1] + "*")
    request = ChargeRequest("alice", CENT, long, called=(long[:-1] + "a",))
    assert store.charge(request).budget.standings[1].limit.spent == CENT


# What it counts


def test_what_happened_before_a_change_of_duration_counts_still():
    with closing(
        PostgresStore(server_url(), new_project())
    ) as store:  # by the database's clock, as its triggers have it
        before_us = store.create_budget("alice", TEN._replace(duration="daily"), if_exists="error")[0].created_us
        store.change_budget("alice", BudgetChange(duration="weekly"))
        assert store.charge(ChargeRequest("alice", CENT, at_us=before_us)).budget.limit.spent == CENT


def test_amounts_beyond_64_bits_are_counted_exactly(store):
    much = parse_amount("99999999999999.000000000001")
    store.create_budget("rich", BudgetChange(amount=much), if_exists="error")
    for _ in range(3):
        store.charge(ChargeRequest("rich", much, model="m"))
    budget = store.budget("rich")
    assert (budget.limit.spent, budget.models) == (3 * much, {"m": Picodollars(3 * much)})
    assert store.summary().spent == 3 * much
    assert [entry.amount for entry in store.history("rich")] == [much] * 3
    assert list(store.verify()) == []


@pytest.mark.parametrize("note", ["a\0b", "\ud800"])
def test_text_that_the_database_cannot_keep_is_refused(store, note):
    with pytest.raises(InvalidValueError):
        store.charge(ChargeRequest("alice", CENT, note=note))
    assert [type(each) for each in store.apply([ChargeRequest("alice", CENT, note=note)])] == [InvalidValueError]
    assert list(store.history("alice")) == []


def test_a_price_with_any_text_in_it_is_kept(store):
    usage = {"odd": "a\0b %s :name \\ ' \" é"}
    store.charge(ChargeRequest("alice", CENT, usage=usage))
    store.apply([ChargeRequest("alice", CENT, usage=usage)])
    assert [entry.usage for entry in store.history("alice")] == [usage] * 2


# Many at once


def test_who_waits_longer_than_agreed_for_others_is_told_that_the_store_is_busy(store):
    hasty = PostgresStore(server_url(), store.project, wait_s=0.1)
    with closing(hasty), store.write(), pytest.raises(StoreBusyError):
        hasty.charge(ChargeRequest("alice", CENT))


def test_batches_and_single_requests_in_any_order_never_lock_each_other_up(store):
    store.create_budget(PROJECT, BudgetChange(amount=parse_amount("1000000")), if_exists="error")
    store.create_budget("team", TEN, if_exists="error")
    users = [f"user-{number}" for number in range(6)]
    for user in users:
        store.create_budget(user, TEN._replace(parent="team" if user < "user-3" else None), if_exists="error")
    failed = []

    def work(number):
        with closing(PostgresStore(server_url(), store.project)) as own:
            mine = users[number % 6 :] + users[: number % 6]
            for round_ in range(10):
                answers = own.apply([ChargeRequest(user, CENT) for user in (mine[::-1] if round_ % 2 else mine)])
                failed.extend(answer for answer in answers if isinstance(answer, Exception))
                hold_id = f"{number}-{round_}"
                own.reserve(HoldRequest(hold_id, mine[0], CENT, DAY_US))
                own.apply([CommitRequest(hold_id, ChargeRequest("", CENT)), ChargeRequest("team", CENT)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert Fraction(store.budget(PROJECT).limit.spent, CENT) == 8 * 10 * (6 + 2)
    with psycopg.connect(server_url()) as connection:
        (deadlocks,) = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert deadlocks == 0
    assert_sound(store)


def test_a_name_that_another_takes_while_a_list_is_under_way_is_refused_in_that_list_alone(store):
    store.create_budget("bob", TEN, if_exists="error")
    answers = []
    list_ = [HoldRequest(name, "alice", CENT, DAY_US) for name in ("taken", "free")]
    thread = threading.Thread(target=lambda: answers.extend(store.apply(list_)))
    with psycopg.connect(server_url(), autocommit=True) as watcher:
        with store.write(user="bob"):
            store.reserve(HoldRequest("taken", "bob", CENT, DAY_US))
            thread.start()
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid' AND query LIKE '%apply%'"
            while watcher.execute(waits).fetchone() is None:
                assert thread.is_alive()
        thread.join()
    assert isinstance(answers[0], KeyConflictError)
    assert answers[1].user == "alice"
    assert [hold.hold_id for hold in store.holds("alice")] == ["free"]
    assert_sound(store)


def test_no_connection_crosses_a_fork(store, alone):
    store.charge(ChargeRequest("alice", CENT))
    child = os.fork()
    if child == 0:
        try:
            store.charge(ChargeRequest("alice", CENT))
            store.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    store.charge(ChargeRequest("alice", CENT))
    assert [entry.number for entry in store.history("alice")] == [3, 2, 1]


# Plans


def test_no_operation_on_one_user_reads_all_of_them(store):
    users = [f"user-{number}" for number in range(1_000)]  # of few, to read them all is the best plan
    store.create_budgets([(user, TEN) for user in users])
    store.create_budget("bob", TEN._replace(parent="user-7"), if_exists="error")
    store.add_limit("bob", "m", TEN, "m*")
    with psycopg.connect(server_url(), autocommit=True) as watcher:
        for table in ("accounts", "limits"):
            watcher.execute(f"ANALYZE budgetctl.{table}".encode())
        operations = [
            lambda: store.charge(ChargeRequest("bob", CENT, model="m1")),
            lambda: store.reserve(HoldRequest("h", "bob", CENT, DAY_US, "m1")),
            lambda: store.commit("h", ChargeRequest("", CENT)),
            lambda: store.check("bob", CENT, "m1"),
            lambda: store.budget("bob"),
            lambda: store.apply([HoldRequest("i", "bob", CENT, DAY_US, "m1"), ReleaseRequest("i")]),
            lambda: store.change_budget("bob", BudgetChange(amount=CENT)),
            lambda: store.reset("bob"),
            lambda: list(store.holds("bob")),
            lambda: list(store.history("bob")),
        ]
        for operation in operations:
            before = _rows_read(store, watcher)
            operation()
            read = {table: rows - before[table] for table, rows in _rows_read(store, watcher).items()}
            assert max(read.values()) < 50, (operation, read)


def test_what_was_planned_for_empty_tables_reads_only_what_it_needs_when_they_have_grown(database):
    users = [f"user-{number}" for number in range(300)]
    few = users[:8]

    def operations(some):
        tag = len(some)
        return [
            lambda: store.apply([ChargeRequest(user, CENT, "m") for user in some]),
            lambda: store.apply([HoldRequest(f"{tag}-{user}", user, CENT, DAY_US, "m") for user in some]),
            lambda: store.apply([CommitRequest(f"{tag}-{user}", ChargeRequest("", CENT)) for user in some]),
        ]

    with closing(PostgresStore(database, "p")) as store, psycopg.connect(database, autocommit=True) as watcher:
        store.create_budgets([(user, TEN) for user in few[:2]])
        for operation in operations(few[:2]):
            operation()
        store.create_budgets([(user, TEN) for user in users])
        store.apply([HoldRequest(user, user, CENT, DAY_US, "m") for user in users])
        for operation in operations(few):
            before = _rows_read(store, watcher)
            operation()
            read = {table: rows - before[table] for table, rows in _rows_read(store, watcher).items()}
            assert max(read.values()) <= 8 * len(few), read


def test_what_was_planned_while_nothing_was_held_reads_only_its_own_when_much_is(database):
    users = [f"user-{number}" for number in range(100)]
    with closing(PostgresStore(database, "p")) as store, psycopg.connect(database, autocommit=True) as watcher:
        store.create_budgets([(user, TEN) for user in users])
        store.apply([HoldRequest(user, user, CENT, DAY_US) for user in users])
        store.apply([ReleaseRequest(user) for user in users])
        watcher.execute("VACUUM (ANALYZE, TRUNCATE off) budgetctl.hold_postings")
        operations = [
            lambda tag: store.reserve(HoldRequest(f"one-{tag}", "user-1", CENT, DAY_US)),
            lambda tag: store.charge(ChargeRequest("user-1", CENT, note=tag)),
            lambda tag: store.commit(f"one-{tag}", ChargeRequest("", CENT)),
            lambda tag: store.apply([HoldRequest(f"{tag}-{number}", "user-1", CENT, DAY_US) for number in range(4)]),
            lambda tag: store.apply([CommitRequest(f"{tag}-{number}", ChargeRequest("", CENT)) for number in range(4)]),
        ]
        for operation in operations:
            operation("planned")
        store.apply([HoldRequest(f"open-{user}", user, CENT, DAY_US) for user in users])
        for operation in operations:
            before = _rows_read(store, watcher)["hold_postings"]
            operation("read")
            assert _rows_read(store, watcher)["hold_postings"] - before < 50


def _rows_read(store, watcher):
    """How many rows of each table were read so far, in their order or through an index."""
    with store.read() as tx:
        tx.one("SELECT pg_stat_force_next_flush()")
    return dict(
        watcher.execute(
            "SELECT relname, seq_tup_read + COALESCE(idx_tup_fetch, 0) FROM pg_stat_user_tables"
            " WHERE schemaname = 'budgetctl'"
        ).fetchall()
    )


def test_a_manager_takes_the_url_as_its_store(database):
    manager = BudgetManager("p", store=database)
    manager.create("alice", "10")
    assert manager.charge("alice", "1").budget.remaining == parse_amount("9")
    manager.close()
