"""A newer price map: checked, then in force for everything that is priced."""

import http.server
import json
import subprocess
import sys
import threading

import pytest

from budgetctl.errors import InvalidValueError, StoreUnavailableError
from budgetctl.money import parse_amount
from budgetctl.pricing import price_tokens
from budgetctl.pricing.prices import map_update, price_map


@pytest.fixture
def entries():
    """What litellm ships."""
    return map_update.shipped()


def installed(entries):
    map_update.put_in_force(map_update.check(json.dumps(entries)))


def test_a_newer_map_is_in_force_at_once(entries):
    entries["gpt-4o"]["input_cost_per_token"] = 1e-06
    installed(entries)
    assert price_tokens("gpt-4o", 1_000_000, 0).amount == parse_amount("1")


def test_a_model_that_is_new_can_be_priced(entries):
    entries["gpt-99"] = {"litellm_provider": "openai", "input_cost_per_token": 1e-05, "output_cost_per_token": 2e-05}
    installed(entries)
    assert price_tokens("gpt-99", 100, 100).amount == parse_amount("0.003")


def test_an_alias_is_priced_as_its_model(entries):
    entries["gpt-4o"]["aliases"] = ["gpt-4o-by-another-name", "gpt-4"]
    installed(entries)
    assert price_tokens("gpt-4o-by-another-name", 1_000_000, 0).amount == parse_amount("2.5")
    assert price_tokens("gpt-4", 1_000_000, 0).amount == parse_amount("30")


def test_one_can_go_back_to_what_litellm_ships(entries):
    entries["gpt-4o"]["input_cost_per_token"] = 1e-06
    installed(entries)
    map_update.put_in_force(None)
    assert price_tokens("gpt-4o", 1_000_000, 0).amount == parse_amount("2.5")
    assert price_map.in_force() == price_map.shipped()


def test_what_changes_is_known_before(entries):
    del entries["gpt-4o"]
    entries["gpt-99"] = {"input_cost_per_token": 1e-05}
    entries["gpt-4"]["input_cost_per_token"] = 1e-05
    changes = map_update.compare(entries)
    assert (changes.added, changes.removed, changes.repriced) == (["gpt-99"], ["gpt-4o"], ["gpt-4"])


LITELLM_PRICES = """
import json
from budgetctl.ledger.values import Usage
from budgetctl.pricing import price_usage
from budgetctl.pricing.litellm import asking
usage = Usage(model="gpt-4o", uncached_input=1_000_000)
print(asking.price_usage(usage).amount, price_usage(usage).amount)
"""


def test_litellm_is_asked_by_the_map_in_force(entries):
    entries["gpt-4o"]["input_cost_per_token"] = 1e-06
    installed(entries)
    priced = subprocess.run(
        [sys.executable, "-c", LITELLM_PRICES], capture_output=True, text=True, timeout=120, check=True
    )
    assert priced.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is not JSON"),
        ("<html>", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "no object of models"),
        ("{}", "not whole"),
        ('{"a": 1}', "'a' is no object"),
        ('{"a": {"input_cost_per_token": -1}}', "input_cost_per_token of 'a' is -1"),
        ('{"a": {"input_cost_per_token": "1"}}', "input_cost_per_token of 'a' is '1'"),
        ('{"a": {"input_cost_per_token": NaN}}', "input_cost_per_token of 'a' is nan"),
        ('{"a": {"cache_read_input_token_cost": true}}', "cache_read_input_token_cost of 'a' is True"),
        ('{"a": {"aliases": "b"}}', "aliases of 'a'"),
        ('{"a": {"output_cost_per_image": -1}}', "output_cost_per_image of 'a' is -1"),
        ('{"a": {"input_cost_per_token_priority": "1"}}', "input_cost_per_token_priority of 'a' is '1'"),
        ('{"a": {"input_cost_per_second": 1e999}}', "input_cost_per_second of 'a' is inf"),
        ('{"a": {"search_context_cost_per_query": {"low": -1}}}', "search_context_cost_per_query.low of 'a' is -1"),
        ('{"a": {"tiered_pricing": [{"input_cost_per_token": NaN}]}}', "tiered_pricing.0.input_cost_per_token of 'a'"),
        ('{"a": {"cost": ' + '{"b": ' * 3000 + "1" + "}" * 3002, "nested too deep|not JSON"),
    ],
)
def test_what_is_no_map_is_refused(text, said):
    with pytest.raises(InvalidValueError) as caught:
        map_update.check(text)
    assert any(each in str(caught.value) for each in said.split("|"))


