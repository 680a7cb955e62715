"""Durations as text, and as litellm's days."""

import math

import pytest
from hypothesis import given

from budgetctl import periods
from budgetctl.errors import InvalidValueError
from budgetctl.periods import parse_duration
from support.times import durations, same_every_time


@same_every_time
@given(durations)
def test_a_duration_is_read_back_from_its_text(duration):
    assert parse_duration(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1h", "hourly"),
        ("1d", "daily"),
        ("1w", "weekly"),
        ("1mo", "monthly"),
        ("3mo", "quarterly"),
        ("1y", "yearly"),
        ("7d", "7d"),
        ("24h", "24h"),
        ("12mo", "12mo"),
        ("07D", "7d"),
        ("Monthly", "monthly"),
        (" daily\n", "daily"),
    ],
)
def test_a_duration_has_one_canonical_text(text, canonical):
    assert str(parse_duration(text)) == canonical


@pytest.mark.parametrize("text", ["none", "None"])
def test_none_is_no_duration(text):
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fortnightly",
        "30",
        "d",
        "30m",
        "30s",
        "1 d",
        "-1d",
        "+1d",
        "1.5d",
        "1e3d",
        "1_0d",
        "7d7d",
        "P1D",
        "\uff11d",
    ],
)
def test_what_is_no_duration_is_refused_with_what_is_accepted(text):
    with pytest.raises(InvalidValueError) as caught:
        parse_duration(text)
    assert str(caught.value).startswith(f"{text!r} is not a duration: ")
    assert "36h" in str(caught.value)


@pytest.mark.parametrize("text", ["0h", "0d", "876601h", "36526d", "5218w", "1201mo", "101y", "999999999h"])
def test_a_duration_out_of_range_is_refused_with_the_range(text):
    with pytest.raises(InvalidValueError, match=rf"^'{text}' is out of range: use a duration from 1"):
        parse_duration(text)


def test_a_refusal_stays_one_short_line_whatever_was_given():
    with pytest.raises(InvalidValueError) as caught:
        parse_duration("9\n" * 10_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "daily"),
        (7, "weekly"),
        (28, "monthly"),
        (365, "yearly"),
        (30, "30d"),
        (14.0, "14d"),
        (36_525, "36525d"),
    ],
)
def test_litellms_days_are_durations_and_back(days, text):
    duration = periods.duration_from_days(days)
    assert str(duration) == text
    assert periods.days_of(duration) == days


@pytest.mark.parametrize(
    ("text", "days"), [("quarterly", 91), ("2w", 14), ("2mo", 56), ("6mo", 168), ("2y", 730), ("36h", 1.5)]
)
def test_durations_that_litellm_lacks_have_days_too(text, days):
    assert periods.days_of(parse_duration(text)) == days


@pytest.mark.parametrize(
    "days",
    [
        True,
        0,
        -7,
        0.5,
        1.5,
        math.nan,
        math.inf,
        36_526,
        1e300,
        pytest.param(10**5000, id="thousands of digits"),
        "7",
        None,
    ],
)
def test_what_is_no_count_of_days_is_refused(days):
    with pytest.raises(InvalidValueError, match="is not a duration: use whole days, from 1 to 36525"):
        periods.duration_from_days(days)
