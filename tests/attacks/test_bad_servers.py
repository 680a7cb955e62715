"""Servers that drip, flood, lie about lengths or answer nonsense: a client ends in time, in bounds, with one error."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from budgetctl import BudgetManager
from budgetctl.errors import StoreUnavailableError
from budgetctl.pricing.prices import map_update
from budgetctl.stores import open_store
from budgetctl.wire.calls import CALLS
from support.bad_server import CHUNKED, HEAD, bad_server, body, drips, floods, is_silent, says

INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"

DRIPS = [
    drips(b"", b"H"),
    drips(b"", INTERIM),
    drips(HEAD, b"X: y\r\n"),
    drips(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    drips(CHUNKED, b"1\r\n \r\n"),
    drips(CHUNKED + b"0\r\n", b"X: y\r\n"),
    is_silent,
]

FLOODS = {
    "a body without a length": (HEAD + b"\r\n", b" "),
    "chunks without end": (CHUNKED, b"1000\r\n" + b" " * 4096 + b"\r\n"),
    "a terabyte is announced": (HEAD + b"Content-Length: 1000000000000\r\n\r\n", b" "),
    "a chunk of a terabyte": (CHUNKED + b"ffffffffff\r\n", b" "),
    "interim answers": (b"", INTERIM),
}

QUICK_FLOOD = "chunks without end"

HEADS = {
    "headers": (HEAD, b"X: y\r\n"),
    "a header without end": (HEAD + b"X: ", b"a"),
    "a status without end": (b"", b"H"),
}

ODD = {
    "another protocol": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "half a chunk": CHUNKED + b"5\r\n{",
    "a chunk of no size": CHUNKED + b"zz\r\n{}\r\n",
    "a chunk of less than nothing": CHUNKED + b"-5\r\n{}\r\n",
    "a length that is none": HEAD + b"Content-Length: x\r\n\r\n{}",
    "a length of less than nothing": HEAD + b"Content-Length: -5\r\n\r\n{}",
    "too short a length": HEAD + b"Content-Length: 1\r\n\r\n{}",
    "a status that is none": b"HTTP/1.1 abc X\r\n\r\n",
    "another protocol from now on": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirect": body(b"", b"Location: http://127.0.0.1:1/", status=b"302 Found"),
    "a page": body(b"<html>", b"Content-Type: text/html"),
    "packed": body(b"\x1f\x8b\x08", b"Content-Encoding: gzip"),
    "half a document": body(b'{"exists"'),
    "a deep document": body(b"[" * 100_000),
    "null": body(b"null"),
    "a list": body(b"[]"),
    "no fields": body(b"{}"),
    "a number of 5,000 digits": body(b'{"exists": ' + b"9" * 5_000 + b"}"),
    "bytes that are no text": body(b'{"exists": "\xff"}'),
    "a field of another type": body(b'{"exists": 5}'),
    "a time that is none": body(b'{"exists": true}', b"budgetctl-now: soon"),
    "a time far away": body(b'{"exists": true}', b"budgetctl-now: 9000000000000000000"),
    "a denial without its reason": body(b'{"error": {"code": "denied", "message": "no"}}', status=b"402 X"),
    "a hint that is no text": body(b'{"error": {"code": "invalid", "message": "no", "hint": 5}}', status=b"422 X"),
}


def fails(address: str) -> float:
    """Ask a server, which has to end in an error that is worth another try later, and say how long that took."""
    began = time.monotonic()
    with closing(open_store(address, "p", wait_s=1)) as store, pytest.raises(StoreUnavailableError) as raised:
        store.exists()
    assert raised.value.exit_code == 5
    return time.monotonic() - began


def test_an_answer_that_drips_is_waited_for_no_longer_than_was_asked() -> None:
    def outlast(act: object) -> float:
        with bad_server(act) as address:
            return fails(address)

    with ThreadPoolExecutor(len(DRIPS)) as threads:
        assert max(threads.map(outlast, DRIPS)) < 4


@pytest.mark.parametrize("what", ODD)
def test_an_answer_that_is_odd_is_one_clear_error(what: str) -> None:
    with bad_server(says(ODD[what])) as address:
        fails(address)


@pytest.mark.parametrize("what", HEADS)
def test_a_head_without_end_is_one_clear_error(what: str) -> None:
    with bad_server(floods(*HEADS[what])) as address:
        fails(address)


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
    "from budgetctl.cli import main; main(sys.argv[1:])"
)


@pytest.mark.parametrize(
    "what", [each if each == QUICK_FLOOD else pytest.param(each, marks=pytest.mark.long) for each in FLOODS]
)
def test_an_answer_without_end_takes_bounded_memory(what: str) -> None:
    with bad_server(floods(*FLOODS[what])) as address:
        line = [sys.executable, "-c", LIMITED, "show", "alice", "--store", address, "--wait", "2"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, "cannot reach the server" in done.stderr) == (5, True)
    assert "MemoryError" not in done.stderr


def test_a_list_that_leads_back_to_its_beginning_ends() -> None:
    page = body(json.dumps({"items": [], "next": {"after": "a"}}).encode())
    with (
        bad_server(says(page)) as address,
        closing(open_store(address, "p", wait_s=1)) as store,
        pytest.raises(StoreUnavailableError, match="does not go on"),
    ):
        list(store.budgets())


@pytest.mark.parametrize("field", ["created_us", "updated_us"])
def test_an_instant_that_no_calendar_has_is_not_taken(field: str) -> None:
    with closing(BudgetManager("p")) as manager:
        document = CALLS["budget"].write_answer(manager.create("alice", "1")[0])
    answer = json.dumps({**document, field: 10**18}).encode()
    with (
        bad_server(says(body(answer))) as address,
        closing(open_store(address, "p", wait_s=1)) as store,
        pytest.raises(StoreUnavailableError, match="instant"),
    ):
        store.budget("alice")


class TestLitellm:
    """A server that seems to speak litellm's protocol alone."""

    @pytest.mark.parametrize(
        "data",
        [[1], "text", {"alice": 5}, {"alice": {"total_budget": "much"}}, {"alice": {"total_budget": 1e400}}, {"": {}}],
    )
    def test_records_that_are_none_are_one_clear_error_and_nothing_is_posted(self, data: object) -> None:
        posted = []

        def act(connection, stopped):
            posted.append(1)
            is_probe = len(posted) == 1  # which no server of litellm's kind knows
            answer = body(json.dumps({"status": "success", "data": data}).encode())
            connection.sendall(body(b"", status=b"404 Not Found") if is_probe else answer)

        with bad_server(act) as address:
            manager = BudgetManager("shop", client_type="hosted", api_base=address)
            with closing(manager), pytest.raises(StoreUnavailableError) as raised:
                manager.charge("alice", "1")
        assert raised.value.exit_code == 5