def test_a_map_that_lost_most_of_its_models_is_refused(entries):
    few = dict(list(entries.items())[: len(entries) // 3])
    with pytest.raises(InvalidValueError, match="it is not whole"):
        map_update.check(json.dumps(few))


def scaled(entry, factor):
    """The entry with all amounts so many times as high, tiers and tables too."""
    if isinstance(entry, dict):
        return {
            name: value * factor if "cost" in name and isinstance(value, (int, float)) else scaled(value, factor)
            for name, value in entry.items()
        }
    return [scaled(each, factor) for each in entry] if isinstance(entry, list) else entry


def unpriced(entry):
    return {name: value for name, value in entry.items() if "cost" not in name and "pricing" not in name}


def without_output(entry):
    return {**entry, "output_cost_per_token": None}


def gone(entry):
    return None


OPENAIS = "of openai"
WRONG = {
    "all zeros": (None, lambda entry: scaled(entry, 0), "would be free"),
    "no prices": (None, unpriced, "it is not whole"),
    "a thousand times": (None, lambda entry: scaled(entry, 1000), "its prices are in another unit"),
    "a thousandth": (None, lambda entry: scaled(entry, 0.001), "its prices are in another unit"),
    "a hundred times": (None, lambda entry: scaled(entry, 100), "its prices are in another unit"),
    "a seller free": (OPENAIS, lambda entry: scaled(entry, 0), "would be free"),
    "a seller unpriced": (OPENAIS, unpriced, "models of openai"),
    "a seller gone": (OPENAIS, gone, "models of openai"),
    "one model free": ("gpt-4o", lambda entry: scaled(entry, 0), "gpt-4o (input_cost_per_token 2.5e-06 → 0)"),
    "no price of output": ("gpt-4o", without_output, "gpt-4o (output_cost_per_token 1e-05 → 0)"),
    "tiers free": ("dashscope/qwen-flash", lambda entry: scaled(entry, 0), "dashscope/qwen-flash (tiered_pricing.0."),
}
"""Whose entries are changed, to what, and what is said of the map."""


@pytest.mark.parametrize("kind", WRONG)
def test_a_map_whose_prices_cannot_be_right_is_refused_unless_it_is_forced(entries, kind):
    whose, change, said = WRONG[kind]
    changed = {}
    for key, entry in entries.items():
        is_wrong = whose in (None, key) or (whose == OPENAIS and entry.get("litellm_provider") == "openai")
        changed[key] = change(entry) if is_wrong else entry
    text = json.dumps({key: entry for key, entry in changed.items() if entry is not None})
    with pytest.raises(InvalidValueError) as caught:
        map_update.check(text)
    assert said in caught.value.message
    assert "--force" in caught.value.hint
    assert map_update.check(text, is_forced=True)


def test_a_map_that_lost_a_tenth_of_its_models_is_refused(entries):
    for key in list(entries)[::10]:
        del entries[key]
    with pytest.raises(InvalidValueError, match="it is not whole"):
        map_update.check(json.dumps(entries))


def test_a_newer_map_is_held_against_the_one_in_force(entries):
    entries["gpt-99"] = {"litellm_provider": "openai", "input_cost_per_token": 1e-05}
    installed(entries)
    entries["gpt-99"] = {"litellm_provider": "openai", "input_cost_per_token": 0}
    with pytest.raises(InvalidValueError, match="gpt-99"):
        map_update.check(json.dumps(entries))


def test_few_models_may_go_and_few_cost_a_hundred_times_less(entries):
    for key in list(entries)[:20]:
        del entries[key]
    for key in ("gpt-4o", "gpt-4"):
        entries[key] = scaled(entries[key], 0.001)
    taken = map_update.check(json.dumps(entries))
    assert len(map_update.compare(taken).scaled) == 2


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://prices.example/map.json")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/gone" else 200)
        self.end_headers()
        self.wfile.write(b'{"a": {}}')

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    """The address of a server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_map_is_fetched_from_an_address(server):
    assert map_update.fetch(server + "/map.json") == '{"a": {}}'


def test_the_address_of_litellms_users_is_where_it_is_fetched_from(server, monkeypatch):
    monkeypatch.setenv("LITELLM_MODEL_COST_MAP_URL", server + "/map.json")
    assert map_update.fetch() == '{"a": {}}'


@pytest.mark.parametrize("path", ["/gone", "/moved"])
def test_an_address_that_has_none_is_unavailable(server, path):
    with pytest.raises(StoreUnavailableError, match=r"cannot be fetched from 127\.0\.0\.1"):
        map_update.fetch(server + path)


def test_an_address_where_nobody_listens_is_unavailable(server):
    with pytest.raises(StoreUnavailableError):
        map_update.fetch("http://127.0.0.1:1/map.json")


@pytest.mark.parametrize("url", ["http://prices.example/m.json", "file:///etc/passwd", "ftp://a/b", "map.json"])
def test_a_map_comes_by_https_or_not_at_all(url):
    with pytest.raises(InvalidValueError, match="fetched by https"):
        map_update.fetch(url)


def test_the_password_of_an_address_is_not_repeated():
    with pytest.raises(InvalidValueError) as caught:
        map_update.fetch("http://me:s3cret@prices.example/map.json?token=s3cret")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
