"""The money of projects in `/metrics`."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from budgetctl import BudgetManager
from budgetctl.server import amounts
from budgetctl.stores import SqliteStore

TOP = {"users": 2, "users_over": 1, "spent_usd": 7.5, "limit_usd": 15, "held_usd": 0.25, "project_up": 1}
CAP = {"cap_spent_usd": 7.5, "cap_limit_usd": 100, "cap_held_usd": 0.25}


@pytest.fixture
def fill(open_file):
    """Fill a project: alice has spent $2.50 of $10, bob all of $5."""

    def filled(name):
        with closing(BudgetManager(name, store=open_file(name))) as manager:
            manager.cap("100")
            for user, amount, spent in (("alice", "10", "2.50"), ("bob", "5", "5")):
                manager.create(user, amount)
                manager.charge(user, spent)
            manager.reserve("alice", "0.25")

    return filled


@pytest.fixture
def start(serve, open_file, clock, home):
    """Start a server that knows which projects there are; by default it answers anybody."""
    return lambda **settings: serve(open_file, f"{home}/", clock=clock, **settings)


def scrape(running, **headers):
    """The samples of projects, by their names without `budgetctl_` and by the values of their labels."""
    answer = running.ask("GET", "/metrics", **headers)
    assert answer.status == 200
    text = answer.body.decode()
    assert "budgetctl_requests_total" in text
    families = [each for each in text_string_to_metric_families(text) if each.name.startswith("budgetctl_")]
    samples = [sample for family in families for sample in family.samples if family.type == "gauge"]
    assert all(family.documentation.endswith(".") for family in families)
    return {
        (each.name.removeprefix("budgetctl_"), *each.labels.values()): each.value
        for each in samples
        if not each.name.endswith("_created")
    }


def of(project, found):
    """What was told of a project, but of its users."""
    return {key[0]: value for key, value in found.items() if key[1:] == (project,)}


def test_every_project_is_told_with_its_users_spends_limits_and_cap(start, fill):
    fill("p")
    fill("q")
    found = scrape(start())
    assert of("p", found) == of("q", found) == TOP | CAP
    assert found["projects_left_out",] == 0


def test_a_token_sees_its_own_project_alone(guarded, fill):
    fill("p")
    fill("q")
    found = scrape(guarded, Authorization=f"Bearer {guarded.new_token('p', read_only=True)}")
    assert of("p", found) == TOP | CAP
    assert of("q", found) == {}
    empty = scrape(guarded, Authorization=f"Bearer {guarded.new_token('empty')}")
    assert of("empty", empty) == dict.fromkeys(TOP, 0) | {"project_up": 1}


def test_users_are_named_only_where_that_is_asked_for(start, fill):
    fill("p")
    assert not any("alice" in key for key in scrape(start()))
    found = scrape(start(metrics_by_user=True))
    assert {key: value for key, value in found.items() if len(key) == 3} == {
        ("user_spent_usd", "p", "alice"): 2.5,
        ("user_limit_usd", "p", "alice"): 10,
        ("user_held_usd", "p", "alice"): 0.25,
        ("user_spent_usd", "p", "bob"): 5,
        ("user_limit_usd", "p", "bob"): 5,
        ("user_held_usd", "p", "bob"): 0,
    }
    assert found["users_left_out", "p"] == 0


def test_of_many_users_those_who_have_spent_most_are_named_and_the_others_counted(start, fill, monkeypatch):
    monkeypatch.setattr(amounts, "MAX_USERS", 3)
    fill("p")
    fill("q")
    found = scrape(start(metrics_by_user=True))
    assert {key[1:] for key in found if len(key) == 3} == {("p", "bob"), ("q", "bob"), ("p", "alice")}
    assert (found["users_left_out", "p"], found["users_left_out", "q"]) == (0, 1)
    assert found["users", "q"] == 2


def test_of_many_projects_the_first_are_shown_and_the_others_counted(start, fill, monkeypatch):
    monkeypatch.setattr(amounts, "MAX_PROJECTS", 1)
    fill("p")
    fill("q")
    found = scrape(start())
    assert (of("p", found), of("q", found), found["projects_left_out",]) == (TOP | CAP, {}, 1)


@pytest.mark.parametrize("user", ['quo"ted', "back\\slash", "a,b={}", "é 漢"])
def test_a_name_is_told_as_it_is(start, open_file, user):
    with closing(BudgetManager("p", store=open_file("p"))) as manager:
        manager.create(user, "1")
    assert scrape(start(metrics_by_user=True))["user_limit_usd", "p", user] == 1


@pytest.mark.parametrize(("fresh_s", "told"), [(3600.0, 7.5), (0.0, 8.5)])
def test_a_store_is_asked_again_only_after_a_while(start, fill, monkeypatch, fresh_s, told):
    monkeypatch.setattr(amounts, "FRESH_S", fresh_s)
    monkeypatch.setattr(amounts, "_SHARE", 0)
    fill("p")
    running = start()
    assert scrape(running)["spent_usd", "p"] == 7.5
    with closing(BudgetManager("p", store=running.open("p"))) as manager:
        manager.charge("alice", "1")
    assert scrape(running)["spent_usd", "p"] == told


def test_a_store_that_fails_is_told_as_down_and_takes_nothing_else_with_it(start, fill, home):
    fill("p")
    home.joinpath("broken.db").write_bytes(b"no database" * 1000)
    running = start()
    found = scrape(running)
    assert (of("p", found), of("broken", found)) == (TOP | CAP, {"project_up": 0})
    assert '"event": "metrics", "project": "broken"' in running.logged()


def test_a_store_that_does_not_answer_keeps_no_scrape_waiting(serve, fill, home, clock, monkeypatch):
    fill("p")
    answers = threading.Event()

    class Silent(SqliteStore):
        def totals(self, most_spenders):
            answers.wait(60)
            return super().totals(most_spenders)

    monkeypatch.setattr(amounts, "PATIENCE_S", 0.05)
    running = serve(lambda name: Silent(home / f"{name}.db", name, clock=clock), f"{home}/", clock=clock)
    assert of("p", scrape(running)) == {"project_up": 0}
    answers.set()
    monkeypatch.setattr(amounts, "PATIENCE_S", 60)
    assert of("p", scrape(running)) == TOP | CAP


def test_where_projects_cannot_be_listed_the_rest_is_told(serve, open_file, clock, home):
    file = home / "broken.db"
    file.write_bytes(b"no database" * 1000)
    assert not any("spent" in key[0] for key in scrape(serve(open_file, str(file), clock=clock)))
