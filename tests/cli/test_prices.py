"""prices: what models cost, and whose word that is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from budgetctl import BudgetManager
from budgetctl.pricing.prices import map_update
from support.commands import Cli


class TestSet:
    """A price of one's own."""

    def test_holds_for_the_next_charge(self, budgets: BudgetManager, cli: Cli) -> None:
        budgets.create("alice", "10")
        cli("prices", "set", "my-model", "--input", "2.5", "--output", "10")
        charge = ("update-cost", "alice", "--model", "my-model", "--input-tokens", "1000", "--output-tokens", "10")
        assert cli(*charge, "--json").document["cost"] == "0.0026"

    def test_says_what_it_set(self, cli: Cli) -> None:
        result = cli("prices", "set", "m", "--input", "$2.5", "--cache-read", "0.25", "--web-search", "0.01")
        assert result == (0, "m: input $2.50, cache read $0.25 per 1M tokens, $0.01 a web search\n", "")

    def test_says_that_it_replaced_another(self, cli: Cli) -> None:
        cli("prices", "set", "m", "--input", "1")
        assert "in place of what was set" in cli("prices", "set", "m", "--input", "2").stdout

    @pytest.mark.parametrize(
        ("per", "said"), [("1K", "per 1K tokens"), ("1", "per token"), ("250", "per 250 tokens"), ("2m", "2M")]
    )
    def test_is_for_as_many_tokens_as_is_said(self, cli: Cli, per: str, said: str) -> None:
        assert said in cli("prices", "set", "m", "--input", "2", "--per", per).stdout

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("m", "no price was given"),
            ("m --cache-read 1", "no price was given"),
            ("m --input -1", "--input: '-1' is negative"),
            ("m --input cheap", "--input: 'cheap' is not an amount of money"),
            ("m --input nan", "--input: 'nan' is not an amount"),
            ("m --input 1 --per 0", "per is 0"),
            ("m --input 1 --per 1G", "'1G' is not a number of tokens"),
            ("m --input 1 --per -5", "'-5' is not a number of tokens"),
            ("--input 1", "missing argument"),
        ],
    )
    def test_bad_input_changes_nothing(self, cli: Cli, home: Path, line: str, said: str) -> None:
        result = cli("prices", "set", *line.split())
        assert (result.returncode, result.stdout) == (2, "")
        assert said in result.stderr
        assert not (home / "config").exists()

    def test_an_empty_name_is_refused(self, cli: Cli) -> None:
        assert cli("prices", "set", "", "--input", "1").returncode == 2


def test_a_price_can_be_removed(cli: Cli) -> None:
    cli("prices", "set", "gpt-4o", "--input", "1")
    assert cli("prices", "remove", "gpt-4o") == (0, "gpt-4o: your own price is removed\n", "")
    assert cli("prices", "show", "gpt-4o", "--json").document["source"] == "litellm"


def test_a_price_that_was_never_set_cannot_be_removed(cli: Cli) -> None:
    result = cli("prices", "remove", "gpt-4o")
    assert result == (4, "", "error: you have set no price of 'gpt-4o'\n  try: budgetctl prices list\n")


class TestShow:
    """A model's price."""

    def test_is_litellms(self, cli: Cli) -> None:
        document = cli("prices", "show", "gpt-4o", "--json").document
        assert (document["source"], document["key"], document["provider"]) == ("litellm", "gpt-4o", "openai")
        assert document["rates"] == {"input": "2.5", "output": "10", "cache_read": "1.25"}

    def test_is_the_users_own_first(self, cli: Cli) -> None:
        cli("prices", "set", "gpt-4o", "--input", "1", "--per", "1K")
        document = cli("prices", "show", "gpt-4o", "--json").document
        assert (document["source"], document["per"], document["rates"]) == ("user", "1000", {"input": "1"})

    def test_says_under_which_key_a_bare_name_is_found(self, cli: Cli) -> None:
        assert cli("prices", "show", "mistral-large-latest", "--json").document["key"] == "mistral/mistral-large-latest"

    def test_is_found_by_provider(self, cli: Cli) -> None:
        document = cli("prices", "show", "gpt-4o", "--provider", "azure", "--json").document
        assert document["key"] == "azure/gpt-4o"

    def test_of_an_unknown_model_says_how_to_set_one(self, cli: Cli) -> None:
        result = cli("prices", "show", "no-such-model-at-all")
        assert (result.returncode, result.stdout) == (6, "")
        assert "budgetctl prices set no-such-model-at-all --input 2.5 --output 10" in result.stderr

    def test_is_lines_of_words_and_dollars(self, cli: Cli) -> None:
        lines = cli("prices", "show", "gpt-4o").stdout.splitlines()
        assert ["input", "$2.50", "per", "1M", "tokens"] in [line.split() for line in lines]


class TestList:
    """All prices."""

    def test_finds_every_word_in_any_case(self, cli: Cli) -> None:
        keys = [each["key"] for each in cli("prices", "list", "--search", "Claude SONNET", "--json").document]
        assert "claude-sonnet-4-5" in keys
        assert all("claude" in key and "sonnet" in key for key in keys)

    def test_has_the_users_own_first(self, cli: Cli) -> None:
        cli("prices", "set", "zzz", "--input", "1")
        first, second = cli("prices", "list", "--max", "2", "--json").document
        assert (first["key"], first["source"], second["source"]) == ("zzz", "user", "litellm")

    def test_is_for_a_million_tokens_however_they_were_set(self, cli: Cli) -> None:
        cli("prices", "set", "zzz", "--input", "0.0025", "--per", "1K")
        assert "$2.50" in cli("prices", "list", "--search", "zzz").stdout

    def test_of_nothing_says_so(self, cli: Cli) -> None:
        assert cli("prices", "list", "--search", "qqqq") == (0, "", "note: no model has 'qqqq' in its name\n")


