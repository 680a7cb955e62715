"""Instants as datetimes, timestamps and text."""

import math
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetctl import periods
from budgetctl.errors import InvalidValueError
from support.times import END_US, at, same_every_time


@same_every_time
@given(st.integers(0, END_US - 1))
def test_an_instant_is_read_back_from_its_datetime(us):
    assert periods.from_datetime(periods.to_datetime(us)) == us
    assert periods.from_datetime(datetime.fromisoformat(periods.rfc3339(us))) == us


@same_every_time
@given(st.integers(0, 2**33 * 1_000_000))
def test_an_instant_is_read_back_from_its_timestamp(us):
    assert periods.from_timestamp(periods.to_timestamp(us)) == us


@same_every_time
@given(st.integers(0, END_US // 1_000_000 - 1))
def test_whole_seconds_are_exact(seconds):
    assert periods.from_timestamp(seconds) == periods.from_timestamp(float(seconds)) == seconds * 1_000_000


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_329_660_000_000, "2026-11-22T06:41:00Z"),
        (1_795_329_660_123_456, "2026-11-22T06:41:00.123456Z"),
        (1_795_329_660_100_000, "2026-11-22T06:41:00.100000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_rfc3339_has_a_fraction_only_where_there_is_one(us, text):
    assert periods.rfc3339(us) == text


def test_a_datetime_in_any_zone_is_the_same_instant():
    summer = datetime(2026, 7, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    assert periods.from_datetime(summer) == at("2026-07-01T12:00")


def test_instants_end_before_the_year_3000():
    assert periods.check_instant(0) == 0
    assert periods.rfc3339(periods.check_instant(END_US - 1)) == "2999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("us", [-1, END_US, 10**30, pytest.param(10**5000, id="thousands of digits")])
def test_instants_out_of_range_are_refused(us):
    with pytest.raises(InvalidValueError, match="is not a possible time"):
        periods.check_instant(us)


@pytest.mark.parametrize(
    "seconds",
    [
        True,
        -1,
        -1e-9,
        math.nan,
        math.inf,
        -math.inf,
        END_US // 10**6,
        1e300,
        pytest.param(10**5000, id="thousands of digits"),
        "0",
        None,
    ],
)
def test_what_is_no_timestamp_is_refused(seconds):
    with pytest.raises(InvalidValueError, match="is not a possible time"):
        periods.from_timestamp(seconds)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1969, 12, 31, 23, tzinfo=UTC),
        datetime(3000, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_datetimes_out_of_range_are_refused(moment):
    with pytest.raises(InvalidValueError, match="must lie from 1970 to 2999"):
        periods.from_datetime(moment)


@pytest.mark.parametrize("read", [periods.parse_instant, periods.parse_expiry])
def test_a_time_that_says_no_zone_is_on_the_clock_that_is_meant(read):
    assert read("2126-12-01", 0) == at("2126-12-01")
    assert read("2126-12-01", 0, "Asia/Tokyo") == at("2126-12-01", "Asia/Tokyo") == at("2126-11-30 15:00")
    assert read("2126-12-01T09:30", 0, "Asia/Tokyo") == at("2126-12-01 09:30", "Asia/Tokyo")
    assert read("2126-12-01T09:30Z", 0, "Asia/Tokyo") == at("2126-12-01 09:30")


def test_a_naive_datetime_is_refused():
    with pytest.raises(InvalidValueError, match="2026-01-01T00:00:00 has no time zone"):
        periods.from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001
