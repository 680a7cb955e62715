"""The user's own prices: exact, first of all, and in a file that a person may edit."""

import threading
from decimal import Decimal

import pytest

from budgetctl.errors import CannotPriceError, InvalidValueError
from budgetctl.ledger.values import Usage
from budgetctl.money import Picodollars, parse_amount
from budgetctl.pricing import price_response, price_tokens, price_usage
from budgetctl.pricing.prices import own_prices, price_files


@pytest.fixture
def file(home):
    """The file of the user's own prices, in an empty directory."""
    path = home / "config" / "budgetctl" / "prices.toml"
    path.parent.mkdir(parents=True)
    return path


def given(model="m", per=1_000_000, **rates):
    own_prices.save(own_prices.own_price(model, {name: Decimal(rate) for name, rate in rates.items()}, per))


def written(file, text):
    file.write_text(text)
    price_files.forget()


def cost(**counts):
    return price_usage(Usage(model="m", **counts)).amount


def test_a_price_is_for_a_million_tokens():
    given(input="2.5", output="10")
    assert cost(uncached_input=1_000_000, text_output=100_000) == parse_amount("3.5")


def test_a_price_may_be_for_another_number_of_tokens():
    given(per=1_000, input="0.5")
    assert cost(uncached_input=10) == parse_amount("0.005")


def test_a_price_is_rounded_once_half_to_even():
    given(per=2, input="0.000000000001", output="0.000000000002")
    assert cost(uncached_input=1) == 0
    assert cost(uncached_input=3) == 2
    assert cost(uncached_input=1, text_output=1) == 2  # 1.5, and not 0 + 1


def test_a_price_goes_before_litellms():
    given("gpt-4o", input="1")
    assert price_usage(Usage(model="gpt-4o", uncached_input=1_000_000)).amount == parse_amount("1")


def test_what_the_provider_billed_goes_before_a_price():
    given(input="1")
    assert cost(uncached_input=1_000_000, cost=Picodollars(7)) == 7


def test_a_price_of_a_provider_is_for_its_calls_only():
    given("openai/m", input="2")
    given(input="1")
    assert price_tokens("m", 1_000_000, 0, provider="openai").amount == parse_amount("2")
    assert price_tokens("m", 1_000_000, 0).amount == parse_amount("1")


def test_objects_of_litellm_are_priced_by_it_too():
    from litellm import ModelResponse

    given("gpt-4o", input="1", output="2")
    usage = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}
    response = ModelResponse(model="gpt-4o", usage=usage)
    assert price_response(response).amount == parse_amount("3")


@pytest.mark.parametrize(
    ("kind", "rates", "dollars"),
    [
        ("cache_read", {"input": "2"}, "2"),
        ("cache_read", {"input": "2", "cache_read": "0.5"}, "0.5"),
        ("cache_read", {"input": "2", "cache_read": "0"}, "0"),
        ("cache_write_5m", {"input": "2"}, "2"),
        ("cache_write_1h", {"input": "2", "cache_write": "3"}, "3"),
        ("cache_write_1h", {"input": "2", "cache_write": "3", "cache_write_1h": "4"}, "4"),
        ("audio_input", {"input": "2"}, "2"),
        ("image_input", {"input": "2", "image_input": "5"}, "5"),
        ("reasoning", {"output": "6"}, "6"),
        ("reasoning", {"output": "6", "reasoning": "7"}, "7"),
        ("audio_output", {"output": "6", "audio_output": "8"}, "8"),
        ("image_output", {"output": "6"}, "6"),
    ],
)
def test_each_kind_of_token_has_its_rate_or_the_nearest(kind, rates, dollars):
    given(**rates)
    assert cost(**{kind: 1_000_000}) == parse_amount(dollars)


def test_a_web_search_has_a_price_of_its_own():
    given(input="1", web_search="0.01")
    assert cost(web_searches=3) == parse_amount("0.03")


@pytest.mark.parametrize("counts", [{"text_output": 1}, {"web_searches": 1}])
def test_what_has_no_rate_is_not_free(counts):
    given(input="1")
    with pytest.raises(CannotPriceError) as caught:
        cost(**counts)
    assert caught.value.usage == Usage(model="m", **counts)


def test_what_was_used_is_kept_with_the_price():
    given(input="2.5", per=1_000)
    price = price_tokens("m", 10, 0)
    assert {"source": "user", "key": "m", "per": 1_000, "rates": {"input": 2.5}}.items() <= price.pricing.items()


def test_a_price_replaces_the_one_that_was_set():
    given(input="1", cache_read="0.1")
    given(input="2")
    assert cost(cache_read=1_000_000) == parse_amount("2")


def test_a_price_that_was_removed_holds_no_more():
    given("gpt-4o", input="1")
    assert own_prices.remove("gpt-4o").model == "gpt-4o"
    assert price_tokens("gpt-4o", 1_000_000, 0).amount == parse_amount("2.5")
    assert own_prices.remove("gpt-4o") is None


def test_a_price_that_is_edited_holds_at_once(file):
    given(input="1")
    written(file, '[models."m"]\ninput = 0.1\n')
    assert cost(uncached_input=1_000_000) == parse_amount("0.1")


def test_what_is_written_reads_as_it_was_said(file):
    given('a "b"\\c/d.e', input="0.0000000001", output="123456.789")
    written(file, file.read_text())
    price = own_prices.load()['a "b"\\c/d.e']
    assert price.rates == {"input": 100, "output": parse_amount("123456.789")}


def test_prices_that_are_set_at_once_are_all_kept(home):
    threads = [threading.Thread(target=given, args=(f"m{number}",), kwargs={"input": "1"}) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(own_prices.load()) == {f"m{number}" for number in range(20)}


def test_a_file_that_is_a_link_stays_one(file, tmp_path):
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    file.symlink_to(real)
    given(input="1")
    assert file.is_symlink()
    assert "input = 1" in real.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = 3", "is a table"),
        ("[models]\nm = 3", "is a table"),
        ("[models.m]\ninput = -1", "input: -1 is negative"),
        ("[models.m]\ninput = nan", "must be finite"),
        ("[models.m]\ninput = true", "input: True is not an amount"),
        ('[models.m]\ninput = "2.5"', "input: '2.5' is not an amount"),
        ("[models.m]\ninptu = 1", "'inptu' is no rate"),
        ("[models.m]\ncache_read = 1", "needs a rate of input or of output"),
        ("[models.m]\ninput = 1\nper = 0", "per is 0"),
        ("[models.m]\ninput = 1\nper = '1M'", "per is '1M'"),
        ("[models.m\n", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
    ],
)
def test_a_file_that_is_not_right_is_named_with_what_is_wrong(file, text, said):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    price_files.forget()
    with pytest.raises(InvalidValueError) as caught:
        price_tokens("gpt-4o", 1, 1)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_right_is_never_overwritten(file):
    written(file, "[models.m\n")
    with pytest.raises(InvalidValueError):
        given(input="1")
    assert file.read_text() == "[models.m\n"
