"""What is billed beside plain tokens: pieces, other models, tokens that nobody explains; and what has no price."""

import pytest

from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars
from budgetctl.pricing import price_recorded, price_usage
from budgetctl.pricing.litellm import asking
from budgetctl.pricing.prices.pieces import unpriced_components

PLAIN = Usage(model="gpt-4o", uncached_input=1_000, text_output=100)
GEMINI = Usage(model="gemini/gemini-2.5-pro", uncached_input=1_000, text_output=100)


def usd(usage):
    """What the usage costs more than its tokens alone, in USD."""
    pieces = dict.fromkeys(("web_searches", "maps_searches", "file_searches", "code_sessions"), 0)
    return (price_usage(usage).amount - price_usage(usage._replace(**pieces)).amount) / Picodollars(10**12)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (PLAIN._replace(file_searches=2), 0.005),
        (PLAIN._replace(code_sessions=2), 0.06),
        (GEMINI._replace(maps_searches=2), 0.025),
        (GEMINI._replace(web_searches=2), 0.035),
        (GEMINI._replace(web_searches=2, maps_searches=1), 0.06),
        (Usage(model="claude-sonnet-4-5", uncached_input=1_000, web_searches=2), 0.02),
        (Usage(model="xai/grok-4.3", uncached_input=1_000, web_searches=2), 0.01),
        (Usage(model="perplexity/sonar-deep-research", uncached_input=1_000, web_searches=2), 0.01),
    ],
)
def test_calls_of_tools_cost_what_litellm_has_for_them(usage, expected):
    assert usd(usage) == pytest.approx(expected)


def test_seconds_of_sound_and_pictures_cost_what_the_map_has():
    assert price_usage(Usage(model="whisper-1", audio_seconds=60)).amount == 60 * 10**8
    drawn = price_usage(Usage(model="high/1024-x-1536/gpt-image-1", images=2))
    assert drawn.amount == 5 * 10**11
    assert drawn.pricing["key"] == "high/1024-x-1536/gpt-image-1"


def test_a_picture_of_which_nothing_is_said_is_a_square_of_the_highest_quality():
    square = price_usage(Usage(model="high/1024-x-1024/gpt-image-1", images=1))
    assert price_usage(Usage(model="gpt-image-1", images=1)).amount == square.amount > 0
    assert price_usage(Usage(model="high/gpt-image-1", images=1)).amount == square.amount


def test_what_perplexity_cites_is_billed():
    usage = Usage(model="perplexity/sonar-deep-research", uncached_input=1_000, text_output=100)
    cited = usage._replace(citations=1_000)
    assert price_usage(cited).amount - price_usage(usage).amount == 2 * 10**9
    assert price_usage(cited).amount == asking.price_usage(cited).amount


@pytest.mark.parametrize(
    ("usage", "names"),
    [
        (PLAIN._replace(citations=5), ["citations"]),
        (PLAIN._replace(images=1, maps_searches=1), ["maps_searches", "images"]),
        (PLAIN._replace(file_searches=1, code_sessions=1), []),
        (PLAIN, []),
    ],
)
def test_counts_without_a_price_are_kept_by_name(usage, names):
    assert price_usage(usage).pricing.get("unpriced", []) == names


def test_a_search_is_unpriced_where_neither_the_entry_nor_the_seller_has_a_price():
    searched = PLAIN._replace(web_searches=1)
    assert unpriced_components(searched, {"litellm_provider": "openai"}) == ["web_searches"]
    assert unpriced_components(searched, {"litellm_provider": "gemini"}) == []
    priced = {"litellm_provider": "openai", "search_context_cost_per_query": {"search_context_size_medium": 0.01}}
    assert unpriced_components(searched, priced) == []
    assert unpriced_components(searched._replace(service_tier="batch"), priced) == ["web_searches"]


def test_unexplained_tokens_cost_the_same_here_and_through_litellm():
    usage = PLAIN._replace(unexplained=100)
    assert price_usage(usage).amount == asking.price_usage(usage).amount
    assert price_usage(usage).amount == price_usage(PLAIN._replace(text_output=200)).amount


def test_what_other_models_did_is_added_and_kept_with_its_own_rates():
    advisor = Usage(model="claude-opus-4-6", uncached_input=500, text_output=50)
    price = price_usage(PLAIN._replace(also=(advisor,)))
    assert price.amount == price_usage(PLAIN).amount + price_usage(advisor).amount
    (also,) = price.pricing["also"]
    assert also["key"] == "claude-opus-4-6"
    assert also["rates"] != price.pricing["rates"]
    assert price_recorded(price.usage.to_json(), price.pricing, 0).amount == price.amount


def test_a_model_that_the_map_has_dropped_keeps_its_last_known_price():
    price = price_usage(Usage(model="anthropic.claude-3-haiku-20240307-v1:0", uncached_input=1_000, text_output=100))
    assert price.amount == 375_000_000
    assert price.pricing["retired"] == "1.104.9"
    named = price_usage(Usage(model="anthropic.claude-3-haiku-20240307-v1:0", provider="bedrock", uncached_input=1))
    assert named.amount > 0


def test_a_disputed_price_is_litellms_and_says_by_how_much_the_list_is_higher():
    usage = Usage(model="gemini-2.5-flash", provider="vertex_ai", audio_input=250_000, text_output=1)
    price = price_usage(usage)
    assert price.amount == asking.price_usage(usage).amount
    if "disputed" in price.pricing:  # until litellm's map has Google's price
        assert price.pricing["disputed"] == pytest.approx(0.175)
    assert "disputed" not in price_usage(usage._replace(audio_input=250)).pricing