class TestPriceMap:
    """An address from which a newer price map is fetched."""

    def test_that_drips_is_given_up_in_time(self) -> None:
        def outlast(act: object) -> None:
            with bad_server(act) as address, pytest.raises(StoreUnavailableError, match="cannot be fetched"):
                map_update.fetch(f"{address}/map.json", timeout_s=0.3)

        began = time.monotonic()
        with ThreadPoolExecutor(len(DRIPS)) as threads:
            list(threads.map(outlast, DRIPS))
        assert time.monotonic() - began < 3

    @pytest.mark.parametrize("what", ["a body without a length", "a terabyte is announced", "a chunk of a terabyte"])
    def test_that_sends_without_end_is_given_up_at_a_size(self, what: str) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with bad_server(floods(*FLOODS[what])) as address, pytest.raises(StoreUnavailableError, match="64 MiB"):
            map_update.fetch(f"{address}/map.json")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024

    @pytest.mark.parametrize(
        "what", ["another protocol", "half a body", "half a chunk", "a chunk of no size", "nothing"]
    )
    def test_that_breaks_off_has_none(self, what: str) -> None:
        with bad_server(says(ODD[what])) as address, pytest.raises(StoreUnavailableError, match="cannot be fetched"):
            map_update.fetch(f"{address}/map.json")
