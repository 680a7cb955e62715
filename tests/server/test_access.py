"""Who gets in: every route, with every kind of token."""

from __future__ import annotations

import pytest

from budgetctl.server.tokens.files import FileTokens
from budgetctl.wire.calls import CALLS
from support.requests import ask, fill
from support.serving import Running
from support.waiting import eventually

DAY_US = 86_400_000_000
PAGES = ("/metrics", "/docs", "/openapi.json", "/v1/projects", "/v1/changes")
HOSTED = {"/get_budget": {"project_name": "p"}, "/set_budget": {"project_name": "p", "user_dict": {}}}
ROUTES = [*CALLS, *PAGES, *HOSTED]
OPEN = ("/", "/healthz", "/readyz")


def go(running, route, **headers):
    """Take a route, whatever it is."""
    if route in HOSTED:
        return running.ask("POST", route, HOSTED[route], **headers)
    return running.ask("GET", route, **headers) if route in PAGES else ask(running, route, **headers)


def test_no_route_is_left_out_here(guarded):
    known = {*(call.path for call in CALLS.values()), *PAGES, *HOSTED, *OPEN}
    routes = guarded.server.config.app._routes
    assert {path.replace("//", "/") for path in routes} == known


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def token(guarded):
    """A token for the project `p`, which is filled."""
    text = guarded.new_token("p")
    fill(guarded.open("p", headers=bearer(text)))
    return text


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_opens_every_route(guarded, token, route):
    assert go(guarded, route, **bearer(token)).status == 200


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_token_that_can_be_used_no_route_opens(guarded, token, route, clock):
    revoked = guarded.new_token("p")
    guarded.server.settings.tokens.revoke(revoked.split("_")[1], clock.now_us)
    expired = guarded.new_token("p", expires_us=clock.now_us + DAY_US)
    clock.advance(days=1)
    unusable = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Token {token}"},
        {"Authorization": token},
        bearer(token[:-1]),
        bearer(token + "x"),
        bearer("bctl_nobody_" + token.split("_", 2)[2]),
        bearer("bctl__"),
        bearer("\xff"),
        bearer(revoked),
        bearer(expired),
    ]
    for headers in unusable:
        answer = go(guarded, route, **headers)
        assert answer.status == 401, headers
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert {headers and answer.document["error"]["code"]} == {"not_authorised"}


@pytest.mark.parametrize("route", [*CALLS, *HOSTED])
def test_a_token_opens_no_other_project(guarded, route):
    answer = go(guarded, route, **bearer(guarded.new_token("other")))
    assert (answer.status, answer.document["error"]["code"]) == (403, "not_authorised")


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_for_reading_opens_what_only_reads(guarded, token, route):
    answer = go(guarded, route, **bearer(guarded.new_token("p", read_only=True)))
    writes = route == "/set_budget" or (route in CALLS and CALLS[route].writes)
    assert answer.status == (403 if writes else 200)


def test_the_project_is_by_default_the_tokens(guarded, token):
    assert ask(guarded, "budget", None, **bearer(token)).document["project"] == "p"
    assert ask(guarded, "charge", None, **bearer(token)).status == 200


def test_a_token_lists_its_own_project_alone(guarded, token):
    fill(guarded.open("other", headers=bearer(guarded.new_token("other"))))
    assert guarded.ask("GET", "/v1/projects", **bearer(token)).document == {"items": ["p"]}


def test_a_browser_may_send_the_token_as_a_password_and_only_to_what_it_shows(guarded, token):
    from base64 import b64encode

    headers = {"Authorization": "Basic " + b64encode(f"any:{token}".encode()).decode()}
    assert guarded.ask("GET", "/docs", **headers).status == 200
    assert guarded.ask("GET", "/openapi.json", **headers).status == 200
    assert guarded.ask("GET", "/metrics", **headers).status == 200
    assert ask(guarded, "budget", **headers).status == 401


def test_health_needs_no_token(guarded):
    assert guarded.ask("GET", "/healthz").document == guarded.ask("GET", "/readyz").document == {"status": "ok"}


def test_the_last_use_of_a_token_is_kept_and_a_try_with_another_secret_is_none(guarded, token):
    tokens, now_us = guarded.server.settings.tokens, guarded.server.settings.clock()
    other = guarded.new_token("other")
    go(guarded, "/v1/changes", **bearer(other + "x"))
    used = {each.project: each.used_us for each in eventually(lambda: uses_of(tokens))}
    assert used == {"p": now_us, "other": None}


def uses_of(tokens):
    """All tokens, as soon as a use is kept."""
    known = tokens.tokens()
    return known if any(each.used_us for each in known) else []


def test_a_last_use_that_cannot_be_written_is_no_reason_to_refuse_a_request(guarded):
    guarded.server.settings.tokens.uses_path.mkdir()
    headers = bearer(guarded.new_token("p"))
    assert guarded.ask("GET", "/v1/projects", **headers).status == 200
    eventually(lambda: '"event": "uses"' in guarded.logged())
    assert guarded.ask("GET", "/v1/projects", **headers).status == 200
    assert guarded.server.door.uses


def test_a_server_that_ends_keeps_what_was_used(serve, open_file, clock, home):
    tokens = FileTokens(home / "tokens.json")
    with Running(open_file, clock=clock, tokens=tokens) as running:
        running.ask("GET", "/v1/projects", **bearer(running.new_token("p")))
    assert [each.used_us for each in tokens.tokens()] == [clock.now_us]


def test_what_is_kept_of_a_token_does_not_show_it(guarded, token, home):
    kept = home / "tokens.json"
    assert token.split("_", 2)[2] not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_neither_tokens_nor_users_nor_queries_are_logged_or_counted(guarded, token):
    ask(guarded, "budget", **bearer(token))
    ask(guarded, "charge", **bearer("bctl_nobody_secret"))
    guarded.ask("GET", "/alice?user=alice")
    metrics = guarded.ask("GET", "/metrics", **bearer(token)).body.decode()
    for said in (guarded.logged(), metrics):
        assert "/v1/budget" in said
        assert "alice" not in said
        assert "secret" not in said
        assert token.split("_", 2)[2] not in said
