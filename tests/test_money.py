"""Money: exact from the edge inward, and refused rather than guessed."""

import copy
import math
import operator
import pickle
import time
from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetctl.errors import InvalidValueError
from budgetctl.money import (
    PICODOLLARS_PER_USD,
    Picodollars,
    format_usd,
    from_number,
    parse_amount,
    to_float,
    to_text,
)

LARGEST = 10**27 - 1

same_every_time = settings(derandomize=True, deadline=None, max_examples=300)

amounts = st.integers(0, LARGEST) | st.integers(0, 10**15)
signed_amounts = st.integers(-LARGEST, LARGEST) | st.integers(-(10**15), 10**15)


# Reading and writing exactly


@same_every_time
@given(amounts)
def test_an_amount_is_read_back_from_its_text(amount):
    assert parse_amount(to_text(amount)) == amount


@same_every_time
@given(signed_amounts)
def test_a_signed_amount_is_read_back_from_its_text(amount):
    assert parse_amount(to_text(amount), signed=True) == amount
    assert parse_amount(str(Picodollars(amount)), signed=True) == amount


@same_every_time
@given(signed_amounts)
def test_text_is_a_plain_decimal_without_needless_zeros(amount):
    text = to_text(amount)
    assert set(text) <= set("-.0123456789")
    assert Decimal(text) * 10**12 == amount
    assert "." not in text or not text.endswith(("0", "."))


@same_every_time
@given(st.decimals(0, 999_999, allow_nan=False, places=15))
def test_an_amount_is_rounded_half_to_even_at_the_picodollar(value):
    assert parse_amount(value) == parse_amount(str(value)) == round(Fraction(value) * PICODOLLARS_PER_USD)


@same_every_time
@given(st.floats(0, 999_999_999_999_999))
def test_a_float_enters_as_its_repr(value):
    assert from_number(value) == parse_amount(Decimal(repr(value)))


@same_every_time
@given(st.integers(0, 10**15))
def test_an_amount_of_up_to_fifteen_digits_is_read_back_from_its_float(amount):
    assert from_number(to_float(amount)) == amount


@same_every_time
@given(signed_amounts)
def test_picodollars_pass_through_unchanged(amount):
    assert parse_amount(Picodollars(amount), signed=True) == amount
    assert from_number(Picodollars(amount), signed=True) == amount


@same_every_time
@given(st.integers(0, 10**15 - 1))
def test_a_number_is_whole_dollars(dollars):
    assert from_number(dollars) == dollars * PICODOLLARS_PER_USD


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("-0", 0),
        ("10", 10 * 10**12),
        ("$10", 10 * 10**12),
        (" 0.05\n", 5 * 10**10),
        ("+1", 10**12),
        ("1.", 10**12),
        (".5", 5 * 10**11),
        ("1e-7", 10**5),
        ("1.5E3", 1500 * 10**12),
        ("0e9999", 0),
        ("1e-9999", 0),
        ("999999999999999.999999999999", LARGEST),
    ],
)
def test_the_forms_of_text_that_are_money(text, amount):
    read = parse_amount(text)
    assert read == amount
    assert isinstance(read, Picodollars)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0.0000000000005", 0),
        ("0.0000000000015", 2),
        ("0.0000000000025", 2),
        ("0.00000000000250000000000000000000000000000000001", 3),
    ],
)
def test_a_half_picodollar_goes_to_the_even_one(text, amount):
    assert parse_amount(text) == amount


def test_a_million_tiny_floats_do_not_drift():
    assert 1_000_000 * from_number(1e-7) == parse_amount("0.1")


def test_picodollars_show_dollars_and_say_what_they_are():
    amount = Picodollars(4_200_000_000)
    assert str(amount) == "0.0042"
    assert repr(amount) == "Picodollars(4200000000)"


# Refusals


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "$",
        "ten",
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1,000",
        "1,5",
        "1 000",
        "1.2.3",
        "--1",
        "0x10",
        "1e",
        "\uff11\uff10",
        "\u0663",
        "10€",
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
    ],
)
def test_what_is_not_money_is_refused_by_name(value):
    with pytest.raises(InvalidValueError, match="is not an amount of money") as caught:
        parse_amount(value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("value", [1, 0, 1.0, True, None, b"1"])
def test_the_exact_form_takes_no_bare_number(value):
    with pytest.raises(InvalidValueError, match="is not an exact amount"):
        parse_amount(value)


@pytest.mark.parametrize("value", [True, False, None, "10", b"10", math.nan, math.inf, -math.inf, 1j, []])
def test_what_is_not_a_number_of_dollars_is_refused(value):
    with pytest.raises(InvalidValueError, match="is not an amount of money"):
        from_number(value)
    with pytest.raises(InvalidValueError, match="is not an amount of money"):
        from_number(value, signed=True)


@pytest.mark.parametrize("value", ["-1", "-1e-12", "-1e-13", Decimal("-0.01"), Picodollars(-1)])
def test_a_negative_amount_is_refused_unless_signed(value):
    with pytest.raises(InvalidValueError, match="is negative"):
        parse_amount(value)
    assert parse_amount(value, signed=True) <= 0


@pytest.mark.parametrize("value", [-1, -0.5, -1e-13, Decimal(-1), Picodollars(-1)])
def test_a_negative_number_is_refused_unless_signed(value):
    with pytest.raises(InvalidValueError, match="is negative"):
        from_number(value)
    assert from_number(value, signed=True) <= 0


@pytest.mark.parametrize(
    "value",
    [
        "1e15",
        "1e9999",
        "-1e9999",
        "999999999999999.9999999999999",
        pytest.param("9" * 100_000, id="long text"),
        Decimal("1e999999"),
        Picodollars(LARGEST + 1),
    ],
)
def test_a_huge_amount_is_refused_at_once(value):
    started = time.perf_counter()
    with pytest.raises(InvalidValueError, match="is too large: an amount must be below") as caught:
        parse_amount(value, signed=True)
    assert time.perf_counter() - started < 1
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value", [10**15, 1e15, 1.7e308, pytest.param(10**5000, id="thousands of digits"), Decimal("1e999999")]
)
def test_a_huge_number_is_refused_at_once(value):
    with pytest.raises(InvalidValueError, match="is too large: an amount must be below"):
        from_number(value)