class TestFarFromLitellm:
    """A price that is far from litellm's."""

    @pytest.mark.parametrize("rates", ["--input 0", "--input 0.0000025", "--input 2.5 --per 1K", "--output 10 --per 1"])
    def test_is_taken_with_a_warning(self, cli: Cli, rates: str) -> None:
        result = cli("prices", "set", "gpt-4o", *rates.split())
        assert result.returncode == 0
        assert "is --per as you mean it?" in result.stderr

    @pytest.mark.parametrize("rates", ["--input 1 --output 4", "--input 0.0025 --per 1K", "--output 0.00001 --per 1"])
    def test_by_contract_is_not_warned_of(self, cli: Cli, rates: str) -> None:
        assert cli("prices", "set", "gpt-4o", *rates.split()).stderr == ""


class TestUpdate:
    """A newer map."""

    @pytest.fixture
    def newer(self, tmp_path: Path) -> Path:
        """A map in which gpt-4o costs $1."""
        entries = map_update.shipped()
        entries["gpt-4o"]["input_cost_per_token"] = 1e-06
        path = tmp_path / "newer.json"
        path.write_text(json.dumps(entries))
        return path

    def test_is_in_force_and_says_what_changed(self, cli: Cli, newer: Path) -> None:
        result = cli("prices", "update", "--file", newer)
        assert result.stdout.endswith("in force: 0 new, 0 gone, 1 at another price\n")
        assert cli("prices", "show", "gpt-4o", "--json").document["rates"]["input"] == "1"

    def test_can_be_tried(self, cli: Cli, newer: Path, home: Path) -> None:
        document = cli("prices", "update", "--file", newer, "--dry-run", "--json").document
        assert (document["repriced"], document["installed"]) == (["gpt-4o"], False)
        assert not (home / "data").exists()

    def test_can_be_taken_back(self, cli: Cli, newer: Path) -> None:
        cli("prices", "update", "--file", newer)
        assert cli("prices", "update", "--shipped").returncode == 0
        assert cli("prices", "show", "gpt-4o", "--json").document["rates"]["input"] == "2.5"

    def test_what_is_no_map_leaves_the_one_in_force(self, cli: Cli, newer: Path) -> None:
        cli("prices", "update", "--file", newer)
        newer.write_text('{"gpt-4o": {}}')
        result = cli("prices", "update", "--file", newer)
        assert (result.returncode, result.stdout) == (2, "")
        assert cli("prices", "show", "gpt-4o", "--json").document["rates"]["input"] == "1"

    def test_of_prices_that_cannot_be_right_needs_force(self, cli: Cli, newer: Path) -> None:
        entries = map_update.shipped()
        entries["gpt-4o"]["input_cost_per_token"] = 0
        newer.write_text(json.dumps(entries))
        result = cli("prices", "update", "--file", newer)
        assert (result.returncode, result.stdout) == (2, "")
        assert "gpt-4o (input_cost_per_token 2.5e-06 → 0)" in result.stderr
        assert "--force" in result.stderr
        assert cli("prices", "update", "--file", newer, "--force").returncode == 0
        assert cli("prices", "show", "gpt-4o", "--json").document["rates"]["input"] == "0"

    def test_tells_of_a_price_that_is_a_hundred_times_another(self, cli: Cli, newer: Path) -> None:
        entries = map_update.shipped()
        entries["gpt-4o"]["input_cost_per_token"] *= 1000
        newer.write_text(json.dumps(entries))
        result = cli("prices", "update", "--file", newer)
        assert result.returncode == 0
        assert "warning: a hundred times more or less than before: gpt-4o" in result.stderr

    def test_comes_from_one_place(self, cli: Cli, newer: Path) -> None:
        assert cli("prices", "update", "--file", newer, "--shipped").returncode == 2

    def test_where_nothing_answers_is_exit_5(self, cli: Cli) -> None:
        assert cli("prices", "update", "--url", "http://127.0.0.1:1/map.json").returncode == 5


class TestPath:
    """Where prices come from."""

    def test_is_litellms_file_and_the_users(self, cli: Cli, home: Path) -> None:
        document = cli("prices", "path", "--json").document
        assert document["own"] == {"path": str(home / "config" / "budgetctl" / "prices.toml"), "models": "0"}
        assert Path(document["map"]["path"]).parent.name == "litellm"

    def test_is_the_newer_map_when_there_is_one(self, cli: Cli, home: Path, tmp_path: Path) -> None:
        path = tmp_path / "map.json"
        path.write_text(json.dumps(map_update.shipped()))
        cli("prices", "update", "--file", path)
        document = cli("prices", "path", "--json").document
        assert document["map"]["path"] == str(home / "data" / "budgetctl" / "model_prices.json")
        assert document["map"]["installed_at"] is not None
        assert "installed" in cli("prices", "path").stdout
