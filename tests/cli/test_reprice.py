"""Charges whose price nobody knew, or that had a wrong one, and their correction."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from budgetctl import BudgetManager
from budgetctl.ledger.values import Price, Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.prices import own_prices
from support.commands import Cli
from support.places import ROOT

RESPONSE = json.dumps(
    {"id": "r1", "model": "mystery", "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}}
)


@pytest.fixture(autouse=True)
def alice(budgets: BudgetManager) -> None:
    """Alice has $10."""
    budgets.create("alice", "10", duration="monthly")


def priced(model: str = "mystery", dollars: str = "100") -> None:
    """Set a price for a million tokens, in or out."""
    from budgetctl.money import parse_amount

    rates = {"input": parse_amount(dollars), "output": parse_amount(dollars)}
    own_prices.save(own_prices.own_price(model, rates))


def charge(cli: Cli, *options: str) -> Any:
    """Charge alice for the response of the unknown model."""
    return cli("update-cost", "alice", "--response", RESPONSE, *options, "--json")


def spent(cli: Cli) -> str:
    """What alice has spent."""
    return str(cli("show", "alice", "--json").document["spent"])


class TestUnknownPrice:
    """`--on-unknown-price`."""

    @pytest.mark.parametrize("options", [(), ("--on-unknown-price", "error")])
    def test_is_an_error_and_nothing_is_recorded(self, cli: Cli, options: tuple[str, ...]) -> None:
        result = charge(cli, *options)
        assert (result.returncode, result.stdout) == (6, "")
        assert cli("history", "alice", "--json").document == []

    def test_can_be_recorded_without_one(self, cli: Cli) -> None:
        document = charge(cli, "--on-unknown-price", "record").document
        assert (document["cost"], document["unpriced"], document["usage"]["input_tokens"]) == ("0", True, "1000")

    def test_can_be_charged_an_amount(self, cli: Cli) -> None:
        document = charge(cli, "--on-unknown-price", "0.25").document
        assert (document["cost"], document["unpriced"], document["spent"]) == ("0.25", True, "0.25")

    def test_is_warned_about_with_what_to_do(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", RESPONSE, "--on-unknown-price", "record")
        assert result.stderr == (
            "warning: mystery has no price: entry 1 is unpriced until budgetctl reprice --model mystery\n"
        )

    def test_is_seen_in_the_history(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        assert cli("history", "alice", "--json").document[0]["unpriced"] is True
        assert "unpriced" in cli("history", "alice").stdout

    def test_is_charged_once_for_a_response(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "0.25")
        priced()
        document = charge(cli, "--on-unknown-price", "0.25").document
        assert (document["charged"], document["cost"]) == (False, "0.25")

    def test_makes_no_difference_where_the_price_is_known(self, cli: Cli) -> None:
        priced()
        document = charge(cli, "--on-unknown-price", "0.25").document
        assert (document["cost"], document["unpriced"]) == ("0.11", False)

    def test_holds_for_token_counts_and_tries(self, cli: Cli) -> None:
        line = "update-cost alice --model mystery --input-tokens 5 --on-unknown-price 0.5"
        assert cli(*line.split(), "--dry-run", "--json").document["unpriced"] is True
        assert cli(*line.split(), "--json").document["usage"]["input_tokens"] == "5"

    @pytest.mark.parametrize("value", ["huh", "-1", "nan", ""])
    def test_another_word_is_refused(self, cli: Cli, value: str) -> None:
        result = cli("update-cost", "alice", "--cost", "1", "--on-unknown-price", value)
        assert (result.returncode, result.stdout) == (2, "")
        assert "give error, record, or an amount" in result.stderr

    def test_what_is_no_response_is_still_an_error(self, cli: Cli) -> None:
        result = cli("update-cost", "alice", "--response", '{"model": "m"}', "--on-unknown-price", "record")
        assert result.returncode == 2


class TestReprice:
    """Corrections."""

    def test_prices_what_had_no_price(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        (document,) = cli("reprice", "--model", "mystery", "--json").document
        assert (document["cost_before"], document["cost"], document["counted"]) == ("0", "0.11", True)
        assert spent(cli) == "0.11"

    def test_corrects_a_wrong_price_up_and_down(self, cli: Cli) -> None:
        priced()
        charge(cli)
        for dollars, expected in (("200", "0.22"), ("10", "0.011")):
            priced(dollars=dollars)
            cli("reprice", "--model", "mystery")
            assert spent(cli) == expected

    def test_the_model_total_follows(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        cli("reprice", "--model", "mystery")
        assert cli("show", "alice", "--json").document["models"] == {"mystery": "0.11"}

    def test_history_keeps_the_entry_and_adds_one(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        cli("reprice", "--model", "mystery", "--note", "by invoice")
        added, first = cli("history", "alice", "--json").document
        assert (first["cost"], first["unpriced"]) == ("0", False)
        assert (added["kind"], added["cost"], added["refers_to"]) == ("adjustment", "0.11", "1")
        assert (added["note"], added["pricing"]["source"]) == ("by invoice", "user")

    def test_again_changes_nothing_more(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        cli("reprice", "--model", "mystery")
        assert cli("reprice", "--model", "mystery") == (0, "", "note: nothing to correct\n")
        assert spent(cli) == "0.11"

    def test_a_price_of_zero_ends_being_unpriced(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced(dollars="0")
        cli("reprice", "--model", "mystery")
        assert [entry["unpriced"] for entry in cli("history", "alice", "--json").document] == [False, False]
        assert cli("reprice", "--model", "mystery", "--json").document == []

    def test_a_try_changes_nothing(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        (document,) = cli("reprice", "--model", "mystery", "--dry-run", "--json").document
        assert (document["cost"], document["corrected_by"]) == ("0.11", None)
        assert spent(cli) == "0"

    def test_a_window_that_has_closed_is_corrected_as_history(self, cli: Cli) -> None:
        charge(cli, "--on-unknown-price", "0.5")
        cli("reset", "alice")
        priced()
        (document,) = cli("reprice", "--model", "mystery", "--json").document
        assert document["counted"] is False
        assert spent(cli) == "0"

    def test_a_pattern_is_for_many_models_and_users(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("bob", "1")
        for user, model in (("alice", "my-a"), ("bob", "my-b"), ("bob", "other")):
            cli("update-cost", user, "--model", model, "--input-tokens", "9", "--on-unknown-price", "record")
            priced(model)
        corrected = cli("reprice", "--model", "my-*", "--json").document
        assert [(each["user"], each["model"]) for each in corrected] == [("alice", "my-a"), ("bob", "my-b")]

    def test_one_user_may_be_named(self, cli: Cli, budgets: BudgetManager) -> None:
        budgets.create("bob", "1")
        for user in ("alice", "bob"):
            cli("update-cost", user, "--model", "m", "--input-tokens", "9", "--on-unknown-price", "record")
        priced("m")
        assert [each["user"] for each in cli("reprice", "bob", "--model", "m", "--json").document] == ["bob"]

    @pytest.mark.parametrize(
        ("words", "zone", "count"),
        [("bob", "Etc/GMT+12", 1), ("", "Pacific/Kiritimati", 1), ("", "Etc/GMT+12", 0)],
        ids=["the budget's", "the machine's", "another one of the machine's"],
    )
    def test_a_day_begins_in_the_zone_of_the_budget_or_of_the_machine(
        self, cli: Cli, run: Any, words: str, zone: str, count: int
    ) -> None:
        today = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()  # which west of Greenwich is yet to come
        cli("create", "bob", "1", "--timezone", "Pacific/Kiritimati")
        cli("update-cost", "bob", "--response", RESPONSE, "--on-unknown-price", "record")
        priced()
        line = ("reprice", *words.split(), "--model", "mystery", "--since", today, "--json")
        assert len(json.loads(run(*line, env={"TZ": zone}).stdout)) == count

    @pytest.mark.parametrize(("since", "count"), [("1h", 1), ("2020-01-01", 1), ("2999-01-01", 0)])
    def test_since_leaves_out_what_is_older(self, cli: Cli, since: str, count: int) -> None:
        charge(cli, "--on-unknown-price", "record")
        priced()
        assert len(cli("reprice", "--model", "mystery", "--since", since, "--json").document) == count

    def test_what_was_stated_or_billed_is_left_alone(self, cli: Cli) -> None:
        billed = {**json.loads(RESPONSE), "usage": {**json.loads(RESPONSE)["usage"], "cost": 0.5}}
        cli("update-cost", "alice", "--response", json.dumps(billed))
        cli("update-cost", "alice", "--cost", "1", "--model", "mystery")
        priced()
        assert cli("reprice", "--model", "mystery", "--json").document == []

    def test_what_still_has_no_price_is_exit_6_and_the_rest_is_corrected(self, cli: Cli) -> None:
        for model in ("my-a", "my-b"):
            cli("update-cost", "alice", "--model", model, "--input-tokens", "9", "--on-unknown-price", "record")
        priced("my-b")
        result = cli("reprice", "--model", "my-*")
        assert result.returncode == 6
        assert "1 charge still has no price" in result.stderr
        assert spent(cli) == "0.0009"

    @pytest.mark.parametrize(
        ("line", "code", "said"),
        [
            ("reprice", 2, "no --model was given"),
            ("reprice --model m --since yesterday", 2, "'yesterday' is not a time"),
            ("reprice nobody --model m", 4, "no budget for 'nobody'"),
            ("reprice --model m --project empty", 4, "has no budgets yet"),
        ],
    )
    def test_bad_input(self, cli: Cli, line: str, code: int, said: str) -> None:
        result = cli(*line.split())
        assert (result.returncode, result.stdout) == (code, "")
        assert said in result.stderr


def test_text_is_repriced_as_text(cli: Cli) -> None:
    cli("update-cost", "alice", "--model", "gpt-4o", "--input-text", "hello", "--output-text", "world")
    assert cli("reprice", "--model", "gpt-4o", "--json").document == []


class TestRightCharges:
    """What was charged right stays as it is, whatever it consisted of."""

    SEARCHED = json.dumps(
        {
            "id": "r2",
            "object": "response",
            "model": "gpt-4.1-2025-04-14",
            "output": [{"type": "web_search_call"}, {"type": "file_search_call"}],
            "usage": {"input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100},
        }
    )

    @pytest.mark.parametrize(
        "name", ["openai-chat", "anthropic-message", "gemini-generate-content", "openai-responses"]
    )
    def test_is_not_changed(self, cli: Cli, name: str) -> None:
        cli("update-cost", "alice", "--response", str(ROOT / "examples" / f"{name}.json"))
        result = cli("reprice", "--model", "*")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "note: nothing to correct\n")

    def test_is_not_changed_where_tools_were_billed_too(self, cli: Cli) -> None:
        assert cli("update-cost", "alice", "--response", self.SEARCHED).returncode == 0
        before = spent(cli)
        assert cli("reprice", "--model", "*").stderr == "note: nothing to correct\n"
        assert spent(cli) == before

    def test_is_left_alone_where_the_counts_do_not_say_what_was_billed(self, cli: Cli, budgets: BudgetManager) -> None:
        priced()
        usage = Usage(model="mystery", uncached_input=1_000, text_output=100)
        pricing = {"source": "user", "key": "mystery", "per": 1_000_000, "rates": {"input": 100, "output": 100}}
        budgets.charge_price("alice", Price(Picodollars(500_000_000_000), usage, "mystery", pricing))
        result = cli("reprice", "--model", "mystery")
        assert result.stdout == ""
        assert "1 charge was left alone: the recorded counts do not cost the recorded amount" in result.stderr
        assert spent(cli) == "0.5"
