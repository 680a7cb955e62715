"""The usages by which an entry is proven: a rule that is another one is found, and only what it concerns is left."""

import random

import pytest

from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing.prices import probes
from budgetctl.pricing.prices.probes import KINDS, LONGEST

RATES = dict(zip(KINDS, (3, 1, 4, 5, 9, 2, 6, 53, 58, 97, 93, 23, 84, 62, 64, 33), strict=True))
NOTHING = (None, None, None)
SHORT, LONG = (0, 200_000), (200_001, LONGEST)


def price(usage, **changed):
    """A price of so many picodollars for each kind of token."""
    rates = {**RATES, **changed}
    return Picodollars(sum(getattr(usage, kind) * rate for kind, rate in rates.items()))


def names(pattern):
    return {kind for place, kind in enumerate(KINDS) if pattern >> place & 1}


def left_out(litellm, lengths=SHORT, here=price):
    """The kinds that are not proven where litellm prices so."""
    return set(KINDS) - names(probes.proven_kinds(here, litellm, NOTHING, lengths))


def test_all_kinds_are_proven_where_all_is_equal():
    assert left_out(price) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_with_another_rate_is_left_out_alone(kind):
    expected = {kind}
    if kind in {"uncached_input", "text_output"}:  # beside which all others are asked about first
        assert kind in left_out(lambda usage: price(usage, **{kind: 1_000}))
    else:
        assert left_out(lambda usage: price(usage, **{kind: 1_000})) == expected


def test_kinds_that_cost_something_else_together_are_not_both_proven():
    def litellm(usage):
        return price(usage, reasoning=0 if usage.image_output else RATES["reasoning"])

    assert left_out(litellm) & {"reasoning", "image_output"}


def test_three_kinds_that_cost_something_else_together_are_not_all_proven():
    def litellm(usage):
        return Picodollars(price(usage) - bool(usage.audio_input and usage.cache_read and usage.reasoning))

    assert left_out(litellm) & {"audio_input", "cache_read", "reasoning"}


def test_a_kind_that_costs_something_else_without_text_is_not_proven_with_it():
    def litellm(usage):
        return price(usage, audio_input=1 if usage.uncached_input else 2)

    assert "audio_input" in left_out(litellm, here=lambda usage: price(usage, audio_input=1))


@pytest.mark.parametrize("excess", [0, 1])
def test_a_threshold_one_token_away_is_found(excess):
    def litellm(usage):
        return Picodollars(price(usage) * (2 if usage.total_input >= 200_000 + 2 * excess else 1))

    def here(usage):
        return Picodollars(price(usage) * (2 if usage.total_input > 200_000 else 1))

    sent = set(probes.INPUT)
    found = left_out(litellm, SHORT, here) if excess == 0 else left_out(litellm, LONG, here)
    assert sent <= found


def test_a_threshold_that_the_entry_does_not_name_is_found():
    def litellm(usage):
        return Picodollars(price(usage) * (2 if usage.total_input > 128_000 else 1))

    assert set(probes.INPUT) <= left_out(litellm, (0, LONGEST))


@pytest.mark.parametrize("kind", ["cache_read", "audio_input", "cache_write_1h", "video_input"])
def test_a_kind_that_does_not_count_to_the_length_is_found(kind):
    def litellm(usage):
        length = usage.total_input - getattr(usage, kind)
        return Picodollars(price(usage) * (2 if length > 200_000 else 1))

    def here(usage):
        return Picodollars(price(usage) * (2 if usage.total_input > 200_000 else 1))

    assert kind in left_out(litellm, LONG, here)


def test_a_kind_without_a_price_here_is_never_asked_about():
    asked = []

    def litellm(usage):
        asked.append(usage)
        return price(usage)

    kinds = left_out(litellm, here=lambda usage: None if usage.citations else price(usage))
    assert kinds == {"citations"}
    assert not any(usage.citations for usage in asked)


def test_a_litellm_that_knows_no_price_proves_nothing():
    assert left_out(lambda _: None) == set(KINDS)


def test_what_a_response_says_is_in_every_usage():
    asked = []

    def litellm(usage):
        asked.append((usage.service_tier, usage.inference_geo, usage.speed))
        return price(usage)

    probes.proven_kinds(price, litellm, ("flex", "us", "fast"), SHORT)
    assert set(asked) == {("flex", "us", "fast")}


def test_any_three_kinds_are_there_and_missing_in_all_eight_ways():
    seen = []
    probes.proven_kinds(price, lambda usage: seen.append(usage) or price(usage), NOTHING, (0, LONGEST))
    patterns = [probes.pattern_of(usage) for usage in seen]
    dice = random.Random(0)
    for _ in range(300):
        three = dice.sample(range(len(KINDS)), 3)
        assert len({tuple(pattern >> kind & 1 for kind in three) for pattern in patterns}) == 8


def test_some_seventy_usages_are_enough():
    asked = []
    probes.proven_kinds(price, lambda usage: asked.append(usage) or price(usage), NOTHING, SHORT)
    assert 50 <= len(asked) <= 80


@pytest.mark.parametrize("field", ["web_searches", "file_searches", "images", "explicit_cache_read"])
def test_a_usage_with_something_that_is_not_asked_about_has_no_pattern(field):
    assert probes.pattern_of(Usage(uncached_input=1, **{field: 1})) is None


def test_unexplained_tokens_need_the_rates_of_text():
    assert names(probes.pattern_of(Usage(cache_read=1, unexplained=5))) == {
        "cache_read",
        "uncached_input",
        "text_output",
    }


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"input_cost_per_token": 1e-6}, [LONGEST]),
        ({"input_cost_per_token_above_200k_tokens": 1e-6}, [200_000, LONGEST]),
        ({"output_cost_per_token_above_512_tokens_priority": 1e-6}, [512, LONGEST]),
        ({"input_cost_per_audio_token_above_128k_tokens": 1, "a_above_200k_tokens_b": 1}, [128_000, 200_000, LONGEST]),
        (
            {"tiered_pricing": [{"range": [0, 256_000.0]}, {"range": [256_000, 1_000_000]}]},
            [256_000, 1_000_000, LONGEST],
        ),
    ],
)
def test_ranges_end_where_the_entry_has_other_rates(entry, expected):
    assert probes.ends(entry) == expected


def test_ranges_follow_each_other_without_a_gap():
    ranges = probes.ranges({"a_above_128k_tokens": 1, "a_above_200k_tokens": 1})
    assert ranges == [(0, 128_000), (128_001, 200_000), (200_001, LONGEST)]
