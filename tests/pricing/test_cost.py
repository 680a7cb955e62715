"""The rules by which usage and an entry of the price map become an amount, on entries that are small and made up."""

import json
from pathlib import Path

import pytest

from budgetctl import money
from budgetctl.ledger.values import Usage
from budgetctl.pricing.litellm.litellm_rules import NEWEST
from budgetctl.pricing.rules.cost import tariff
from budgetctl.pricing.rules.rates import Rates

FLAT = {"litellm_provider": "openai", "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6}
LONG = FLAT | {"input_cost_per_token_above_200k_tokens": 4e-6, "output_cost_per_token_above_200k_tokens": 1e-5}
TIERED = {
    "tiered_pricing": [
        {"range": [0, 1000], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
        {"range": [1000, 5000], "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6},
    ]
}


MOVED = [json.loads(line) for line in Path(__file__).with_name("rules.jsonl").read_text().splitlines()]
"""What litellm 1.110.2 says where its rules have moved since 1.106: the fields of an entry, a usage and the amount."""


def micro(entry, seller="openai", rules=NEWEST, **usage):
    """The price in millionths of a dollar."""
    amount = tariff(entry, seller, rules).price(Usage(**usage))
    return None if amount is None else int(amount) / 10**6


@pytest.mark.parametrize(
    ("rates", "usage", "expected"),
    [
        ({}, {"uncached_input": 10, "text_output": 5}, 60),
        ({}, {"cache_read": 10}, 20),
        ({}, {"cache_write_5m": 10, "cache_write_1h": 10}, 40),
        ({"cache_read_input_token_cost": 0.0}, {"cache_read": 10, "uncached_input": 1}, 2),
        ({"cache_creation_input_token_cost": 3e-6}, {"cache_write_5m": 10, "cache_write_1h": 10}, 60),
        ({"cache_creation_input_token_cost_above_1hr": 5e-6}, {"cache_write_5m": 10, "cache_write_1h": 10}, 70),
        ({}, {"reasoning": 10}, 80),
        ({"output_cost_per_reasoning_token": 1e-6}, {"reasoning": 10}, 10),
        ({"input_cost_per_audio_token": 9e-6}, {"audio_input": 10, "image_input": 10}, 110),
        ({"output_cost_per_image_token": 9e-6}, {"audio_output": 10, "image_output": 10}, 170),
    ],
)
def test_a_missing_rate_is_that_of_text_and_a_rate_of_zero_is_a_price(rates, usage, expected):
    assert micro(FLAT | rates, **usage) == expected


@pytest.mark.parametrize(("length", "seller", "expected"), [
    (199_999, "openai", 399_998),
    (200_000, "openai", 400_000),
    (200_001, "openai", 800_004),
    (200_000, "xai", 800_000),
])  # fmt: skip
def test_a_long_input_reprices_the_whole_request(length, seller, expected):
    assert micro(LONG, seller, uncached_input=length) == expected
    assert micro(LONG, seller, uncached_input=length - 10, cache_read=10) == expected


@pytest.mark.parametrize(("length", "expected"), [(1_000, 1_000), (1_001, 3_003), (5_000, 15_000), (9_000, 27_000)])
def test_a_tier_holds_for_every_token(length, expected):
    assert micro(TIERED, "dashscope", uncached_input=length) == expected
    assert micro(TIERED, "volcengine", uncached_input=length) == expected


@pytest.mark.parametrize(
    ("tier", "expected"),
    [(None, 20), ("default", 20), ("flex", 10), ("FLEX", 10), ("priority", 40), ("fast", 40), ("balanced", 20)],
)
def test_a_service_tier_has_its_rate_or_the_usual_one(tier, expected):
    entry = FLAT | {"input_cost_per_token_flex": 1e-6, "input_cost_per_token_priority": 4e-6}
    assert micro(entry, uncached_input=10, service_tier=tier) == expected
    assert micro(entry, "xai", uncached_input=10, service_tier=tier) == 20


def test_anthropic_charges_more_for_a_place_and_for_speed():
    entry = FLAT | {"provider_specific_entry": {"us": 1.5, "fast": 2.0}}
    assert micro(entry, "anthropic", uncached_input=10, inference_geo="US", speed="fast") == 60
    assert micro(entry, "anthropic", uncached_input=10, inference_geo="global") == 20
    assert micro(entry, "openai", uncached_input=10, inference_geo="us", speed="fast") == 20


def test_fireworks_reads_its_cache_at_half_the_input():
    assert micro(FLAT | {"litellm_provider": "fireworks_ai"}, "fireworks_ai", cache_read=10) == 10


def test_perplexity_reads_its_cache_at_its_rate_and_bills_what_it_cites():
    entry = FLAT | {"cache_read_input_token_cost": 1e-6, "citation_cost_per_token": 5e-6}
    assert micro(entry, "perplexity", cache_read=10, citations=2) == 20
    old = NEWEST._replace(perplexity_reads_caches=False)
    assert micro(entry, "perplexity", old, cache_read=10, citations=2) == 30
    assert micro(entry, "openai", cache_read=10, citations=2) == 10


@pytest.mark.parametrize("case", MOVED, ids=[case["rule"] for case in MOVED])
def test_a_rule_that_has_moved_is_followed(case):
    assert tariff(case["entry"], case["seller"]).price(Usage(**case["usage"])) == case["picodollars"]


@pytest.mark.parametrize(
    ("rule", "entry", "seller", "usage", "before", "now"),
    [
        ("audio_by_length", {"input_cost_per_audio_token": 3e-6, "input_cost_per_audio_token_above_200k_tokens": 5e-6},
         "gemini", {"audio_input": 200_001}, 600_003, 1_000_005),
        ("bedrock_has_places", {"provider_specific_entry": {"us": 1.5}}, "bedrock",
         {"uncached_input": 10, "inference_geo": "us"}, 20, 30),
        ("writes_by_lifetime", {"cache_creation_input_token_cost_above_12hr": 9e-6}, "openai",
         {"cache_write_12h": 10, "explicit_cache_read": 10}, 110, 110),
        ("writes_by_lifetime", {"explicit_cache_read_input_token_cost": 1e-6}, "dashscope",
         {"explicit_cache_read": 10}, 20, 10),
        ("writes_by_lifetime", {"cache_creation_input_token_cost": 0.0}, "openai",
         {"uncached_input": 10, "cache_write_5m": 10, "service_tier": "batch"}, 20, 10),
        ("batches_read_at_standard_rate", {"input_cost_per_token_batches": 1e-6, "cache_read_input_token_cost": 5e-7},
         "openai", {"cache_read": 10, "service_tier": "batch"}, 10, 5),
    ],
)  # fmt: skip
def test_an_older_rule_holds_where_it_is_proven(rule, entry, seller, usage, before, now):
    assert micro(FLAT | entry, seller, NEWEST._replace(**{rule: False}), **usage) == before
    assert micro(FLAT | entry, seller, **usage) == now


def test_a_price_that_a_litellm_does_not_pass_on_has_no_effect():
    entry = FLAT | {"output_cost_per_image_token": 1e-6, "output_cost_per_image_token_priority": 3e-6}
    assert micro(entry, image_output=10, service_tier="priority") == 30
    lacking = NEWEST._replace(lacks=("output_cost_per_image_token_priority",))
    assert micro(entry, "openai", lacking, image_output=10, service_tier="priority") == 10


@pytest.mark.parametrize(
    ("rates", "usage", "expected"),
    [
        ({}, {"cache_write_12h": 10, "video_input": 10, "video_output": 10}, 120),
        ({}, {"audio_cache_read": 10, "image_cache_read": 10, "explicit_cache_read": 10}, 60),
        ({"cache_read_input_token_cost": 1e-6}, {"audio_cache_read": 10, "image_cache_read": 10}, 20),
        ({"cache_read_input_audio_token_cost": 3e-6}, {"audio_cache_read": 10, "cache_read": 10}, 50),
        ({"cache_read_input_image_token_cost": 3e-6}, {"image_cache_read": 10, "cache_read": 10}, 50),
        ({"input_cost_per_video_token": 9e-6, "output_cost_per_video_token": 1e-6},
         {"video_input": 10, "video_output": 10}, 100),
        ({"cache_creation_input_token_cost_above_12hr": 7e-6}, {"cache_write_12h": 10, "cache_write_1h": 10}, 90),
    ],
)  # fmt: skip
def test_rarer_kinds_have_their_own_rate_or_that_of_their_likes(rates, usage, expected):
    assert micro(FLAT | rates, **usage) == expected


def test_tokens_that_nothing_explains_cost_what_the_dearer_text_does():
    assert micro(FLAT, uncached_input=10, unexplained=10) == 100
    assert micro(FLAT | {"output_cost_per_token": 1e-6}, uncached_input=10, unexplained=10) == 40
    assert micro(FLAT, uncached_input=10, unexplained=10, service_tier="batch") == 50


def test_a_long_write_in_a_service_tier_falls_to_the_short_rate_as_at_litellm():
    hour = "cache_creation_input_token_cost_above_1hr"
    entry = LONG | {hour: 6e-6, f"{hour}_above_200k_tokens": 1.2e-5}
    usage = {"uncached_input": 200_000, "cache_write_1h": 10}
    assert micro(entry, **usage) - micro(LONG, uncached_input=200_010) == 120 - 40
    assert micro(entry, **usage, service_tier="flex") - micro(LONG, uncached_input=200_010) == 60 - 40


@pytest.mark.parametrize(
    "usage",
    [
        {"web_searches": 1},
        {"maps_searches": 1},
        {"file_searches": 1},
        {"code_sessions": 1},
        {"audio_seconds": 1},
        {"images": 1},
        {"service_tier": "scale"},
    ],
)
def test_what_these_rules_do_not_know_is_left_to_litellm(usage):
    assert micro(FLAT, uncached_input=10, **usage) is None


@pytest.mark.parametrize(
    ("entry", "seller"),
    [
        (FLAT | {"input_cost_per_token_on_sundays": 1e-6}, "openai"),
        (FLAT | {"input_cost_per_token": "2e-6"}, "openai"),
        (FLAT | {"input_cost_per_token_above_128k_tokens": 4e-6}, "vertex_ai"),
        ({"output_cost_per_image": 0.04}, "openai"),
        ({"input_cost_per_second": 0.04, "input_cost_per_token": 0}, "openai"),
        ({"tiered_pricing": [{"range": [0], "input_cost_per_token": 1e-6}]}, "dashscope"),
        ({"tiered_pricing": {"range": []}}, "dashscope"),
    ],
)
def test_entries_that_these_rules_do_not_cover_are_left_to_litellm(entry, seller):
    assert tariff(entry, seller) is None


def test_zero_is_a_price_only_where_the_map_says_so():
    assert micro({"input_cost_per_token": 0, "output_cost_per_token": 0}, uncached_input=10, text_output=1) == 0
    assert micro({"input_cost_per_token": 0}, uncached_input=10, text_output=1) is None
    assert micro({"input_cost_per_token": 1e-6}, text_output=1) is None
    assert micro({"mode": "chat"}, uncached_input=10) is None
    assert micro({"mode": "chat"}) is None
    assert micro(FLAT) == 0


def test_rates_stand_in_the_order_of_the_counts_that_they_are_multiplied_with():
    assert Usage._fields[4:20] == Rates._fields
    counts = Usage(**{name: 10**place for place, name in enumerate(Rates._fields)})
    assert counts.total_input == 11_111_111_111
    assert counts.total_output == 1_111_100_000_000_000


@pytest.mark.parametrize("kind", Rates._fields)
def test_every_kind_of_token_has_a_part_in_the_price(kind):
    assert micro(FLAT, **{kind: 10}) > 0


@pytest.mark.parametrize(
    "usd",
    [0.0, 5e-13, 1.5e-12, 2.5e-12, 4.9999e-13, 0.1 + 0.2, 0.0123456789012345, 0.999999999999, 1.0, 12345.678901234567],
)
def test_rounding_is_that_of_money(usd):
    assert money.from_small(usd) == money.from_number(usd)
