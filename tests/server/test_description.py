"""The interface is as it is described, whatever is sent; and what the server counts."""

from __future__ import annotations

import re

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from budgetctl.server.api.openapi import describe
from budgetctl.wire.calls import CALLS
from support.requests import ask, fill

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
]
schema = schemathesis.openapi.from_dict(describe())


@pytest.fixture
def ask_filled(guarded):
    """What a session that has the token for a server's project asks it by."""
    headers = {"Authorization": f"Bearer {guarded.new_token('p')}"}
    fill(guarded.open("p", headers=headers))
    with requests.Session() as session:
        session.trust_env = False  # proxies and passwords would be looked for at each request
        yield {"base_url": guarded.address, "headers": headers, "session": session}


@schema.include(operation_id=[*CALLS]).parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_whatever_is_sent_is_answered_as_described(case, ask_filled):
    case.call_and_validate(**ask_filled, checks=CHECKS)


@pytest.mark.parametrize("name", CALLS)
def test_every_operation_is_described_with_what_it_does(name):
    call = CALLS[name]
    operation = describe()["paths"][call.path]["post" if call.writes else "get"]
    assert operation["summary"].endswith(".")
    assert {"200", "400", "401", "403", "404", "422"} <= set(operation["responses"])


def test_the_page_for_people_names_every_route(server):
    page = server.ask("GET", "/docs").body.decode()
    assert all(call.path in page for call in CALLS.values())
    assert not re.search(r"(?:src|href)=.?https?:", page)


def test_answers_are_counted_by_route_and_status(server):
    before = count(server, "/v1/budget", 200)
    ask(server, "budget")
    server.ask("GET", "/v1/budget?user=nobody&project=p")
    server.ask("GET", "/no/such/route")
    assert count(server, "/v1/budget", 200) == before + 1
    assert count(server, "/v1/budget", 404) > 0
    assert count(server, "other", 404) > 0


def count(server, route, status):
    text = server.ask("GET", "/metrics").body.decode()
    found = re.search(rf'budgetctl_requests_total\{{route="{route}",status="{status}"\}} (\S+)', text)
    return float(found[1]) if found else 0
