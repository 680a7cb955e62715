"""Reading litellm's price map without importing litellm."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing import price_tokens, price_usage
from budgetctl.pricing.prices import catalog, price_map

PLAIN = Usage(model="gpt-4o", uncached_input=1_000, text_output=100)


@pytest.fixture
def entries(litellm):
    """The map as a parser reads it."""
    return json.loads(Path(litellm.__file__).with_name(price_map.MAP_NAME).read_text())


def test_litellm_ships_its_map_under_the_name_that_is_read_here(litellm):
    assert Path(litellm.__file__).with_name("model_prices_and_context_window_backup.json").is_file()
    assert catalog.find("gpt-4o", None) is not None


def test_every_entry_is_found_as_a_parser_reads_it(litellm, entries):
    text = price_map.Entries(Path(litellm.__file__).with_name(price_map.MAP_NAME).read_bytes())
    keys = [*list(entries)[1::40], "claude-haiku-4-5", "gpt-4o"]
    keys = [key for key in keys if key not in price_map.NOT_MODELS]
    assert all(text.get(key) == entries[entries[key].get("alias_of", key)] for key in keys)
    assert text.get("no-such-model") is None


def test_an_entry_that_another_one_stands_for_is_that():
    text = b'{\n    "a": {\n        "alias_of": "b"\n    },\n    "b": {\n        "c": 1\n    }\n}'
    assert price_map.Entries(text).get("a") == {"c": 1}


def test_an_inner_field_is_no_entry():
    text = b'{\n    "a": {\n        "b": {\n            "c": 1\n        }\n    }\n}'
    assert price_map.Entries(text).get("b") is None


@pytest.mark.parametrize(
    "text",
    ['{"a": {"b": 1}}', '{\n    "a": 1\n}', '{\n    "a": {"b": ', "{\n" + '    "b": 2, "a": {}\n}'],
)
def test_a_map_that_is_written_otherwise_is_left_to_litellm(text):
    with pytest.raises(LookupError):
        price_map.Entries(text.encode()).get("a")


def test_of_two_equal_keys_the_last_counts():
    text = b'{\n    "a": {\n        "b": 1\n    },\n"a": {\n        "b": 2\n    }\n}'
    assert price_map.Entries(text).get("a") == json.loads(text)["a"] == {"b": 2}


@pytest.mark.parametrize(
    ("model", "provider", "key"),
    [
        ("gpt-4o", None, "gpt-4o"),
        ("openai/gpt-4o", None, "gpt-4o"),
        ("gpt-4o", "azure", "azure/gpt-4o"),
        ("models/gemini-2.5-pro", None, "gemini/gemini-2.5-pro"),
        ("mistral-large-latest", None, "mistral/mistral-large-latest"),
        ("deepseek-chat", None, "deepseek/deepseek-chat"),
        ("claude-sonnet-4-5", None, "claude-sonnet-4-5"),
    ],
)
def test_a_name_is_found_at_its_seller(model, provider, key):
    assert catalog.find(model, provider).key == key


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("no-such-model", None),
        ("azure_ai/model_router", None),
        ("github_copilot/gpt-4o", None),
        ("foo/gpt-4o", None),
        ("gpt-4o", "anthropic"),
        ("sample_spec", None),
        ("GPT-4O", None),
        ("xai/grok-4.20-reasoning", "vertex_ai"),
        ('gpt-4o": {', None),
        ("", None),
        ("dall-e-3", None),
    ],
)
def test_what_is_not_certain_is_left_to_litellm(model, provider):
    assert catalog.find(model, provider) is None


def test_a_price_of_the_map_does_not_import_litellm():
    code = (
        "import sys; from budgetctl.pricing import price_tokens; price = price_tokens('gpt-4o', 1000, 100);"
        "print(int(price.amount), price.pricing['version'], 'litellm' in sys.modules, 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    amount, version, *imported = done.stdout.split()
    assert imported == ["False", "False"]
    price = price_tokens("gpt-4o", 1_000, 100)
    assert (int(amount), version) == (price.amount, price.pricing["version"])


@pytest.fixture
def registering(litellm):
    """Register prices with litellm for one test."""
    shipped = copy.deepcopy(litellm.model_cost)
    yield litellm.register_model
    litellm.model_cost.clear()
    litellm.model_cost.update(shipped)
    litellm.utils._invalidate_model_cost_lowercase_map()


def test_a_process_that_has_changed_a_price_pays_the_changed_one(registering):
    usual = price_usage(PLAIN).amount
    registering({"gpt-4o": {"input_cost_per_token": 1e-3, "litellm_provider": "openai"}})
    assert price_usage(PLAIN).amount > usual


def test_a_name_that_litellm_would_prefer_is_not_overlooked(litellm, registering):
    listing = catalog.find("gpt-4o", None)
    assert listing.holds_in(litellm)
    litellm.model_cost["openai/gpt-4o"] = {"input_cost_per_token": 1e-3, "litellm_provider": "openai"}
    assert not listing.holds_in(litellm)


def test_configured_discounts_are_litellms(litellm):
    usual = price_usage(PLAIN).amount
    litellm.cost_discount_config = {"openai": 0.5}
    try:
        assert price_usage(PLAIN).amount == usual // 2
    finally:
        litellm.cost_discount_config = {}


def test_what_the_provider_says_it_billed_comes_first():
    price = price_usage(PLAIN._replace(model="no-such-model", cost=Picodollars(123)))
    assert price.amount == 123
    assert price.pricing == {"source": "provider"}


def test_a_price_keeps_rates_of_its_own():
    price_usage(PLAIN).pricing["rates"].clear()
    assert price_usage(PLAIN).pricing["rates"]["input_cost_per_token"] > 0


@pytest.mark.parametrize("beginning", ["", "gpt-4o-mini", "claude-h", "azure_ai/", 'no "such'])
def test_the_names_of_models_are_those_that_a_parser_finds(litellm, entries, beginning):
    found = price_map.in_force().keys(beginning)
    assert found == {key for key in entries if key.startswith(beginning)} - price_map.NOT_MODELS


def test_the_names_in_a_map_of_another_layout_are_found_too(tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"a": {"b": {}}, "another": {}, "c": {}}')
    assert price_map.PriceMap(path, "1").keys("a") == {"a", "another"}
