"""What a browser is shown, and how it is asked for a password."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re

import pytest

from budgetctl import __version__

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
EVERYWHERE = {
    "documentation": "/docs",
    "description": "/openapi.json",
    "metrics": "/metrics",
    "health": "/healthz",
    "readiness": "/readyz",
}


def test_a_browser_is_told_what_this_is_without_a_token(guarded):
    answer = guarded.ask("GET", "/", Accept=BROWSER)
    page = answer.body.decode()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"budgetctl {__version__}" in page
    assert "needs a token" in page
    assert all(path in page for path in EVERYWHERE.values())


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "", "application/json, text/html;q=0.5", "text/html;q=x"]
)
def test_a_program_is_told_in_json(guarded, accept):
    answer = guarded.ask("GET", "/", Accept=accept)
    assert (answer.status, answer.headers["content-type"], answer.headers["vary"]) == (
        200,
        "application/json",
        "accept",
    )
    assert answer.document == {"service": "budgetctl", "version": __version__, **EVERYWHERE}


def test_a_head_alone_is_answered_too(guarded):
    answer = guarded.ask("HEAD", "/", Accept=BROWSER)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"].startswith("text/html")


def test_the_first_page_is_the_same_whatever_the_server_keeps(server, guarded):
    assert "token" not in server.ask("GET", "/", Accept=BROWSER).body.decode()
    token = guarded.new_token("p")
    before = guarded.ask("GET", "/", Accept=BROWSER).body
    assert guarded.ask("GET", "/", Accept=BROWSER, Authorization=f"Bearer {token}").body == before


def test_it_is_not_shown_under_the_name_of_another_server(guarded):
    assert guarded.ask("GET", "/", Host="evil.example", Accept=BROWSER).status == 421
    assert guarded.ask("POST", "/", {}).status == 405


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_fetches_and_runs_nothing(server, path):
    answer = server.ask("GET", path, Accept=BROWSER)
    page, policy = answer.body.decode(), answer.headers["content-security-policy"]
    styles = re.findall("<style>(.*?)</style>", page)
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}';" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(styles) == 1
    assert not re.search(r"<script|<img|<link|\bstyle=|\bon\w+=|\bsrc=|href=.?https?:", page)


def challenges(running, path, **headers):
    """The schemes that a request is asked for: of each line, as browsers look at no more."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    asked = [line.split()[0] for line in answer.headers.get_all("www-authenticate", [])]
    connection.close()
    return answer.status, asked


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/metrics"])
def test_a_browser_is_asked_for_a_password_until_it_is_a_token(guarded, path):
    def basic(password):
        return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()

    token = guarded.new_token("p")
    assert challenges(guarded, path) == (401, ["Basic", "Bearer"])
    assert challenges(guarded, path, Authorization=basic("wrong")) == (401, ["Basic", "Bearer"])
    assert challenges(guarded, path, Authorization=basic(token)) == (200, [])


@pytest.mark.parametrize("path", ["/v1/projects", "/v1/budget"])
def test_nothing_else_asks_for_a_password(guarded, path):
    assert challenges(guarded, path) == (401, ["Bearer"])