def test_a_refusal_stays_one_short_line_whatever_was_given():
    with pytest.raises(InvalidValueError) as caught:
        parse_amount("ten\n" * 10_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


# For a person


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("10", "$10.00"),
        ("1234567.891", "$1,234,567.89"),
        ("0.1", "$0.10"),
        ("0.125", "$0.12"),
        ("0.135", "$0.14"),
        ("0.0999", "$0.10"),
        ("0.05", "$0.05"),
        ("0.054", "$0.054"),
        ("0.0042", "$0.0042"),
        ("0.00425", "$0.0042"),
        ("0.00995", "$0.01"),
        ("0.0000001", "$0.0000001"),
        ("0.000000000001", "$0.000000000001"),
        ("-0.0042", "-$0.0042"),
        ("-1234.5", "-$1,234.50"),
        ("0.999", "$1.00"),
    ],
)
def test_an_amount_for_a_person_has_cents_or_two_digits(amount, shown):
    assert format_usd(parse_amount(amount, signed=True)) == shown


@same_every_time
@given(st.integers(1, LARGEST))
def test_no_amount_but_zero_is_shown_as_zero(amount):
    assert set(format_usd(amount)) & set("123456789")


# As a number of Python


@same_every_time
@given(signed_amounts)
def test_an_amount_is_the_same_decimal_float_and_text_of_dollars(amount):
    money = Picodollars(amount)
    assert money.usd == Decimal(amount).scaleb(-12, Context(prec=60))
    assert float(money) == to_float(amount)
    assert str(money) == f"{money}" == to_text(amount)


@pytest.mark.parametrize(
    ("spec", "text"), [(".2f", "1234.57"), (",.2f", "1,234.57"), (">12", "    1234.567"), (".1e", "1.2e+3")]
)
def test_a_format_is_of_dollars(spec, text):
    assert format(parse_amount("1234.567"), spec) == text
    assert "%.2f" % parse_amount("1234.567") == "1234.57"  # noqa: UP031


def test_sums_and_differences_are_amounts():
    one, two = parse_amount("1"), parse_amount("2")
    for money in (sum([one, two]), one + two, two - one, -one, abs(-one), one * 3, 3 * one, min(one, two), max(0, one)):
        assert isinstance(money, Picodollars)
    assert (sum([one, two]), two - one, min(one, two), int(one)) == (3 * one, one, one, 10**12)
    assert (one / two, hash(one), one == 10**12) == (0.5, hash(10**12), True)


@pytest.mark.parametrize("other", [1, -1, 0.5, 10**12, Decimal(1), Fraction(1, 2)])
@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_an_order_against_a_bare_number_is_refused(compare, other):
    with pytest.raises(TypeError, match=r"`\.usd`"):
        compare(parse_amount("1"), other)


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_an_order_of_a_bare_integer_against_an_amount_is_refused_too(compare):
    with pytest.raises(TypeError, match=r"`\.usd`"):
        compare(1, parse_amount("1"))


def test_an_amount_has_an_order_against_another_and_against_nothing():
    one, two = parse_amount("1"), parse_amount("2")
    assert one < two
    assert two >= one > 0 >= -one
    assert sorted([two, one, Picodollars(0)]) == [0, one, two]


@pytest.mark.parametrize("reckon", [lambda m: m + 0.5, lambda m: m - 0.5, lambda m: m * 0.5, lambda m: m / 2])
def test_a_bare_fraction_is_not_reckoned_with(reckon):
    with pytest.raises(TypeError, match=r"`\.usd`"):
        reckon(parse_amount("1"))


def test_an_amount_goes_through_pickle_and_copies():
    one = parse_amount("1.5")
    for money in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert (money, type(money)) == (one, Picodollars)


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("$5", "5"),
        ("5 USD", "5"),
        ("usd 5", "5"),
        ("$5 USD", "5"),
        ("-$5", "-5"),
        ("1_000", "1000"),
        ("1,000.00", "1000"),
        ("$1,234,567", "1234567"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, usd: str) -> None:
    assert parse_amount(text, signed=True) == parse_amount(usd, signed=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,000", "write 1000 or 1.000, whichever is meant"),
        ("0,5", "write 05 or 0.5, whichever is meant"),
        ("1.000,00", "write US dollars as in 0.05 or 10"),
        ("5 EUR", "write US dollars as in 0.05 or 10"),
        ("1,00,000.00", "write US dollars as in 0.05 or 10"),
    ],
)
def test_an_amount_that_may_mean_two_is_refused_with_both(text: str, says: str) -> None:
    with pytest.raises(InvalidValueError, match=says):
        parse_amount(text)
